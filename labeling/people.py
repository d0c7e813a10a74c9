"""Who works here and as what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import accounts
from db.errors import ConflictError
from db.schema import Annotator
from labeling.errors import PermissionRefused
from labeling.permissions import ROLES, allow


@dataclass(frozen=True)
class Person:
    """One person. Annotators label, reviewers also decide, admins also change settings."""

    id: int
    name: str
    role: str
    active: bool


def list_people(*, session: Session) -> list[Person]:
    """Return everybody, by name."""
    found = session.scalars(select(Annotator).order_by(Annotator.name))
    return [Person(one.id, one.name, one.role, one.active) for one in found]


def update_people(
    changes: Sequence[Person],
    *,
    session: Session,
    shown: Sequence[Person] = (),
    annotator_id: int | None = None,
) -> int:
    """Set role and activity of people as `changes` says; return how many were changed.

    shown: what whoever changed them had before them; who stands in `changes` as shown is left as
    stored. annotator_id: who does it. Raises PermissionRefused: for somebody who is no admin, for
    an unknown role, or when no active admin would be left; ConflictError for somebody who is not
    any more as shown.
    """
    allow(annotator_id, "manage_people", session=session)
    before: Mapping[int, Person] = {one.id: one for one in shown}
    wanted: Mapping[int, Person] = {one.id: one for one in changes if one != before.get(one.id)}
    changed = admins = 0
    for stored in session.scalars(select(Annotator)).all():
        new = wanted.get(stored.id)
        if new is not None:
            _check_as_shown(stored, before.get(stored.id))
            if new.role not in ROLES:
                raise PermissionRefused(
                    f"the role of {stored.name} is {new.role!r}; choose one of {', '.join(ROLES)}"
                )
            changed += accounts.change(
                stored, session=session, role=new.role, active=new.active, by=annotator_id
            )
        admins += stored.active and stored.role == "admin"
    if admins == 0:
        raise PermissionRefused(
            "nobody would be an active admin any more; make another person admin first"
        )
    return changed


def _check_as_shown(stored: Annotator, shown: Person | None) -> None:
    if shown is not None and (stored.role, stored.active) != (shown.role, shown.active):
        now = stored.role if stored.active else f"{stored.role}, not active"
        raise ConflictError(
            f"somebody else changed {stored.name} in the meantime (now: {now}); nothing was "
            "saved. Reload the page to see everybody as they are, then change them again"
        )
