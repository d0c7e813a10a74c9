"""Passwords, kept as argon2id digests only.

A digest takes 64 MiB and a tenth of a second on purpose. At most two are worked out at once, so
that a flood of sign-ins fills no memory and takes no more than its share of the processor.
"""

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from db.errors import AccountError

SHORTEST, LONGEST = 12, 1024
_AT_ONCE = threading.BoundedSemaphore(2)


@cache
def hasher() -> PasswordHasher:
    """Return the one hasher: argon2id with RFC 9106's second recommended set of parameters."""
    return PasswordHasher()


def digest(password: str) -> str:
    """Return what is stored instead of the password."""
    with _AT_ONCE:
        return hasher().hash(password)


def check_new(password: str, name: str) -> None:
    """Raise AccountError unless this may become the password of `name`."""
    if len(password) < SHORTEST:
        raise AccountError(
            f"the password has {len(password)} characters; use at least {SHORTEST}, "
            "for instance four words"
        )
    if len(password) > LONGEST or "\0" in password:
        raise AccountError(f"the password is longer than {LONGEST} characters or holds a NUL")
    if name.casefold() in password.casefold() and len(password) - len(name) < SHORTEST:
        raise AccountError("the password is little more than the name; choose another one")


def matches(password: str, stored: str | None) -> bool:
    """Tell whether the password is the one behind a stored digest.

    The same work is done where nothing is stored, so that time does not tell who has an account.
    """
    known = stored is not None
    if len(password) > LONGEST:
        password, known = "", False
    with _AT_ONCE:
        try:
            hasher().verify(stored if stored is not None else _nobodys(), password)
        except (Argon2Error, InvalidHashError):
            return False
    return known


def outdated(stored: str) -> bool:
    """Tell whether a digest was made with weaker parameters than today's."""
    return hasher().check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return hasher().hash(secrets.token_urlsafe())
