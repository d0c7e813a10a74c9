"""What was done to a project's labels, from the audit list, and how each is taken back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db.schema import Annotator, AuditEntry, Project
from labeling.creating import edit_labels
from labeling.errors import LabelError
from labeling.merging import MERGE, UNMERGE, merge_label, unmerge_label
from labeling.permissions import require_of
from labeling.templates import NewLabel

EDIT = "edit labels"
ACTIONS = (EDIT, MERGE, UNMERGE)


@dataclass(frozen=True)
class LabelChange:
    """One change. newest: none came after it, so that it can be taken back."""

    entry_id: int
    at: datetime
    person: str
    words: str
    newest: bool


def label_changes(project: Project, *, session: Session, limit: int = 20) -> list[LabelChange]:
    """Return the last changes of the label set, newest first."""
    query = _entries(project.id).add_columns(Annotator.name)
    query = query.outerjoin(Annotator, Annotator.id == AuditEntry.annotator_id).limit(limit)
    return [
        LabelChange(entry.id, entry.created_at, name or "somebody", _words(entry), place == 0)
        for place, (entry, name) in enumerate(session.execute(query))
    ]


def take_back_change(
    project: Project, entry_id: int, person: Annotator, *, session: Session
) -> None:
    """Undo the newest change of the labels; that is a change of its own, and can be undone.

    Raises LabelError where another change came after it.
    """
    require_of(person, "edit_labels")
    newest = session.scalars(_entries(project.id).limit(1)).one_or_none()
    if newest is None or newest.id != entry_id:
        raise LabelError("another change of the labels came after this one; take that back first")
    if newest.action == MERGE:
        unmerge_label(project, newest.subject, person, session=session)
    elif newest.action == UNMERGE:
        merge_label(project, newest.subject, newest.detail["from"], person, session=session)
    else:
        before = [NewLabel(**one) for one in newest.detail["before"]]
        edit_labels(project, before, session=session, annotator_id=person.id)


def _entries(project_id: int) -> Select[AuditEntry]:
    return (
        select(AuditEntry)
        .where(AuditEntry.project_id == project_id, AuditEntry.action.in_(ACTIONS))
        .order_by(AuditEntry.id.desc())
    )


def _words(entry: AuditEntry) -> str:
    """Say in a line what changed."""
    if entry.action == MERGE:
        return (
            f"{entry.subject} merged into {entry.detail['into']}: "
            f"{_counted(entry.detail['answers'], 'answer')}, "
            f"{_counted(entry.detail['gold'], 'gold label')}"
        )
    if entry.action == UNMERGE:
        return f"{entry.subject} parted from {entry.detail['from']} again"
    before = {one["value"]: one for one in entry.detail["before"]}
    after = {one["value"]: one for one in entry.detail["after"]}
    parts = [f"{_name(after[value])} added" for value in after if value not in before]
    parts += [f"{_name(before[value])} retired" for value in before if value not in after]
    for value in before.keys() & after.keys():
        parts += _differences(before[value], after[value])
    if not parts and list(before) != list(after):
        parts = ["put in another order"]
    return "; ".join(sorted(parts)) or "saved without a change"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    if before["name"] != after["name"]:
        return [f"{_name(before)} renamed {after['name']}"]
    changed = [name for name in ("description", "hotkey", "color") if before[name] != after[name]]
    return [f"{_name(after)}: another {' and '.join(changed)}"] if changed else []


def _name(label: dict[str, Any]) -> str:
    return f"{label['name']} ({label['value']})"
