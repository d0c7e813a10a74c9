"""Accounts: made and changed at the server's command line, or by an admin on the settings page."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db import passwords, sign_ins
from db.errors import AccountError, ConflictError, NotFoundError
from db.schema import Annotator, AuditEntry

ROLES = ("annotator", "reviewer", "admin")
LONGEST_NAME = 60


@dataclass(frozen=True)
class NewAccount:
    """An account to be made. email: what a provider's sign-in is recognised by."""

    name: str
    email: str | None = None
    role: str = "annotator"
    password: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.role not in ROLES:
            raise AccountError(f"the role is {self.role!r}; choose one of {', '.join(ROLES)}")
        if self.email is not None and not usable_email(self.email):
            raise AccountError(f"{self.email!r} is no e-mail address")
        if self.password is not None:
            passwords.check_new(self.password, self.name)


def check_name(name: str) -> None:
    """Raise AccountError unless a person may be called so."""
    if not name or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise AccountError(
            f"the name is {name!r}; it has 1 to {LONGEST_NAME} visible characters and does not "
            "begin or end with blanks"
        )


def usable_email(email: str) -> bool:
    """Tell whether this looks like an address: something @ something, in visible characters."""
    local, at, host = email.rpartition("@")
    return bool(local and at and host) and email.isprintable() and " " not in email


def add(account: NewAccount, *, session: Session) -> Annotator:
    """Make an account. Raises ConflictError for a name or an address that is taken."""
    if _named(account.name, session=session) is not None:
        raise ConflictError(
            f"{account.name!r} exists already; give them a password: "
            f"python -m db user password {account.name!r}"
        )
    email = account.email.lower() if account.email else None
    if email is not None and by_email(email, session=session) is not None:
        raise ConflictError(f"another account has the address {email}; each needs its own")
    stored = passwords.digest(account.password) if account.password is not None else None
    person = Annotator(name=account.name, email=email, role=account.role, password_hash=stored)
    session.add(person)
    session.flush()
    _audit(person, "add account", session=session, role=person.role, email=email)
    return person


def everybody(*, session: Session) -> Sequence[Annotator]:
    """Return all people, by name."""
    return session.scalars(select(Annotator).order_by(Annotator.name)).all()


def named(name: str, *, session: Session) -> Annotator:
    """Return a person by name. Raises NotFoundError, naming those who exist."""
    found = _named(name, session=session)
    if found is None:
        names = ", ".join(repr(one.name) for one in everybody(session=session)) or "nobody yet"
        raise NotFoundError(f"nobody is called {name!r}; there are: {names}")
    return found


def by_email(email: str, *, session: Session) -> Annotator | None:
    """Return the person with an address, upper and lower case being the same."""
    query = select(Annotator).where(func.lower(Annotator.email) == email.lower())
    return session.scalars(query).one_or_none()


def set_password(person: Annotator, password: str, *, session: Session) -> None:
    """Give a person a new password; they are signed out everywhere."""
    passwords.check_new(password, person.name)
    person.password_hash = passwords.digest(password)
    sign_ins.end_all(person.id, "password changed", session=session)
    _audit(person, "set password", session=session)


def change(
    person: Annotator,
    *,
    session: Session,
    role: str | None = None,
    email: str | None = None,
    active: bool | None = None,
    by: int | None = None,
) -> bool:
    """Change what an account is, and tell whether anything was changed.

    One that is disabled is signed out everywhere. email: "" takes the address away. by: the
    number of the person who does it, None at the command line.
    Raises AccountError, ConflictError.
    """
    changed: dict[str, object] = {}
    before = {"role": person.role, "email": person.email, "active": person.active}
    if role is not None and role != person.role:
        if role not in ROLES:
            raise AccountError(f"the role is {role!r}; choose one of {', '.join(ROLES)}")
        changed["role"] = person.role = role
    if email is not None and (email.lower() or None) != person.email:
        changed["email"] = person.email = _free_email(person, email, session=session)
    if active is not None and active != person.active:
        changed["active"] = person.active = active
        if not active:
            sign_ins.end_all(person.id, "disabled", session=session)
    if changed:
        detail = {name: {"before": before[name], "after": new} for name, new in changed.items()}
        _audit(person, "change account", session=session, by=by, **detail)
    return bool(changed)


def _free_email(person: Annotator, email: str, *, session: Session) -> str | None:
    if not email:
        return None
    if not usable_email(email):
        raise AccountError(f"{email!r} is no e-mail address")
    other = by_email(email, session=session)
    if other is not None and other.id != person.id:
        raise ConflictError(f"{other.name!r} has the address {email}; each account needs its own")
    return email.lower()


def _named(name: str, *, session: Session) -> Annotator | None:
    return session.scalars(select(Annotator).where(Annotator.name == name)).one_or_none()


def _audit(
    person: Annotator, action: str, *, session: Session, by: int | None = None, **detail: object
) -> None:
    session.add(AuditEntry(annotator_id=by, action=action, subject=person.name, detail=detail))
