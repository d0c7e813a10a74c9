"""Adding model versions and moving the pointer to the current one."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.engine import serialize
from db.predictions import prune_predictions
from db.schema import AuditEntry, ModelVersion
from db.types import now


def add_model_version(project_id: int, *, session: Session, facts: dict[str, Any]) -> ModelVersion:
    """Add a candidate with the project's next number; `facts` are the other columns."""
    serialize(session, f"models of {project_id}")
    query = select(func.max(ModelVersion.number)).where(ModelVersion.project_id == project_id)
    number = (session.scalar(query) or 0) + 1
    version = ModelVersion(project_id=project_id, number=number, **facts)
    session.add(version)
    session.flush()
    return version


def make_current(version: ModelVersion, *, session: Session) -> ModelVersion | None:
    """Point the project at `version`; return the version that was current before, if any.

    The old pointer is cleared first: a partial unique index allows one current version.
    """
    serialize(session, f"models of {version.project_id}")
    query = select(ModelVersion).where(
        ModelVersion.project_id == version.project_id, ModelVersion.state == "current"
    )
    before = session.scalars(query).one_or_none()
    if before is not None and before.id != version.id:
        before.state = "retired"
        session.flush()
    version.state = "current"
    version.promoted_at = now()
    session.flush()
    return before if before is not version else None


def promote(version: ModelVersion, *, session: Session, annotator_id: int | None = None) -> None:
    """Make a version current, note who did it, and forget predictions that no one can need.

    Those of the version before stay, so that a roll-back re-points at once.
    """
    # Once promoted, always a roll-back afterwards.
    action = "promote" if version.promoted_at is None else "roll back"
    before = make_current(version, session=session)
    if before is not None:
        prune_predictions(version.project_id, {version.id, before.id}, session=session)
    session.add(
        AuditEntry(
            project_id=version.project_id,
            annotator_id=annotator_id,
            action=action,
            subject=f"version {version.number}",
            detail={"from": before.number if before else None, "to": version.number},
        )
    )
