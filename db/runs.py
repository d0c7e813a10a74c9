"""Runs: opening one for a job (or finding it again after a crash), its curve, and its end."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.errors import NotFoundError
from db.schema import Epoch, Run, TrainingStep
from db.training_data import last_event_id
from db.types import now
from db.upsert import insert_missing


def open_run(
    project_id: int, job_id: int, *, session: Session, facts: dict[str, Any]
) -> tuple[Run, bool]:
    """Return the job's run and whether it had been started before (and may be resumed)."""
    found = session.scalars(select(Run).where(Run.job_id == job_id)).one_or_none()
    if found is not None:
        found.state, found.finished_at = "running", None
        session.flush()
        return found, True
    run = Run(
        project_id=project_id,
        job_id=job_id,
        last_event_id=last_event_id(project_id, session=session),
        **facts,
    )
    session.add(run)
    session.flush()
    return run, False


def get_run(run_id: int, *, session: Session) -> Run:
    """Return a run by its number. Raises NotFoundError."""
    run = session.get(Run, run_id)
    if run is None:
        raise NotFoundError(f"no run has the number {run_id}")
    return run


def latest_run(project_id: int, *, session: Session) -> Run | None:
    """Return the project's newest run, None before the first."""
    query = select(Run).where(Run.project_id == project_id).order_by(Run.id.desc()).limit(1)
    return session.scalars(query).one_or_none()


def add_steps(run_id: int, points: Sequence[dict[str, Any]], *, session: Session) -> None:
    """Add points of the training-loss curve; a point seen before a crash is not added twice."""
    rows = [{"run_id": run_id, **point} for point in points]
    insert_missing(
        TrainingStep.metadata.tables["training_step"], rows, session=session, key=["run_id", "step"]
    )


def add_epoch(run_id: int, facts: dict[str, Any], *, session: Session) -> None:
    """Add one validation; one seen before a crash is not added twice."""
    row = {"run_id": run_id, "created_at": now(), **facts}
    insert_missing(Epoch.metadata.tables["epoch"], [row], session=session, key=["run_id", "step"])


def epochs_of(run_id: int, *, session: Session) -> Sequence[Epoch]:
    """Return a run's validations in order."""
    return session.scalars(select(Epoch).where(Epoch.run_id == run_id).order_by(Epoch.step)).all()


def steps_of(run_id: int, *, session: Session) -> Sequence[TrainingStep]:
    """Return the points of a run's training-loss curve in order."""
    query = select(TrainingStep).where(TrainingStep.run_id == run_id).order_by(TrainingStep.step)
    return session.scalars(query).all()


def end_run(run_id: int, state: str, *, session: Session, facts: dict[str, Any]) -> Run:
    """Write how a run ended."""
    run = get_run(run_id, session=session)
    run.state, run.finished_at = state, now()
    for name, value in facts.items():
        setattr(run, name, value)
    session.flush()
    return run
