"""The life of a job: queued, running, and how it ends. All moves are single transactions.

A job is `running` while its process renews a lease. Whoever finds an expired lease marks the
job `interrupted`; nobody infers a state from files.
"""

import os
import socket
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from db.clock import steady
from db.engine import serialize
from db.errors import ConflictError, NotFoundError
from db.schema import Job, Run
from db.types import now

LEASE = timedelta(seconds=30)
LAUNCH_LEASE = timedelta(seconds=90)
HEARTBEAT_SECONDS = 5.0
HEAVY_KINDS = ("train", "prelabel", "leakage", "curve")
ENDED = ("succeeded", "failed", "cancelled", "interrupted")


def get_job(job_id: int, *, session: Session) -> Job:
    """Return a job by its number. Raises NotFoundError."""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFoundError(f"no job has the number {job_id}")
    return job


def enqueue(
    project_id: int,
    kind: str,
    params: dict[str, Any],
    *,
    session: Session,
    engine: str = "local",
    requested_by: int | None = None,
) -> Job:
    """Add a job to the end of the queue and return it."""
    job = Job(
        project_id=project_id,
        kind=kind,
        params=params,
        engine=engine,
        requested_by=requested_by,
        message="waiting",
    )
    session.add(job)
    session.flush()
    return job


def open_job(project_id: int, kind: str, *, session: Session) -> Job | None:
    """Return the project's running job of a kind, else its first queued one, else None."""
    query = select(Job).where(
        Job.project_id == project_id, Job.kind == kind, Job.state.in_(("queued", "running"))
    )
    jobs = session.scalars(query.order_by(Job.id)).all()
    return next((job for job in jobs if job.state == "running"), jobs[0] if jobs else None)


def recent_jobs(
    project_id: int, *, session: Session, kind: str | None = None, limit: int = 20
) -> Sequence[Job]:
    """Return a project's newest jobs, newest first."""
    query = select(Job).where(Job.project_id == project_id)
    if kind is not None:
        query = query.where(Job.kind == kind)
    return session.scalars(query.order_by(Job.id.desc()).limit(limit)).all()


def newest_asked(project_id: int, kind: str, *, session: Session) -> Job | None:
    """Return the newest job of a kind that a person asked for: the app's own are left out."""
    by_itself = Job.params["automatic"].as_boolean()
    query = select(Job).where(
        Job.project_id == project_id, Job.kind == kind, by_itself.is_not(True)
    )
    return session.scalars(query.order_by(Job.id.desc()).limit(1)).first()


def reserve_next(*, session: Session) -> Job | None:
    """Mark the next startable job as running and return it, or None.

    One heavy job runs at a time in an installation, and one of a kind in a project. The caller
    starts the process, which then adopts the job; if it never does, the lease runs out.
    """
    serialize(session, "jobs")
    running = session.scalars(select(Job).where(Job.state == "running")).all()
    heavy_busy = any(job.kind in HEAVY_KINDS for job in running)
    busy = {(job.project_id, job.kind) for job in running}
    for job in session.scalars(select(Job).where(Job.state == "queued").order_by(Job.id)):
        if (job.project_id, job.kind) in busy or (job.kind in HEAVY_KINDS and heavy_busy):
            continue
        job.state = "running"
        job.owner = f"{socket.gethostname()}:launching"
        job.message = "starting"
        job.started_at = now()
        job.attempt += 1
        job.lease_until = steady(session) + LAUNCH_LEASE
        session.flush()
        return job
    return None


def adopt(job_id: int, *, session: Session) -> Job:
    """Take over a reserved job as this process. Raises ConflictError if another process has it."""
    job = get_job(job_id, session=session)
    if job.state != "running" or job.pid is not None:
        raise ConflictError(f"job {job_id} is {job.state} and not waiting for a process")
    job.pid = os.getpid()
    job.owner = f"{socket.gethostname()}:{os.getpid()}"
    renew(job, session=session)
    return job


def renew(job: Job, *, session: Session, at: datetime | None = None) -> None:
    """Write a heartbeat and extend the lease."""
    job.heartbeat_at = now()
    job.lease_until = (at or steady(session)) + LEASE
    session.flush()


def is_ours(job_id: int, *, session: Session) -> bool:
    """Tell whether a running job is still this process's, and nobody took it over."""
    return session.scalars(select(Job.id).where(*_ours(job_id))).first() is not None


def _ours(job_id: int) -> tuple[ColumnElement[bool], ...]:
    owner = f"{socket.gethostname()}:{os.getpid()}"
    return Job.id == job_id, Job.state == "running", Job.owner == owner


