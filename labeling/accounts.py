"""Signing in and out. Every sign-in, refused or not, is in the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from db import passwords, sign_ins
from db.accounts import LONGEST_NAME, by_email
from db.projects import get_or_add_annotator
from db.schema import Annotator, AuditEntry, SignIn
from db.sessions import reading, writing
from db.types import now
from labeling.access import access
from labeling.errors import SignInRefused
from labeling.throttling import count_try, forgive

REFUSED = "That name and password do not go together, or the account is not active."
# Between the provider's sign-in and its first arrival here.
_FRESH = timedelta(minutes=10)


@dataclass(frozen=True)
class Entry:
    """A stay that has begun. ticket: for the browser's cookie, good once and for a minute."""

    sign_in_id: int
    ticket: str


def enter_by_name(name: str, *, engine: Engine) -> int:
    """Let whoever sits at this machine be `name`; return their number.

    For local access only. The first person of an installation becomes its admin, new ones
    annotators. Raises SignInRefused.
    """
    if access().way != "local":
        raise SignInRefused("People sign in here; a name alone lets nobody in.")
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise SignInRefused(
            f"A name has 1 to {LONGEST_NAME} visible characters; type yours and continue."
        )
    with writing(engine) as session:
        first = session.scalar(select(func.count()).select_from(Annotator)) == 0
        person = get_or_add_annotator(name, session=session, role="admin" if first else "annotator")
        if not person.active:
            raise SignInRefused(
                f"{name} is not active here; an admin can change that under Settings."
            )
        _audit("sign in", person.id, person.name, session=session, way="local")
        return person.id


def sign_in(name: str, password: str, *, engine: Engine) -> Entry:
    """Begin a stay for whoever knows the password.

    Raises SignInRefused: the same words, after the same work, whether the name is unknown, the
    password wrong, or the account disabled; other words only for who must wait.
    """
    name = name.strip()
    with writing(engine) as session:
        wait = count_try(name, session=session)
    if wait > timedelta(0):
        seconds = int(wait.total_seconds()) + 1
        raise SignInRefused(f"Too many sign-ins failed. Wait {seconds} s, then try again.")
    with reading(engine) as session:
        found = session.scalars(select(Annotator).where(Annotator.name == name)).one_or_none()
        known = None if found is None else found.id
        stored = found.password_hash if found is not None and found.active else None
    if not passwords.matches(password, stored):
        with writing(engine) as session:
            _audit("sign in refused", known, name if known else "unknown name", session=session)
        raise SignInRefused(REFUSED)
    # Outside the transaction: nobody waits for the store while a digest is worked out.
    better = passwords.digest(password) if passwords.outdated(stored or "") else stored
    with writing(engine) as session:
        person = session.get_one(Annotator, known)
        # Changed or disabled while the digest was worked out.
        if person.password_hash != stored or not person.active:
            raise SignInRefused(REFUSED)
        forgive(name, session=session)
        person.password_hash = better
        stay, ticket = sign_ins.begin(person, session=session)
        _audit("sign in", person.id, person.name, session=session, way="password")
        return Entry(stay.id, ticket)


def sign_in_by_provider(claims: Mapping[str, Any], *, engine: Engine) -> int:
    """Return the stay that belongs to a provider's sign-in, beginning it at its first arrival.

    claims: of the identity token: iss, sub, iat, email, email_verified. The provider's cookie
    lives for weeks; the stay here ends like any other, and then the provider is asked again.
    Raises SignInRefused.
    """
    email = claims.get("email")
    named = _name_of(claims)
    with writing(engine) as session:
        stay = sign_ins.by_token(named, session=session, way="oidc")
        if stay is not None:
            if sign_ins.person_of(stay.id, session=session) is None:
                raise SignInRefused("This sign-in has ended. Sign in again.")
            return stay.id
        person = _person_of(email, claims, session=session)
        if person is not None:
            stay, _ = sign_ins.begin(person, session=session, way="oidc", named=named)
            _audit("sign in", person.id, person.name, session=session, way="oidc")
            return stay.id
        _audit("sign in refused", None, str(email or "no address")[:200], session=session)
    raise SignInRefused(
        f"No active account here has the address {email or '(none was given)'}. Ask an admin to "
        "add it: python -m db user add NAME --email ADDRESS --no-password"
    )


def knows_provider_sign_in(claims: Mapping[str, Any], *, engine: Engine) -> bool:
    """Tell whether a provider's sign-in has a stay that lives; begins none."""
    try:
        named = _name_of(claims)
    except SignInRefused:
        return False
    with reading(engine) as session:
        stay = sign_ins.by_token(named, session=session, way="oidc")
        return stay is not None and sign_ins.person_of(stay.id, session=session) is not None


def sign_out(sign_in_id: int, *, engine: Engine) -> None:
    """End a stay; its cookie is worth nothing from now on."""
    with writing(engine) as session:
        stay = session.get(SignIn, sign_in_id)
        if stay is None or stay.ended_at is not None:
            return
        sign_ins.end(sign_in_id, "signed out", session=session)
        person = session.get_one(Annotator, stay.annotator_id)
        _audit("sign out", person.id, person.name, session=session)


def _person_of(email: object, claims: Mapping[str, Any], *, session: Session) -> Annotator | None:
    if not isinstance(email, str) or claims.get("email_verified") is False:
        return None
    person = by_email(email, session=session)
    return person if person is not None and person.active else None


def _name_of(claims: Mapping[str, Any]) -> str:
    """Return what tells one sign-in of the provider from all others. Raises SignInRefused."""
    issuer, subject, issued = (claims.get(name) for name in ("iss", "sub", "iat"))
    if not issuer or not subject or not isinstance(issued, int | float):
        raise SignInRefused(
            "The provider's identity token lacks iss, sub or iat; its settings need a look."
        )
    age = now() - datetime.fromtimestamp(issued, UTC)
    if age > sign_ins.LONGEST or age < -_FRESH:
        raise SignInRefused("This sign-in has ended. Sign in again.")
    return f"{issuer}\n{subject}\n{issued}\n{claims.get('nonce') or claims.get('sid') or ''}"


def _audit(
    action: str, annotator_id: int | None, subject: str, *, session: Session, **detail: str
) -> None:
    session.add(
        AuditEntry(annotator_id=annotator_id, action=action, subject=subject, detail=detail)
    )
