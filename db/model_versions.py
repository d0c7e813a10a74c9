"""Adding model versions and moving the pointer to the current one."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.engine import serialize
from db.schema import ModelVersion
from db.types import now


def add_model_version(
    project_id: int, *, session: Session, facts: dict[str, Any]
) -> ModelVersion:
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
