"""T15: files over the limit, with true, false and no lengths, alone and five at once; strangers.

The real server, in accounts mode, with its limit lowered. Nothing refused is kept, and what the
server holds meanwhile is bounded. A file at the limit must come in, or the rest would show little.

Seen to fail when upload_guard let everybody pass, and when it took the cookie of a stay that had
ended (strangers let in); when the server's limit was twice the one meant (not refused, bytes kept).
"""

import itertools
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from scale import amount
from uploads import Visitor, form, length

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))

from app_server import AppServer

from db import accounts, sign_ins
from db.engine import make_engine
from db.migrate import upgrade
from db.schema import Annotator
from db.sessions import writing

MB = 1 << 20
LIMIT = amount(2, 50) * MB
AT_ONCE = 5
ROUNDS = amount(1, 4)
# The server's own allowance for what is around the file, and what is under way in buffers.
SLACK = 9 * MB
STRANGERS = ("nobody", "made-up cookie", "stay that ended")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    data = tmp_path_factory.mktemp("uploads")
    engine = make_engine(f"sqlite:///{data / 'relabel.db'}")
    upgrade(engine)
    with writing(engine) as session:
        accounts.add(accounts.NewAccount("Ben", None, "admin"), session=session)
    engine.dispose()
    started = AppServer(data)
    started.environment["RELABEL_ACCESS"] = "accounts"
    started.environment["STREAMLIT_SERVER_MAX_UPLOAD_SIZE"] = str(LIMIT // MB)
    started.start()
    yield started
    started.kill()


def visitor(server: AppServer, who: str) -> Visitor:
    """Somebody signed in, or one of the strangers."""
    cookie = {"nobody": "", "made-up cookie": "A" * 43}.get(who)
    if cookie is None:
        cookie = _cookie(server, ended=who == "stay that ended")
    return Visitor(server.port, cookie)


def _cookie(server: AppServer, *, ended: bool) -> str:
    engine = make_engine(f"sqlite:///{server.data / 'relabel.db'}")
    with writing(engine) as session:
        stay, ticket = sign_ins.begin(session.get_one(Annotator, 1), session=session)
        token = sign_ins.redeem(ticket, session=session)
        if ended:
            sign_ins.end(stay.id, "signed out", session=session)
    engine.dispose()
    assert token is not None
    return token


@pytest.fixture
def ben(server: AppServer) -> Iterator[Visitor]:
    with visitor(server, "Ben").there() as arrived:
        yield arrived


def test_nothing_over_the_limit_comes_in(server: AppServer, ben: Visitor, tell) -> None:
    assert ben.send(form(LIMIT), chunked=True, name="at-the-limit").status == 204
    before = memory(server, "VmRSS")
    forget_peak(server)
    too_long, endless = 3 * LIMIT + 4 * SLACK, []
    answers = {
        "a byte more": ben.send(form(LIMIT + 1), f"Content-Length: {length(LIMIT + 1)}"),
        "a byte more, no length": ben.send(form(LIMIT + 1), chunked=True),
        "negative": ben.send(form(10), "Content-Length: -1"),
        "no number": ben.send(form(10), "Content-Length: many"),
        "stated too short": ben.send(form(LIMIT + 1), "Content-Length: 100"),
        "stated too long": ben.send((), f"Content-Length: {LIMIT * 1000}"),
        "short, and chunked": ben.send(form(LIMIT + 1), "Content-Length: 100", chunked=True),
    }
    hung_up = ben.send(form(LIMIT // 2), f"Content-Length: {LIMIT}", cut=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(ROUNDS):
            sending = [
                pool.submit(ben.send, form(too_long), chunked=True, name=f"file-{number}")
                for number in range(AT_ONCE)
            ]
            endless += [one.result() for one in sending]
    grown = memory(server, "VmHWM") - before
    lost = {
        "not refused": sum(one.status not in {400, 413} for one in answers.values()),
        "hung up, yet taken": int(hung_up.status not in {None, 400}),
        "at once, not refused": sum(one.status != 413 for one in endless),
        "read on beyond the limit": sum(one.sent > LIMIT + SLACK for one in endless),
        "bytes kept": kept(server) - LIMIT,
    }
    tell(
        "uploads",
        done={"uploads": len(answers) + 1 + len(endless)},
        lost=lost,
        notes={"limit": f"{LIMIT // MB} MB", "memory": f"+{grown // MB} MB"},
    )
    assert lost == dict.fromkeys(lost, 0), (answers, hung_up, endless)
    assert grown <= AT_ONCE * LIMIT + 150 * MB


def test_strangers_are_refused_before_they_send_a_byte(server: AppServer, tell) -> None:
    ways = list(
        itertools.product(
            ("PUT", "DELETE", "POST"), (([f"Content-Length: {LIMIT // 2}"], False), ([], True))
        )
    )
    let_in = []
    for who in STRANGERS:
        with visitor(server, who).there() as stranger:
            for method, (headers, chunked) in ways:
                answer = stranger.send(None, *headers, method=method, chunked=chunked)
                if answer.status != 401:
                    let_in.append((who, method, chunked, answer))
    tell(
        "uploads",
        done={"of strangers": len(STRANGERS) * len(ways)},
        lost={"strangers let in": len(let_in)},
    )
    assert not let_in


def kept(server: AppServer) -> int:
    """Return how many bytes of uploads the server says that it holds; it says so anew after 5 s."""
    with urllib.request.urlopen(f"{server.url}/_stcore/metrics", timeout=30) as reply:  # noqa: S310
        lines = reply.read().decode().splitlines()
    return sum(int(line.split()[-1]) for line in lines if re.search("(?i)uploaded_?file", line))


def memory(server: AppServer, what: str) -> int:
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    found = re.search(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) << 10


def forget_peak(server: AppServer) -> None:
    assert server.process is not None
    with Path(f"/proc/{server.process.pid}/clear_refs").open("w") as file:
        print(5, file=file, end=os.linesep)
