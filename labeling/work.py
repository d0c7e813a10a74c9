"""Background work as people ask for it: put in the queue, cancelled, gone on with, fetched."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db import jobs
from db.schema import AuditEntry, Job
from db.sessions import reading, writing
from db.settings import Settings
from labeling.columns import ColumnChoice
from labeling.errors import ExportError
from labeling.permissions import allow
from trainer.job import start_due, submit

# The action that a kind of job takes.
ACTION = {
    "import": "import",
    "export": "export",
    "train": "train",
    "prelabel": "prelabel",
    "leakage": "train",
    "curve": "train",
}


@dataclass(frozen=True)
class Upload:
    """A file that was kept in the uploads. path: where; name: what its owner calls it."""

    path: Path
    name: str
    columns: ColumnChoice | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class ExportChoice:
    """What an export is to hold, as in labeling.exporting.export."""

    format: str = "csv"
    rows: str = "gold"
    raw: bool = False


def submit_import(
    engine: Engine,
    settings: Settings,
    project_id: int,
    upload: Upload,
    *,
    annotator_id: int | None,
) -> int:
    """Put the import of a kept file in the queue and return the job's number.

    Raises PermissionRefused.
    """
    params = {
        "path": str(upload.path.relative_to(settings.data)),
        "file_name": upload.name,
        "columns": None if upload.columns is None else asdict(upload.columns),
        "encoding": upload.encoding,
    }
    return _submit(engine, settings, project_id, "import", params, annotator_id)


def submit_export(
    engine: Engine,
    settings: Settings,
    project_id: int,
    choice: ExportChoice,
    *,
    annotator_id: int | None,
) -> int:
    """Put an export in the queue and return the job's number. Raises PermissionRefused."""
    return _submit(engine, settings, project_id, "export", asdict(choice), annotator_id)


def submit_study(
    engine: Engine,
    settings: Settings,
    project_id: int,
    kind: str,
    params: Mapping[str, Any],
    *,
    annotator_id: int | None,
) -> int:
    """Put a question to the labels in the queue and return the job's number.

    kind: leakage or curve; params: see trainer.study_jobs. Raises PermissionRefused.
    """
    return _submit(engine, settings, project_id, kind, params, annotator_id)


def cancel(job_id: int, *, engine: Engine, annotator_id: int | None) -> None:
    """Ask a job to stop. Raises PermissionRefused for who might not have started it."""
    with writing(engine) as session:
        job = _allowed(job_id, annotator_id, session=session)
        jobs.request_cancel(job_id, session=session)
        _audit(job, "cancel job", annotator_id, session=session)


def resume(job_id: int, *, engine: Engine, settings: Settings, annotator_id: int | None) -> None:
    """Put an ended job back in the queue; it goes on where it was. Raises PermissionRefused."""
    with writing(engine) as session:
        job = _allowed(job_id, annotator_id, session=session)
        jobs.requeue(job_id, session=session)
        _audit(job, "resume job", annotator_id, session=session)
    start_due(engine, settings)


def exported_file(
    job_id: int, *, engine: Engine, settings: Settings, annotator_id: int | None
) -> Path | None:
    """Return the file that an export wrote, None when it is not kept any more.

    Raises PermissionRefused, ExportError for a job that exported nothing.
    """
    with reading(engine) as session:
        job = _allowed(job_id, annotator_id, session=session)
        if job.kind != "export" or not job.result:
            raise ExportError(f"job {job_id} has written no file; start an export")
        path = (settings.data / str(job.result["path"])).resolve()
    if not path.is_relative_to(settings.exports.resolve()) or not path.is_file():
        return None
    return path


def _submit(
    engine: Engine,
    settings: Settings,
    project_id: int,
    kind: str,
    params: Mapping[str, Any],
    annotator_id: int | None,
) -> int:
    with reading(engine) as session:
        allow(annotator_id, ACTION[kind], session=session)
    # The job asks again when it runs: somebody may have lost the role by then.
    given = {**params, "annotator_id": annotator_id}
    return submit(engine, settings, project_id, kind, given, requested_by=annotator_id)


def _allowed(job_id: int, annotator_id: int | None, *, session: Session) -> Job:
    job = jobs.get_job(job_id, session=session)
    allow(annotator_id, ACTION[job.kind], session=session)
    return job


def _audit(job: Job, action: str, annotator_id: int | None, *, session: Session) -> None:
    session.add(
        AuditEntry(
            project_id=job.project_id,
            annotator_id=annotator_id,
            action=action,
            subject=f"{job.kind} {job.id}",
        )
    )
