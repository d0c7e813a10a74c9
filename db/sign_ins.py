"""Stays of people who signed in: begun, recognised, ended. Whoever reads the store learns no token.

A stay ends two hours after its last act, twelve hours after it began, on signing out, and when
the password changes or the account is disabled.
"""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from db.schema import Annotator, SignIn
from db.types import now

IDLE = timedelta(hours=2)
LONGEST = timedelta(hours=12)
TICKET = timedelta(seconds=60)
KEPT = timedelta(days=30)
# A stay is marked as seen at most this often: each mark is a write.
MARKED_EVERY = timedelta(minutes=1)


def begin(
    annotator: Annotator, *, session: Session, way: str = "password", named: str | None = None
) -> tuple[SignIn, str]:
    """Begin a stay; return it and its ticket, which `redeem` turns into a cookie's token once.

    named: for oidc, what names the provider's sign-in; such a stay needs no ticket.
    """
    moment = now()
    session.execute(delete(SignIn).where(SignIn.expires_at < moment - KEPT))
    ticket = secrets.token_urlsafe(32)
    stay = SignIn(
        annotator_id=annotator.id,
        way=way,
        ticket=_digest(ticket) if named is None else None,
        token=None if named is None else _digest(named),
        created_at=moment,
        seen_at=moment,
        expires_at=moment + LONGEST,
    )
    session.add(stay)
    session.flush()
    return stay, ticket


def redeem(ticket: str, *, session: Session) -> str | None:
    """Return a new token for the cookie of the ticket's stay; None for a ticket that is no good."""
    stay = session.scalars(
        select(SignIn).where(SignIn.ticket == _digest(ticket)).with_for_update()
    ).one_or_none()
    if stay is None or not _lives(stay) or now() - stay.created_at > TICKET:
        return None
    token = secrets.token_urlsafe(32)
    stay.ticket, stay.token = None, _digest(token)
    return token


def person_of(sign_in_id: int, *, session: Session) -> Annotator | None:
    """Return who a living stay belongs to, None when it ended or its person is not active."""
    stay = session.get(SignIn, sign_in_id)
    if stay is None or not _lives(stay):
        return None
    person = session.get(Annotator, stay.annotator_id)
    return person if person is not None and person.active else None


def by_token(token: str, *, session: Session, way: str = "password") -> SignIn | None:
    """Return the stay that a cookie (or, for oidc, a provider's sign-in) names, ended or not."""
    query = select(SignIn).where(SignIn.token == _digest(token), SignIn.way == way)
    return session.scalars(query).one_or_none()


def is_stale(sign_in_id: int, *, session: Session) -> bool:
    """Tell whether a stay is due to be marked as seen."""
    stay = session.get(SignIn, sign_in_id)
    return stay is not None and _lives(stay) and now() - stay.seen_at > MARKED_EVERY


def mark_seen(sign_in_id: int, *, session: Session) -> None:
    """Note that the person did something; a stay that ended stays ended."""
    stay = session.get(SignIn, sign_in_id)
    if stay is not None and _lives(stay):
        stay.seen_at = now()


def end(sign_in_id: int, why: str, *, session: Session) -> None:
    """End one stay."""
    session.execute(
        update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.ended_at.is_(None))
        .values(ended_at=now(), why=why)
    )


def end_all(annotator_id: int, why: str, *, session: Session) -> None:
    """End every stay of a person, in every browser."""
    session.execute(
        update(SignIn)
        .where(SignIn.annotator_id == annotator_id, SignIn.ended_at.is_(None))
        .values(ended_at=now(), why=why)
    )


def _lives(stay: SignIn) -> bool:
    moment = now()
    return stay.ended_at is None and moment < stay.expires_at and moment - stay.seen_at < IDLE


def _digest(secret: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(secret.encode()).hexdigest()
