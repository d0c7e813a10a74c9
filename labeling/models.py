"""Model versions as people see them: listed, promoted, rolled back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.model_versions import promote as promote_version
from db.predictions import count_unpredicted
from db.projects import get_model, list_models
from db.schema import ModelVersion, Project
from db.sessions import reading, writing
from db.settings import Settings
from labeling.permissions import allow
from trainer.artifacts import verify
from trainer.job import submit


@dataclass(frozen=True)
class VersionRow:
    """One model version: what it is, how it scored, and how it compares with the one before.

    metrics: {"validation": …, "test": …} as in trainer.metrics.Metrics.to_json().
    comparison: trainer.compare.Comparison.to_json() with the version compared to, if any.
    """

    number: int
    kind: str
    base_model: str
    state: str
    label_map: list[str]
    metrics: dict[str, Any]
    comparison: dict[str, Any] | None
    run_id: int | None
    created_at: datetime
    promoted_at: datetime | None


@dataclass(frozen=True)
class Promotion:
    """What a promotion did: the version now current, the one before, tweets being pre-labelled."""

    number: int
    before: int | None
    to_predict: int
    job_id: int | None


def list_versions(project: Project, *, session: Session) -> Sequence[VersionRow]:
    """Return the project's model versions, newest first."""
    return [_row(version) for version in list_models(project, session=session)]


def _row(version: ModelVersion) -> VersionRow:
    return VersionRow(
        number=version.number,
        kind=version.kind,
        base_model=version.base_model,
        state=version.state,
        label_map=list(version.label_map),
        metrics=version.metrics,
        comparison=version.comparison,
        run_id=version.run_id,
        created_at=version.created_at,
        promoted_at=version.promoted_at,
    )


def promote(
    engine: Engine,
    settings: Settings,
    project_id: int,
    number: int,
    *,
    annotator_id: int | None = None,
) -> Promotion:
    """Make a version current and pre-label with it what nobody has reviewed yet.

    Rolling back is promoting an older version; the predictions of the version that was current
    last are kept, so they count again at once.
    Raises NotFoundError for a version that does not exist, ArtifactError for one whose files are
    not as published, PermissionRefused.
    """
    with reading(engine) as session:
        allow(annotator_id, "promote", session=session)
        version = get_model(session.get_one(Project, project_id), number, session=session)
        directory, manifest = settings.data / version.directory, version.manifest_sha256
    verify(directory, manifest)  # reads its files: before anybody has to wait for the store
    with writing(engine) as session:
        allow(annotator_id, "promote", session=session)
        project = session.get_one(Project, project_id)
        version = get_model(project, number, session=session)
        before = next(
            (row.number for row in list_models(project, session=session) if row.state == "current"),
            None,
        )
        if before != number:
            promote_version(version, session=session, annotator_id=annotator_id)
        left = count_unpredicted(project_id, version.id, session=session)
        version_id = version.id
    job_id = None
    if left:
        params = {"model_version_id": version_id}
        job_id = submit(engine, settings, project_id, "prelabel", params, requested_by=annotator_id)
    return Promotion(number, before, left, job_id)
