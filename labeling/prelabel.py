"""Which classifier a project should have by now, and the jobs that get it there.

zero_shot from the first tweet on; a probe as soon as every label has five gold labels, trained
again each `auto_probe_every` answers; a fine-tuned version is never replaced by itself.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, exists, select
from sqlalchemy.orm import Session

from db import jobs
from db.predictions import count_unpredicted
from db.projects import current_model, get_project, labels_of, settings_of
from db.runs import latest_run
from db.schema import Job, Project, Tweet
from db.sessions import reading
from db.settings import Settings
from db.training_data import answers_since, gold_counts
from db.types import now
from labeling.errors import LabelingError
from labeling.permissions import allow
from trainer.config import TrainConfig
from trainer.job import start_due, submit

PROBE_MINIMUM = 5
_PROBE_TRAIN_MINIMUM = 2
_POLL_SECONDS = 0.3
_RETRY_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Step:
    """The next job that a project needs: its kind and its parameters."""

    kind: str
    params: dict[str, Any]


def ensure_classifier(
    engine: Engine,
    settings: Settings,
    project_id: int,
    *,
    retry: bool = False,
    annotator_id: int | None = None,
) -> int | None:
    """Put the next needed job in the queue and start it; return its number, None if none is due.

    Does nothing while a training or a pre-labelling of the project waits or runs, and for a
    while after one did not succeed (a job that fails at each answer helps nobody); retry=True,
    for calls that a person made (`annotator_id`), tries again at once. Raises PermissionRefused.
    """
    with reading(engine) as session:
        allow(annotator_id, "prelabel", session=session)
        waits = not retry and _failed_lately(project_id, session=session)
        if waits or _busy(project_id, session=session):
            step = None
        else:
            step = next_step(session.get_one(Project, project_id), session=session)
    if step is None:
        start_due(engine, settings)
        return None
    return submit(engine, settings, project_id, step.kind, step.params, requested_by=annotator_id)


def keep_up(engine: Engine, settings: Settings, project_id: int) -> int | None:
    """Call after answers were saved, and when a job has ended in whose time some may have been.

    Nobody asked for what it starts: a probe, when enough answers are new; see `ensure_classifier`.
    """
    return ensure_classifier(engine, settings, project_id)


def is_busy(engine: Engine, project_id: int) -> bool:
    """Tell whether a training or a pre-labelling of the project waits or runs."""
    with reading(engine) as session:
        return _busy(project_id, session=session)


def next_step(project: Project, *, session: Session) -> Step | None:
    """Return what the project's classifier needs next, None if it is as good as it can be."""
    has_tweets = session.scalar(select(exists().where(Tweet.project_id == project.id)))
    labels = [label.value for label in labels_of(project, session=session)]
    if not has_tweets or len(labels) < 2:
        return None
    current = current_model(project, session=session)
    if _probe_due(project, labels, session=session):
        return _training(project, "probe")
    if current is None:
        # A candidate may wait for a person here (rules "ask" and "never", a training that was
        # cancelled): until they decide, a guess pre-labels.
        return _training(project, "zero_shot")
    if count_unpredicted(project.id, current.id, session=session):
        return Step("prelabel", {"model_version_id": current.id})
    return None


def _training(project: Project, kind: str) -> Step:
    config = TrainConfig(kind=kind, base_model=settings_of(project).base_model)
    return Step("train", {"config": config.to_json(), "then": "promote", "automatic": True})


def _probe_due(project: Project, labels: list[str], *, session: Session) -> bool:
    chosen = settings_of(project)
    current = current_model(project, session=session)
    if not chosen.auto_probe or (current is not None and current.kind == "fine_tuned"):
        return False
    last = latest_run(project.id, session=session)
    if last is not None and last.kind != "zero_shot":
        new = answers_since(project.id, last.last_event_id, session=session)
        if new < chosen.auto_probe_every:
            return False
    counts = gold_counts(project.id, session=session)
    total = {value: sum(split.get(value, 0) for split in counts.values()) for value in labels}
    train = counts.get("train", {})
    return all(
        total[value] >= PROBE_MINIMUM and train.get(value, 0) >= _PROBE_TRAIN_MINIMUM
        for value in labels
    )


def _busy(project_id: int, *, session: Session) -> bool:
    return any(jobs.open_job(project_id, kind, session=session) for kind in jobs.HEAVY_KINDS)


def _failed_lately(project_id: int, *, session: Session) -> bool:
    for job in jobs.recent_jobs(project_id, session=session, limit=5):
        if job.kind in jobs.HEAVY_KINDS and job.finished_at is not None:
            return job.state != "succeeded" and now() - job.finished_at < _RETRY_AFTER
    return False


def prelabel(
    engine: Engine,
    settings: Settings,
    project_name: str,
    on_progress: Callable[[int, int, str], None],
) -> dict[str, Any]:
    """Bring the classifier up to date, pre-label what lacks a prediction, and wait for it.

    Returns {predicted, seconds, tweets_per_second}: tweets that got a prediction by the current
    version, and the time from the call to the end, training included.
    Raises LabelingError with the job's message when a job did not succeed.
    """
    started = time.monotonic()
    with reading(engine) as session:
        project_id = get_project(project_name, session=session).id
        newest = session.scalars(
            select(Job.id).where(Job.project_id == project_id).order_by(Job.id.desc()).limit(1)
        ).first()
    while True:
        due = ensure_classifier(engine, settings, project_id, retry=True)
        with reading(engine) as session:
            busy = _busy(project_id, session=session)
        if due is None and not busy:
            break
        _wait_until_idle(engine, settings, project_id, on_progress)
        _refuse_failures(engine, project_id, after=newest or 0)
    predicted = _predicted_since(engine, project_id, after=newest or 0)
    seconds = time.monotonic() - started
    return {
        "predicted": predicted,
        "seconds": round(seconds, 3),
        "tweets_per_second": round(predicted / seconds, 1),
    }


def _wait_until_idle(
    engine: Engine,
    settings: Settings,
    project_id: int,
    on_progress: Callable[[int, int, str], None],
) -> None:
    while True:
        start_due(engine, settings)
        with reading(engine) as session:
            open_jobs = [
                job
                for kind in jobs.HEAVY_KINDS
                if (job := jobs.open_job(project_id, kind, session=session))
            ]
            if not open_jobs:
                return
            job = open_jobs[0]
            on_progress(job.done, job.total, job.message)
        time.sleep(_POLL_SECONDS)


def _refuse_failures(engine: Engine, project_id: int, *, after: int) -> None:
    with reading(engine) as session:
        for job in jobs.recent_jobs(project_id, session=session):
            if job.id > after and job.state in {"failed", "interrupted", "cancelled"}:
                raise LabelingError(f"pre-labelling {job.state}: {job.error or job.message}")


def _predicted_since(engine: Engine, project_id: int, *, after: int) -> int:
    """Count the tweets that jobs numbered above `after` pre-labelled, the last version's."""
    with reading(engine) as session:
        done = 0
        for job in jobs.recent_jobs(project_id, session=session, limit=100):
            if job.id <= after or job.state != "succeeded" or not job.result:
                continue
            done = max(done, int(job.result.get("predicted", 0)))
        return done
