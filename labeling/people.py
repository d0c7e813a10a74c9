"""Who works here and as what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.schema import Annotator, AuditEntry
from labeling.errors import PermissionRefused
from labeling.permissions import ROLES


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
    changes: Sequence[Person], *, session: Session, annotator_id: int | None = None
) -> int:
    """Set role and activity of people as `changes` says; return how many were changed.

    Raises PermissionRefused for an unknown role, or when no active admin would be left.
    """
    wanted: Mapping[int, Person] = {one.id: one for one in changes}
    changed: list[dict[str, Any]] = []
    admins = 0
    for stored in session.scalars(select(Annotator)):
        new = wanted.get(stored.id)
        if new is not None and (new.role, new.active) != (stored.role, stored.active):
            if new.role not in ROLES:
                raise PermissionRefused(
                    f"the role of {stored.name} is {new.role!r}; choose one of {', '.join(ROLES)}"
                )
            changed.append({"name": stored.name, "role": new.role, "active": new.active})
            stored.role, stored.active = new.role, new.active
        admins += stored.active and stored.role == "admin"
    if admins == 0:
        raise PermissionRefused(
            "nobody would be an active admin any more; make another person admin first"
        )
    if changed:
        session.add(
            AuditEntry(annotator_id=annotator_id, action="change people", detail={"to": changed})
        )
    return len(changed)
