"""The audit log as admins read it: newest first, by kind, person and day, or as a file."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db.schema import Annotator, AuditEntry, Project
from labeling.formula import escape
from labeling.permissions import require_of

LIMIT = 200
COLUMNS = ("time", "person", "action", "subject", "project", "detail")


@dataclass(frozen=True)
class LogWish:
    """Which entries: None for all. annotator_id 0 means the command line and the app itself.

    since, until: moments, the second one not included.
    """

    action: str | None = None
    annotator_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class LogEntry:
    """One act. person and project are None where there was none, or it is gone."""

    time: datetime
    person: str | None
    action: str
    subject: str
    project: str | None
    detail: dict[str, Any]


def entries(
    wish: LogWish, viewer: Annotator, *, session: Session, limit: int = LIMIT
) -> list[LogEntry]:
    """Return the newest entries that fit, newest first. Raises PermissionRefused."""
    require_of(viewer, "see_audit")
    return list(_entries(_query(wish).limit(limit), session=session))


def write_csv(wish: LogWish, viewer: Annotator, *, session: Session) -> str:
    """Return all entries that fit as CSV; no cell can run as a formula in a spreadsheet.

    Raises PermissionRefused.
    """
    require_of(viewer, "see_audit")
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in _entries(_query(wish), session=session):
        writer.writerow(
            [
                one.time.isoformat(timespec="seconds"),
                escape(one.person or ""),
                escape(one.action),
                escape(one.subject),
                escape(one.project or ""),
                json.dumps(one.detail, ensure_ascii=False) if one.detail else "",
            ]
        )
    return out.getvalue()


def actions(*, session: Session) -> Sequence[str]:
    """Return the kinds of entries that there are."""
    query = select(AuditEntry.action).distinct().order_by(AuditEntry.action)
    return session.scalars(query).all()


def _query(wish: LogWish) -> Select[AuditEntry, str, str]:
    query = (
        select(AuditEntry, Annotator.name, Project.name)
        .outerjoin(Annotator, Annotator.id == AuditEntry.annotator_id)
        .outerjoin(Project, Project.id == AuditEntry.project_id)
        .order_by(AuditEntry.id.desc())
    )
    if wish.action is not None:
        query = query.where(AuditEntry.action == wish.action)
    if wish.annotator_id is not None:
        query = query.where(AuditEntry.annotator_id == (wish.annotator_id or None))
    if wish.since is not None:
        query = query.where(AuditEntry.created_at >= wish.since)
    if wish.until is not None:
        query = query.where(AuditEntry.created_at < wish.until)
    return query


def _entries(query: Select[AuditEntry, str, str], *, session: Session) -> Iterator[LogEntry]:
    for entry, person, project in session.execute(query.execution_options(yield_per=500)):
        yield LogEntry(
            time=entry.created_at,
            person=person,
            action=entry.action,
            subject=entry.subject,
            project=project,
            detail=entry.detail,
        )
