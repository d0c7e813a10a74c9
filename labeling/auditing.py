"""The log of what others may ask about."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from db.schema import Annotator, AuditEntry, Project


def audit(
    project: Project,
    person: Annotator,
    action: str,
    subject: str,
    detail: Mapping[str, Any],
    *,
    session: Session,
) -> None:
    """Add an entry in the transaction of the act itself: both are kept, or neither."""
    session.add(
        AuditEntry(
            project_id=project.id,
            annotator_id=person.id,
            action=action,
            subject=subject,
            detail=dict(detail),
        )
    )