def heartbeat(job_id: int, *, session: Session) -> bool:
    """Renew this process's lease; return whether the job should stop.

    It should when cancel was requested, or when the job was taken from this process.
    """
    query = (
        update(Job)
        .where(*_ours(job_id))
        .values(heartbeat_at=now(), lease_until=steady(session) + LEASE)
        .returning(Job.cancel_requested)
    )
    answer = session.execute(query).one_or_none()
    return True if answer is None else bool(answer[0])


def report_progress(
    job_id: int,
    *,
    session: Session,
    done: int,
    total: int,
    message: str,
    eta_seconds: float | None,
) -> None:
    """Write how far this process's job is; `eta_seconds` None means not known yet."""
    session.execute(
        update(Job)
        .where(*_ours(job_id))
        .values(done=done, total=total, message=message, eta_seconds=eta_seconds)
    )


def finish(
    job_id: int,
    state: str,
    *,
    session: Session,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """End this process's job in `state`; one that was taken away meanwhile is left as it is."""
    _end(_ours(job_id), state, session=session, result=result, error=error)


def launch_failed(job_id: int, error: str, *, session: Session) -> None:
    """End a reserved job for which no process could be started."""
    waiting = (Job.id == job_id, Job.state == "running", Job.pid.is_(None))
    _end(waiting, "failed", session=session, error=error)


def _end(
    which: tuple[ColumnElement[bool], ...],
    state: str,
    *,
    session: Session,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> None:
    session.execute(
        update(Job)
        .where(*which)
        .values(
            state=state,
            result=result,
            error=error,
            eta_seconds=None,
            lease_until=None,
            finished_at=now(),
            message={"succeeded": "done", "cancelled": "cancelled"}.get(state, state),
        )
    )


def request_cancel(job_id: int, *, session: Session) -> str:
    """Cancel a queued job at once, ask a running one to stop; return the job's state."""
    job = get_job(job_id, session=session)
    if job.state == "queued":
        job.state, job.finished_at, job.message = "cancelled", now(), "cancelled"
    elif job.state == "running":
        job.cancel_requested = True
        job.message = "cancelling"
    session.flush()
    return job.state


def requeue(job_id: int, *, session: Session) -> Job:
    """Put an interrupted, failed or cancelled job back in the queue; it resumes where it was.

    Raises ConflictError for a job that has not ended, or that ended with something to keep: what a
    cancelled training had learned best is a version of its own.
    """
    job = get_job(job_id, session=session)
    if job.state == "cancelled" and job.result is not None:
        raise ConflictError(
            f"job {job_id} was cancelled and kept what it had; start a new one instead"
        )
    if job.state not in {"interrupted", "failed", "cancelled"}:
        raise ConflictError(f"job {job_id} is {job.state}; only an ended one can be resumed")
    job.state, job.message, job.error = "queued", "waiting", None
    job.pid, job.owner, job.lease_until, job.finished_at = None, None, None, None
    job.cancel_requested = False
    session.flush()
    return job


def anything_due(*, session: Session) -> bool:
    """Tell whether a job waits in the queue or a running one has lost its process."""
    if session.scalars(select(Job.id).where(Job.state == "queued").limit(1)).first():
        return True
    return bool(stale_jobs(session=session))


def lease_ran_out(job: Job, *, session: Session) -> bool:
    """Tell whether a job has not been heard of for longer than its lease, by the steady clock."""
    return job.lease_until is not None and job.lease_until < steady(session)


def stale_jobs(*, session: Session) -> list[int]:
    """Return the numbers of running jobs whose process is gone."""
    running = session.scalars(select(Job).where(Job.state == "running"))
    moment = steady(session)
    return [job.id for job in running if _is_lost(job, moment)]


def reap_lost(*, session: Session, at: datetime | None = None) -> list[int]:
    """Mark running jobs whose process is gone as interrupted; return their numbers.

    Gone: the lease ran out, or the owner is a process of this host that no longer exists.
    """
    moment = at or steady(session)
    lost = []
    for job in session.scalars(select(Job).where(Job.state == "running")):
        if not _is_lost(job, moment):
            continue
        job.state, job.finished_at, job.eta_seconds = "interrupted", now(), None
        job.message = "its process stopped unexpectedly"
        session.execute(
            update(Run)
            .where(Run.job_id == job.id, Run.state == "running")
            .values(state="interrupted", finished_at=now())
        )
        lost.append(job.id)
    return lost


def _is_lost(job: Job, moment: datetime) -> bool:
    return job.lease_until is None or job.lease_until < moment or _died_here(job)


def _died_here(job: Job) -> bool:
    if job.pid is None or not (job.owner or "").startswith(f"{socket.gethostname()}:"):
        return False
    try:
        os.kill(job.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
