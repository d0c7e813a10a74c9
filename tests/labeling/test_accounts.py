"""Signing in: who comes in, who does not, how often one may fail, when a stay ends."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine, select

from db import accounts as stored
from db import passwords, sign_ins
from db.engine import make_engine
from db.errors import AccountError, ConflictError
from db.migrate import upgrade
from db.schema import Annotator, AuditEntry, SignIn, SignInTries
from db.sessions import reading, writing
from db.types import now
from labeling import accounts, throttling
from labeling.errors import SignInRefused

PASSWORD = "four words make one"  # noqa: S105 - of made-up people
WRONG = "not that one at all"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "hasher", lambda: cheap)
    made = make_engine(f"sqlite:///{tmp_path / 'relabel.db'}")
    upgrade(made)
    with writing(made) as session:
        for account in (
            stored.NewAccount("Ada", "Ada@Example.org", "admin", PASSWORD),
            stored.NewAccount("Ben", None, "annotator", PASSWORD),
            stored.NewAccount("Nopass", "no@example.org"),
        ):
            stored.add(account, session=session)
    yield made
    made.dispose()


def refusal(name: str, password: str, engine: Engine) -> str:
    with pytest.raises(SignInRefused) as refused:
        accounts.sign_in(name, password, engine=engine)
    return str(refused.value)


def claims(**more: object) -> dict[str, object]:
    return {
        "iss": "https://id.example.org",
        "sub": "17",
        "iat": int(now().timestamp()),
        "email": "ada@example.org",
        "email_verified": True,
        **more,
    }


def test_the_store_holds_digests_and_no_secret(engine: Engine, tmp_path: Path) -> None:
    entry = accounts.sign_in("Ada", PASSWORD, engine=engine)
    with writing(engine) as session:
        token = sign_ins.redeem(entry.ticket, session=session)
        assert token is not None
    with reading(engine) as session:
        assert session.scalars(select(Annotator.password_hash)).first().startswith("$argon2id$")
    engine.dispose()
    raw = b"".join(file.read_bytes() for file in tmp_path.glob("relabel.db*"))
    for secret in (PASSWORD, entry.ticket, token):
        assert secret.encode() not in raw


def test_unknown_wrong_disabled_and_passwordless_read_the_same(engine: Engine) -> None:
    with writing(engine) as session:
        ben = stored.named("Ben", session=session)
        stored.change(ben, session=session, active=False)
    said = {
        refusal(name, password, engine)
        for name, password in (
            ("Nobody", WRONG),
            ("Ada", WRONG),
            ("Ben", PASSWORD),
            ("Nopass", ""),
            ("Ada", "x" * 5000),
        )
    }
    assert said == {accounts.REFUSED}


def test_the_same_work_is_done_for_every_refusal(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    hasher = passwords.hasher()

    class Counting:
        def verify(self, digest: str, password: str) -> bool:
            calls.append(digest)
            return hasher.verify(digest, password)

        def hash(self, password: str) -> str:
            return hasher.hash(password)

    monkeypatch.setattr(passwords, "hasher", Counting)
    passwords._nobodys()
    for name in ("Nobody", "Ada", "Nopass"):
        refusal(name, WRONG, engine)
    assert len(calls) == 3
    costs = {digest.split("$")[3] for digest in calls}
    assert len(costs) == 1


def test_waits_double_per_name_and_survive_a_restart(engine: Engine) -> None:
    for _ in range(throttling.OF_NAME.free):
        assert refusal("Ada", WRONG, engine) == accounts.REFUSED
    assert "Wait" in refusal("ada ", PASSWORD, engine)
    waits = [throttling.OF_NAME.wait(failures).total_seconds() for failures in range(4, 18)]
    assert waits == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    fresh = make_engine(str(engine.url))
    assert "Wait" in refusal("Ada", PASSWORD, fresh)
    fresh.dispose()
    # Another name does not wait.
    accounts.sign_in("Ben", PASSWORD, engine=engine)


def test_waiting_it_out_and_the_right_password_forget_the_failures(engine: Engine) -> None:
    for _ in range(throttling.OF_NAME.free):
        refusal("Ada", WRONG, engine)
    with writing(engine) as session:
        for row in session.scalars(select(SignInTries)):
            row.wait_until = now() - timedelta(seconds=1)
    accounts.sign_in("Ada", PASSWORD, engine=engine)
    assert refusal("Ada", WRONG, engine) == accounts.REFUSED
    assert refusal("Ada", WRONG, engine) == accounts.REFUSED


def test_trying_many_names_makes_everybody_wait(engine: Engine) -> None:
    with writing(engine) as session:
        for number in range(throttling.OF_ALL.free):
            assert throttling.count_try(f"guess {number}", session=session) == timedelta(0)
    assert "Wait" in refusal("Ben", PASSWORD, engine)


def test_tries_at_the_same_moment_are_all_counted(engine: Engine) -> None:
    def guess() -> None:
        with pytest.raises(SignInRefused):
            accounts.sign_in("Ada", WRONG, engine=engine)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with reading(engine) as session:
        tries = session.get_one(SignInTries, throttling.key_of("Ada"))
        asked = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "sign in refused")
        ).all()
    # After the free ones each must wait; none slips through because the others are not done.
    assert tries.failures == len(asked) == throttling.OF_NAME.free


@pytest.mark.parametrize("end", ["idle", "longest", "password", "disabled", "signed out"])
def test_a_stay_ends(end: str, engine: Engine) -> None:
    entry = accounts.sign_in("Ben", PASSWORD, engine=engine)
    with writing(engine) as session:
        token = sign_ins.redeem(entry.ticket, session=session)
        assert sign_ins.person_of(entry.sign_in_id, session=session).name == "Ben"
    with writing(engine) as session:
        stay = session.get_one(SignIn, entry.sign_in_id)
        ben = stored.named("Ben", session=session)
        if end == "idle":
            stay.seen_at -= sign_ins.IDLE
        elif end == "longest":
            stay.expires_at -= sign_ins.LONGEST
        elif end == "password":
            stored.set_password(ben, f"{PASSWORD} more", session=session)
        elif end == "disabled":
            stored.change(ben, session=session, active=False)
            stored.change(ben, session=session, active=True)
    if end == "signed out":
        accounts.sign_out(entry.sign_in_id, engine=engine)
    with writing(engine) as session:
        sign_ins.mark_seen(entry.sign_in_id, session=session)
        found = sign_ins.by_token(token, session=session)
        assert found.id == entry.sign_in_id
        assert sign_ins.person_of(found.id, session=session) is None


def test_a_ticket_is_good_once_and_for_a_minute(engine: Engine) -> None:
    first = accounts.sign_in("Ada", PASSWORD, engine=engine)
    late = accounts.sign_in("Ada", PASSWORD, engine=engine)
    with writing(engine) as session:
        assert sign_ins.redeem(first.ticket, session=session)
        assert sign_ins.redeem(first.ticket, session=session) is None
        session.get_one(SignIn, late.sign_in_id).created_at -= sign_ins.TICKET
        assert sign_ins.redeem(late.ticket, session=session) is None
        for forged in ("", "None", "0", first.ticket[:-1]):
            assert sign_ins.redeem(forged, session=session) is None
            assert sign_ins.by_token(forged, session=session) is None


def test_a_provider_admits_whom_an_address_names(engine: Engine) -> None:
    token = claims()  # one: a second later another would be another sign-in
    stay = accounts.sign_in_by_provider(token, engine=engine)
    assert accounts.sign_in_by_provider(token, engine=engine) == stay
    with reading(engine) as session:
        assert sign_ins.person_of(stay, session=session).name == "Ada"
    accounts.sign_out(stay, engine=engine)
    with pytest.raises(SignInRefused, match="ended"):
        accounts.sign_in_by_provider(token, engine=engine)
    assert accounts.sign_in_by_provider({**token, "nonce": "the next"}, engine=engine) != stay


@pytest.mark.parametrize(
    "more",
    [
        {"email": "eve@example.org"},
        {"email": None},
        {"email": ["ada@example.org"]},
        {"email_verified": False},
        {"iat": None},
        {"iat": 0},
        {"iat": int(now().timestamp()) + 90_000},
        {"iss": ""},
        {"sub": None},
    ],
)
def test_a_provider_that_does_not_say_who_it_is_admits_nobody(
    more: dict[str, object], engine: Engine
) -> None:
    with pytest.raises(SignInRefused):
        accounts.sign_in_by_provider(claims(**more), engine=engine)
    with reading(engine) as session:
        assert session.scalars(select(SignIn)).all() == []


@pytest.mark.parametrize(
    "account",
    [
        {"name": "", "password": PASSWORD},
        {"name": " Eve", "password": PASSWORD},
        {"name": "E\tve", "password": PASSWORD},
        {"name": "E" * 61, "password": PASSWORD},
        {"name": "Eve", "password": "short"},
        {"name": "Evelyn Example", "password": "evelyn example1"},
        {"name": "Eve", "password": "x" * 1025},
        {"name": "Eve", "role": "king"},
        {"name": "Eve", "email": "not an address"},
    ],
)
def test_an_account_that_cannot_be_is_refused(account: dict[str, str]) -> None:
    with pytest.raises(AccountError):
        stored.NewAccount(**account)


def test_names_and_addresses_are_taken_once(engine: Engine) -> None:
    with writing(engine) as session:
        for account in (stored.NewAccount("Ada"), stored.NewAccount("Eve", "ADA@example.org")):
            with pytest.raises(ConflictError):
                stored.add(account, session=session)
