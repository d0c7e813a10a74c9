"""What a training would learn from, starting one, and following its curve."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from db import jobs
from db.projects import current_model, labels_of
from db.runs import epochs_of, steps_of
from db.schema import AuditEntry, Epoch, Job, ModelVersion, Project, Run
from db.sessions import writing
from db.settings import Settings
from db.training_data import answers_since, gold_counts, unresolved_rows
from labeling.candidates import count_open
from labeling.errors import NotEnoughLabels
from labeling.permissions import allow
from trainer.config import TrainConfig
from trainer.job import submit
from trainer.starting import check_start, no_version

TRAIN_MINIMUM = 2


@dataclass(frozen=True)
class TrainingOverview:
    """What the train page says before anything is started.

    counts: {split: {label value: gold labels}}. new_answers: since the newest version was
    trained. since_version: that version's number, None before the first.
    rate: tweets a second of the newest run of each kind, to estimate the time of the next; beside:
    what that run took beside its steps (reading the tweets, the teacher, the scores), in seconds.
    labels: how many labels there are to learn; unlabelled: training tweets without a gold label.
    unresolved: training tweets with answers that agree on a label and are not gold yet.
    problems: reasons why a training cannot start, each with the next step.
    """

    counts: dict[str, dict[str, int]]
    new_answers: int
    since_version: int | None
    rate: dict[str, float]
    beside: dict[str, float] = field(default_factory=dict)
    labels: int = 0
    unlabelled: int = 0
    unresolved: int = 0
    problems: list[str] = field(default_factory=list)

    def seconds_estimate(self, config: TrainConfig) -> float | None:
        """Return the likely seconds of a training, None while no run of the kind tells."""
        rate = self.rate.get(config.kind)
        if not rate:
            return None
        train = sum(self.counts.get("train", {}).values())
        if config.labels_used == "gold_and_single":
            train += self.unresolved
        train += config.lessons(train, self.labels, self.unlabelled)
        passes = config.epochs if config.kind == "fine_tuned" else 1
        return train * passes / rate + self.beside.get(config.kind, 0.0)


@dataclass(frozen=True)
class Curves:
    """A run's curves: points of the training loss, and a validation each evaluation."""

    steps: list[dict[str, float]]
    epochs: list[dict[str, Any]]


def overview(project: Project, *, session: Session) -> TrainingOverview:
    """Return what a training would learn from, and what stands in its way."""
    counts = gold_counts(project.id, session=session)
    last = _newest_version(project.id, session=session)
    since, number = (last.last_event_id, last.number) if last else (0, None)
    rate, beside = _measured(project.id, session=session)
    return TrainingOverview(
        counts=counts,
        new_answers=answers_since(project.id, since, session=session),
        since_version=number,
        rate=rate,
        beside=beside,
        labels=len(labels_of(project, session=session)),
        unlabelled=count_open(project.id, session=session).get("train", 0),
        unresolved=len(unresolved_rows(project.id, session=session)),
        problems=_problems(project, counts, session=session),
    )


def _newest_version(project_id: int, *, session: Session) -> Any:
    """Return (last_event_id, number) of the newest version; a run without one taught nothing."""
    query = (
        select(Run.last_event_id, ModelVersion.number)
        .join(ModelVersion, ModelVersion.run_id == Run.id)
        .where(ModelVersion.project_id == project_id)
        .order_by(ModelVersion.number.desc())
        .limit(1)
    )
    return session.execute(query).one_or_none()


def _measured(project_id: int, *, session: Session) -> tuple[dict[str, float], dict[str, float]]:
    """Return, by kind, the newest run's tweets a second, and the seconds that it took beside.

    A probe's rate is over all that it does, so nothing is beside it.
    """
    steps = select(func.max(Epoch.seconds)).where(Epoch.run_id == Run.id).scalar_subquery()
    query = (
        select(Run.kind, Run.tweets_per_second, Run.seconds, steps)
        .where(Run.project_id == project_id, Run.tweets_per_second.is_not(None))
        .order_by(Run.id)
    )
    rate, beside = {}, {}
    for kind, tweets_per_second, seconds, stepping in session.execute(query):
        if not tweets_per_second:
            continue
        rate[kind] = float(tweets_per_second)
        if kind == "fine_tuned":
            # A resumed run's steps are counted from its first start, its seconds from the last.
            beside[kind] = max(0.0, (seconds or 0.0) - (stepping or 0.0))
    return rate, beside


def _problems(
    project: Project, counts: dict[str, dict[str, int]], *, session: Session
) -> list[str]:
    labels = labels_of(project, session=session)
    if len(labels) < 2:
        return ["A training needs at least two labels; add them in Settings."]
    train = counts.get("train", {})
    short = [label for label in labels if train.get(label.value, 0) < TRAIN_MINIMUM]
    if not short:
        return []
    have = ", ".join(f"{label.name}: {train.get(label.value, 0)}" for label in short)
    return [
        f"Too few labels to train. In the training split: {have}; each needs at least "
        f"{TRAIN_MINIMUM}. Label more tweets of these, or retire a label that nobody uses."
    ]


def start_run(
    engine: Engine,
    settings: Settings,
    project_id: int,
    config: TrainConfig,
    *,
    requested_by: int | None = None,
) -> int:
    """Put a training in the queue and return its job's number.

    Raises NotEnoughLabels, with the counts, or ConfigError where the version in use is nothing to
    go on from, before anything is queued; PermissionRefused.
    """
    with writing(engine) as session:
        allow(requested_by, "train", session=session)
        project = session.get_one(Project, project_id)
        problems = overview(project, session=session).problems
        if problems and config.kind != "zero_shot":
            raise NotEnoughLabels(problems[0])
        if config.start_from == "current":
            _check_start(project, config, session=session)
        session.add(
            AuditEntry(
                project_id=project_id,
                annotator_id=requested_by,
                action="start training",
                subject=config.kind,
                detail={"base_model": config.base_model, "seed": config.seed},
            )
        )
    params = {"config": config.to_json()}
    return submit(engine, settings, project_id, "train", params, requested_by=requested_by)


def _check_start(project: Project, config: TrainConfig, *, session: Session) -> None:
    current = current_model(project, session=session)
    if current is None:
        raise no_version()
    values = [label.value for label in labels_of(project, session=session)]
    check_start(config, current.kind, current.base_model, current.label_map, values)


def training_jobs(project_id: int, *, session: Session, limit: int = 10) -> Sequence[Job]:
    """Return the project's newest training jobs, newest first."""
    return jobs.recent_jobs(project_id, session=session, kind="train", limit=limit)


def run_of(job_id: int, *, session: Session) -> Run | None:
    """Return the run that a job opened, None while it has not."""
    return session.scalars(select(Run).where(Run.job_id == job_id)).one_or_none()


def curves(run_id: int, *, session: Session) -> Curves:
    """Return a run's curves as plain rows: step, epoch, loss; and step, epoch, loss, metrics."""
    return Curves(
        steps=[
            {"step": point.step, "epoch": point.epoch, "loss": point.loss}
            for point in steps_of(run_id, session=session)
        ],
        epochs=[
            {
                "step": row.step,
                "epoch": row.epoch,
                "training_loss": row.training_loss,
                "metrics": row.metrics,
                "seconds": row.seconds,
            }
            for row in epochs_of(run_id, session=session)
        ],
    )
