"""One job in one process: `python -m trainer.job ID`. The bridge between trainer and store.

This module starts due jobs (`submit`, `start_due`), lives through one (`run_job`), and holds the
two kinds of work that need a model: training and pre-labelling. It imports no torch by itself,
so the web server may use it.
"""

import errno
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db import jobs
from db.engine import make_engine
from db.errors import StoreError
from db.sessions import writing
from db.settings import Settings
from trainer import engines
from trainer.errors import Cancelled, TrainerError
from trainer.heartbeat import Heartbeat
from trainer.progress import Pace

log = logging.getLogger("relabel.job")

MODULES = {
    "train": "trainer.job",
    "prelabel": "trainer.job",
    "import": "labeling.job",
    "export": "labeling.job",
}


@dataclass
class JobContext:
    """What a handler gets: its parameters, the store, and a line to those who watch."""

    job_id: int
    project_id: int
    attempt: int
    params: dict[str, Any]
    settings: Settings
    engine: Engine
    heartbeat: Heartbeat
    pace: Pace = field(default_factory=Pace)

    def progress(self, done: int, total: int, message: str) -> None:
        """Show how far the work is; writes at most once a second."""
        if not self.pace.due(done, total):
            return
        with writing(self.engine) as session:
            jobs.report_progress(
                self.job_id,
                session=session,
                done=done,
                total=total,
                message=message,
                eta_seconds=self.pace.remaining(done, total),
            )

    def should_stop(self) -> bool:
        """Tell whether someone asked this job to stop."""
        return self.heartbeat.stop_asked.is_set()


Handler = Callable[[JobContext], dict[str, Any]]


def submit(
    engine: Engine,
    settings: Settings,
    project_id: int,
    kind: str,
    params: dict[str, Any],
    *,
    requested_by: int | None = None,
) -> int:
    """Put a job in the queue, start what is due, and return the job's number."""
    with writing(engine) as session:
        job_id = jobs.enqueue(
            project_id,
            kind,
            params,
            session=session,
            engine=settings.engine,
            requested_by=requested_by,
        ).id
    start_due(engine, settings)
    return job_id


def start_due(engine: Engine, settings: Settings) -> list[int]:
    """Mark lost jobs as interrupted, start the processes of those that may run; return these."""
    started = []
    with writing(engine) as session:
        jobs.reap_lost(session=session)
    while True:
        with writing(engine) as session:
            job = jobs.reserve_next(session=session)
            if job is None:
                return started
            job.log = f"logs/job-{job.id}.log"
            launch = (job.id, job.kind, job.engine, settings.data / job.log)
        _launch(engine, settings, *launch)
        started.append(launch[0])


def _launch(
    engine: Engine, settings: Settings, job_id: int, kind: str, name: str, log_file: Path
) -> None:
    environment = {
        "RELABEL_DATA": str(settings.data),
        "RELABEL_DATABASE_URL": settings.database_url,
    }
    try:
        engines.start(name, MODULES[kind], job_id, log=log_file, environment=environment)
    except (OSError, TrainerError) as error:
        with writing(engine) as session:
            jobs.finish(job_id, "failed", session=session, error=f"could not be started: {error}")


def run_job(
    job_id: int,
    handlers: Mapping[str, Handler],
    *,
    expected: tuple[type[Exception], ...] = (),
) -> str:
    """Live through one job: adopt it, heartbeat, call its handler, write how it ended.

    expected: further error classes whose message is meant for people.
    Returns the final state. Whatever happens, the next due jobs are started.
    """
    settings = Settings.from_environment()
    engine = make_engine(settings.database_url)
    with writing(engine) as session:
        job = jobs.adopt(job_id, session=session)
        facts = (job.id, job.project_id, job.attempt, dict(job.params))
        kind = job.kind

    def beat() -> bool:
        with writing(engine) as session:
            return jobs.heartbeat(job_id, session=session)

    with Heartbeat(beat, seconds=jobs.HEARTBEAT_SECONDS) as heartbeat:
        terminated = _stop_on_signals(heartbeat)
        context = JobContext(*facts, settings=settings, engine=engine, heartbeat=heartbeat)
        state, result, error = _ending(context, handlers[kind], expected)
    if state == "cancelled" and terminated:
        state, error = "interrupted", "the process was asked to end; it can be resumed"
    with writing(engine) as session:
        jobs.finish(job_id, state, session=session, result=result, error=error)
    start_due(engine, settings)
    engine.dispose()
    return state


def _stop_on_signals(heartbeat: Heartbeat) -> list[int]:
    received: list[int] = []

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        heartbeat.stop_asked.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return received


def _ending(
    context: JobContext, handler: Handler, expected: tuple[type[Exception], ...]
) -> tuple[str, dict[str, Any] | None, str | None]:
    try:
        result = handler(context)
    except Cancelled:
        return "cancelled", None, None
    except MemoryError:
        log.exception("out of memory")
        return "failed", None, "out of memory; choose a smaller batch size or maximum length"
    except OSError as error:
        log.exception("the system refused")
        return "failed", None, _system_message(error, context.settings.data)
    except (StoreError, TrainerError, *expected) as error:
        log.error("%s", error)
        return "failed", None, str(error)
    except Exception:
        log.exception("unexpected")
        reference = f"logs/job-{context.job_id}.log"
        return "failed", None, f"unexpected error; the details are in {reference}"
    return ("cancelled" if result.get("cancelled") else "succeeded"), result, None


def _system_message(error: OSError, data: Path) -> str:
    if error.errno == errno.ENOSPC:
        return f"the disk that holds {data} is full; free some space and resume"
    return f"the system refused: {error}"


def main(arguments: list[str], *, handlers: Mapping[str, Handler] | None = None) -> int:
    """Run the job whose number is the only argument."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    if handlers is None:
        from trainer.work import HANDLERS

        handlers = HANDLERS
    return 0 if run_job(int(arguments[0]), handlers) == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
