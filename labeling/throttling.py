"""How often sign-ins may fail: per name and over all, with waits that double.

Kept in the store, so that a restart forgives nothing. A try is counted before the password is
looked at; so a hundred tries at the same moment count as a hundred.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from db.engine import serialize
from db.schema import SignInTries
from db.types import now


@dataclass(frozen=True)
class Limit:
    """After `free` failures the next try waits: a second, then twice as long, up to `longest`.

    Failures are forgotten after `forgotten` without another one.
    """

    free: int
    longest: timedelta
    forgotten: timedelta

    def wait(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures."""
        over = failures - self.free
        if over < 0:
            return timedelta(0)
        return min(self.longest, timedelta(seconds=2 ** min(over, 30)))


OF_NAME = Limit(free=5, longest=timedelta(minutes=15), forgotten=timedelta(hours=1))
OF_ALL = Limit(free=100, longest=timedelta(seconds=30), forgotten=timedelta(minutes=10))
ALL = "all"
_KEPT = timedelta(days=1)


def count_try(name: str, *, session: Session) -> timedelta:
    """Count a try to sign in; return how long to wait instead, zero for "go on".

    A try that must wait is not counted: waiting it out is enough.
    """
    serialize(session, "sign in")
    limits = {key_of(name): OF_NAME, ALL: OF_ALL}
    rows = {key: session.get(SignInTries, key) for key in limits}
    # Only now: reading waited for the tries before this one.
    moment = now()
    waits = [row.wait_until - moment for row in rows.values() if row and row.wait_until]
    if waits and max(waits) > timedelta(0):
        return max(waits)
    for key, limit in limits.items():
        row = rows[key]
        if row is None:
            row = SignInTries(key=key, failures=0, last_at=moment)
            session.add(row)
        forgotten = moment - row.last_at > limit.forgotten
        row.failures = 1 if forgotten else row.failures + 1
        row.last_at, row.wait_until = moment, moment + limit.wait(row.failures)
    session.execute(
        delete(SignInTries).where(SignInTries.last_at < moment - _KEPT, SignInTries.key != ALL)
    )
    return timedelta(0)


def forgive(name: str, *, session: Session) -> None:
    """Take the last try back and forget the failures of the name: the password was right."""
    serialize(session, "sign in")
    own = session.get(SignInTries, key_of(name))
    if own is not None:
        session.delete(own)
    total = session.get(SignInTries, ALL)
    if total is not None:
        total.failures, total.wait_until = max(0, total.failures - 1), None


def key_of(name: str) -> str:
    """Return the key of a name; a digest, because people type passwords into the wrong field."""
    return hashlib.sha256(f"name:{name.strip().casefold()}".encode()).hexdigest()
