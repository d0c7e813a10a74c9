"""One job in one process: `python -m trainer.job ID`. The bridge between trainer and store.

This module starts due jobs (`submit`, `start_due`), lives through one (`run_job`), and holds the
two kinds of work that need a model: training and pre-labelling. It imports no torch by itself,
so the web server may use it.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, select

from db import jobs, runs
from db.engine import make_engine
from db.errors import StoreError
from db.log_lines import log_to_stderr
from db.model_versions import add_model_version, promote
from db.predictions import Unpredicted, add_predictions, count_unpredicted, next_unpredicted
from db.projects import current_model, labels_of, settings_of
from db.schema import ModelVersion, Project
from db.sessions import reading, writing
from db.settings import Settings
from db.training_data import GoldRow, gold_rows, sample_texts, training_rows
from trainer import engines
from trainer.config import TrainConfig
from trainer.curve import CurveRecorder
from trainer.data import SPLITS, Example, LabelInfo
from trainer.endings import ending_of, stop_on_signals
from trainer.errors import Cancelled, TrainerError
from trainer.faults import fault_point
from trainer.gate import InUse, against_current, takes_over
from trainer.heartbeat import Heartbeat
from trainer.prelabelling import predict_stream
from trainer.progress import Pace
from trainer.reproducing import as_measured
from trainer.snapshots import (
    SNAPSHOT,
    UNLABELLED,
    environment,
    read_snapshot,
    read_texts,
    write_snapshot,
    write_texts,
)
from trainer.starting import Start, check_start, no_version, start_from_json

if TYPE_CHECKING:
    from trainer.metrics import Metrics
    from trainer.train import Trained

WRITE_CHUNK = 2000
TEXTS_TO_MEASURE = 1000  # more do not move zero-shot's measures

MODULES = {
    "train": "trainer.job",
    "prelabel": "trainer.job",
    "leakage": "trainer.job",
    "curve": "trainer.job",
    "import": "labeling.job",
    "export": "labeling.job",
    "order": "labeling.job",
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

    def progress(self, done: int, total: int, message: str) -> bool:
        """Show how far the work is, at most once a second; return whether it was written."""
        if not self.pace.due(done, total):
            return False
        with writing(self.engine) as session:
            jobs.report_progress(
                self.job_id,
                session=session,
                done=done,
                total=total,
                message=message,
                eta_seconds=self.pace.remaining(done, total),
            )
        return True

    def should_stop(self) -> bool:
        """Tell whether someone asked this job to stop."""
        return self.heartbeat.stop_asked.is_set()

    def is_cancelled(self) -> bool:
        """Tell whether a person cancelled it; a signal, or a process that took over, is nobody."""
        with reading(self.engine) as session:
            ours = jobs.is_ours(self.job_id, session=session)
            return ours and jobs.get_job(self.job_id, session=session).cancel_requested


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
    started: list[int] = []
    with reading(engine) as session:  # cheap, so that pages may call this often
        if not jobs.anything_due(session=session):
            return started
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
            jobs.launch_failed(job_id, f"could not be started: {error}", session=session)


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
        terminated = stop_on_signals(heartbeat.stop_asked)
        context = JobContext(*facts, settings=settings, engine=engine, heartbeat=heartbeat)
        ending = ending_of(
            lambda: handlers[kind](context),
            expected=(StoreError, *expected),
            data=settings.data,
            log_name=f"logs/job-{job_id}.log",
        )
    state, error = ending.state, ending.error
    if state == "cancelled" and terminated:
        state, error = "interrupted", "the process was asked to end; it can be resumed"
    with writing(engine) as session:
        jobs.finish(job_id, state, session=session, result=ending.result, error=error)
    start_due(engine, settings)
    engine.dispose()
    return state


def train_handler(context: JobContext) -> dict[str, Any]:
    """Train, publish a candidate, compare it with the current version; promote where asked.

    params: config (TrainConfig's JSON); then: "promote" for a probe that the app trains by itself.
    """
    config = TrainConfig.from_json(context.params["config"])
    given = _open_run(context, config)
    run_id = given.run_id
    _remove_leftovers(context)
    if (made := _version_of(context, run_id)) is not None:
        return _take_up(context, made)
    try:
        return _trained(context, given)
    except Exception as error:
        with writing(context.engine) as session:
            if jobs.is_ours(context.job_id, session=session):
                state = "cancelled" if isinstance(error, Cancelled) else "failed"
                runs.end_run(run_id, state, session=session, facts={})
        raise


@dataclass(frozen=True)
class _Given:
    """What a run trains on, the same each time that its job is resumed."""

    run_id: int
    config: TrainConfig
    examples: list[Example]
    labels: list[LabelInfo]
    start: Start | None


def _trained(context: JobContext, given: _Given) -> dict[str, Any]:
    """Train and publish. Raises Cancelled, the checkpoints kept, where no person cancelled it."""
    from trainer.artifacts import publish
    from trainer.mistakes import mistakes
    from trainer.train import train

    run_id, config, examples = given.run_id, given.config, given.examples
    work = context.settings.runs / str(run_id)
    trained = train(
        examples,
        given.labels,
        config,
        work=work,
        cache=context.settings.cache,
        callbacks=_recorder(context, run_id),
        texts=_unlabelled_texts(context, config, work / UNLABELLED),
        start=given.start,
    )
    if trained.cancelled and not context.is_cancelled():
        raise Cancelled("stopped from outside; its checkpoints are kept")
    published = publish(
        context.settings.models, trained.write, {"run": run_id, "labels": trained.label_map}
    )
    comparison = against_current(trained, examples, _in_use(context), cache=context.settings.cache)
    metrics = {split: scores.to_json() for split, scores in trained.metrics.items()}
    yardsticks = _yardsticks(context, trained, examples)
    facts = {
        "manifest_sha256": published.manifest_sha256,
        "directory": str(published.directory.relative_to(context.settings.data)),
        "metrics": {
            **metrics,
            "baselines": {name: scores.to_json() for name, scores in yardsticks.items()},
            "mistakes": mistakes(trained.predictions, examples, trained.label_map),
        },
        "comparison": comparison,
    }
    fault_point("before_pointer")
    version_id, number = _add_version(context, run_id, trained, facts)
    fault_point("after_pointer")
    shutil.rmtree(work / "checkpoints", ignore_errors=True)  # the version holds the best one
    promoted = _wants_promotion(context, comparison) and not trained.cancelled
    predicted = _promote(context, version_id) if promoted else 0
    return {
        "run": run_id,
        "version": number,
        "state": "current" if promoted else "candidate",
        "metrics": metrics,
        "cancelled": trained.cancelled,
        "predicted": predicted,
        "seconds": trained.seconds,
        "tweets_per_second": trained.tweets_per_second,
    }


def _promote(context: JobContext, version_id: int) -> int:
    """Make a version the current one, its predictions first: nobody meets a gap."""
    predicted = int(_prelabel(context, version_id)["predicted"])
    with writing(context.engine) as session:
        promote(session.get_one(ModelVersion, version_id), session=session)
    return predicted


def _version_of(context: JobContext, run_id: int) -> ModelVersion | None:
    """Return the version that a run made, if this job was cut off only after that."""
    with reading(context.engine) as session:
        return session.scalars(
            select(ModelVersion).where(ModelVersion.run_id == run_id)
        ).one_or_none()


def _take_up(context: JobContext, version: ModelVersion) -> dict[str, Any]:
    """Do what was left to do once a job had put its version into the store."""
    with writing(context.engine) as session:
        run = runs.get_run(version.run_id or 0, session=session)
        seconds, speed = run.seconds, run.tweets_per_second
        cancelled = bool(run.environment.get("cancelled"))
        runs.end_run(run.id, "cancelled" if cancelled else "succeeded", session=session, facts={})
    wanted = version.state == "candidate" and not cancelled
    wanted = wanted and _wants_promotion(context, version.comparison)
    predicted = _promote(context, version.id) if wanted else 0
    return {
        "run": version.run_id,
        "version": version.number,
        "state": "current" if wanted else version.state,
        "metrics": {name: found for name, found in version.metrics.items() if name in SPLITS},
        "cancelled": cancelled,
        "predicted": predicted,
        "seconds": seconds,
        "tweets_per_second": speed,
    }


def _remove_leftovers(context: JobContext) -> None:
    """Drop models that killed trainings left; only one heavy job runs, so none is under way."""
    from trainer.artifacts import remove_leftovers

    with reading(context.engine) as session:
        known = {Path(name).name for name in session.scalars(select(ModelVersion.directory))}
    remove_leftovers(context.settings.models, known)


def _unlabelled_texts(context: JobContext, config: TrainConfig, path: Path) -> Sequence[str]:
    """Return the unlabelled tweets that a run may learn from; a resumed run gets the same ones."""
    if config.kind == "probe":
        return ()
    if not path.exists():
        limit = config.unlabelled_texts if config.kind == "fine_tuned" else TEXTS_TO_MEASURE
        with reading(context.engine) as session:
            write_texts(path, sample_texts(context.project_id, session=session, limit=limit))
    return read_texts(path)


def _yardsticks(
    context: JobContext, trained: "Trained", examples: list[Example]
) -> dict[str, "Metrics"]:
    """Measure what any classifier must beat; on the project's own splits only."""
    from trainer.baselines import baselines

    if _unasked(context) or trained.config.split == "random":
        return {}
    return baselines(examples, trained.label_map)


def _unasked(context: JobContext) -> bool:
    """Tell whether the app itself asked for this training, to keep its probe up to date."""
    return context.params.get("then") == "promote"


def _add_version(
    context: JobContext, run_id: int, trained: "Trained", facts: dict[str, Any]
) -> tuple[int, int]:
    """Add the candidate and end the run in one transaction; return the version's id and number.

    Raises Cancelled where the job has been taken from this process, which adds nothing then.
    """
    facts = {
        **facts,
        "kind": trained.config.kind,
        "base_model": trained.config.base_model,
        "run_id": run_id,
        "label_map": list(trained.label_map),
        "temperature": float(trained.temperature),
    }
    state = "cancelled" if trained.cancelled else "succeeded"
    with writing(context.engine) as session:
        if not jobs.is_ours(context.job_id, session=session):
            raise Cancelled("another process has taken this training over")
        version = add_model_version(context.project_id, session=session, facts=facts)
        known = runs.get_run(run_id, session=session).environment
        ending = {
            "seconds": trained.seconds,
            "tweets_per_second": trained.tweets_per_second,
            "environment": {
                **known,
                "compiled": trained.compiled,
                "cancelled": trained.cancelled,
            },
        }
        runs.end_run(run_id, state, session=session, facts=ending)
        return version.id, version.number


def _wants_promotion(context: JobContext, comparison: dict[str, Any] | None) -> bool:
    with reading(context.engine) as session:
        project = session.get_one(Project, context.project_id)
        rule = settings_of(project).gate
        current = current_model(project, session=session)
    if comparison is None and current is not None and current.kind != "zero_shot":
        return False  # nothing was in use when this one was made, but by now something is
    return takes_over(rule, comparison, unasked=_unasked(context))


def _recorder(context: JobContext, run_id: int) -> CurveRecorder:
    def add_steps(points: Sequence[dict[str, Any]]) -> None:
        with writing(context.engine) as session:
            runs.add_steps(run_id, points, session=session)

    def add_epoch(facts: dict[str, Any]) -> None:
        with writing(context.engine) as session:
            runs.add_epoch(run_id, facts, session=session)

    return CurveRecorder(context.progress, add_steps, add_epoch, context.should_stop)


def _open_run(context: JobContext, config: TrainConfig) -> _Given:
    """Open the job's run; a resumed one trains on the snapshot taken when it first started.

    It computes in the precision of that time, too: measured anew it might be another one.
    """
    from trainer.precision import settled

    machine = {**environment(), "precision": settled(config.precision)}
    with writing(context.engine) as session:
        facts = {
            "kind": config.kind,
            "base_model": config.base_model,
            "config": config.to_json(),
            "seed": config.seed,
            "environment": machine,
        }
        run, resumed = runs.open_run(
            context.project_id, context.job_id, session=session, facts=facts
        )
        run_id, path = run.id, context.settings.runs / str(run.id) / SNAPSHOT
        measured = dict(run.environment)
        project = session.get_one(Project, context.project_id)
        labels = [
            LabelInfo(label.value, label.name, label.description)
            for label in labels_of(project, session=session)
        ]
        rows: Sequence[GoldRow] = []
        start = None
        taken = resumed and "sha256" in run.snapshot and path.exists()
        if not taken:
            use = config.labels_used
            rows = training_rows(context.project_id, session=session, labels_used=use)
            start = _start_of(config, current_model(project, session=session), labels)
    if not taken:
        digest = write_snapshot(path, [Example(**row._asdict()) for row in rows], labels)
        with writing(context.engine) as session:
            runs.get_run(run_id, session=session).snapshot = {
                "path": str(path.relative_to(context.settings.data)),
                "sha256": digest,
                "labels_used": config.labels_used,
                "sources": dict(Counter(row.source for row in rows)),
                "start": start.to_json() if start else None,
            }
    start = _stored_start(context, run_id)
    return _Given(run_id, as_measured(config, measured), *read_snapshot(path), start)


def _start_of(
    config: TrainConfig, current: ModelVersion | None, labels: list[LabelInfo]
) -> Start | None:
    """Return the version that a new run goes on from, None for the base model."""
    if config.start_from == "base":
        return None
    if current is None:
        raise no_version()
    values = [label.value for label in labels]
    check_start(config, current.kind, current.base_model, current.label_map, values)
    return Start(current.number, Path(current.directory), current.manifest_sha256)


def _stored_start(context: JobContext, run_id: int) -> Start | None:
    """Return what the run went on from when it first started; it is not looked up again."""
    with reading(context.engine) as session:
        stored = runs.get_run(run_id, session=session).snapshot.get("start")
    return start_from_json(stored, context.settings.data)


def _in_use(context: JobContext) -> InUse | None:
    with reading(context.engine) as session:
        project = session.get_one(Project, context.project_id)
        current = current_model(project, session=session)
        if current is None:
            return None
        directory = context.settings.data / current.directory
        return InUse(current.number, current.kind, directory, current.manifest_sha256)


def prelabel_handler(context: JobContext) -> dict[str, Any]:
    """Predict every tweet without gold label. params: model_version_id."""
    return _prelabel(context, int(context.params["model_version_id"]))


def _prelabel(context: JobContext, version_id: int) -> dict[str, Any]:
    from trainer.predict import load_classifier

    with reading(context.engine) as session:
        version = session.get_one(ModelVersion, version_id)
        directory, manifest = context.settings.data / version.directory, version.manifest_sha256
        message = f"pre-labelling with version {version.number}"
        total = count_unpredicted(context.project_id, version_id, session=session)
    after = (-1, -1)

    def fetch(limit: int) -> Sequence[Unpredicted]:
        nonlocal after
        with reading(context.engine) as session:
            tweets = next_unpredicted(
                context.project_id, version_id, session=session, after=after, limit=limit
            )
        if tweets:
            after = (tweets[-1].group_id, tweets[-1].tweet_id)
        return tweets

    def keep(rows: list[dict[str, Any]]) -> None:
        for start in range(0, len(rows), WRITE_CHUNK):
            with writing(context.engine) as session:
                add_predictions(version_id, rows[start : start + WRITE_CHUNK], session=session)

    context.pace = Pace()
    context.progress(0, total, message)
    speed = predict_stream(
        load_classifier(directory, manifest_sha256=manifest),
        fetch,
        keep,
        total=total,
        cache=context.settings.cache,
        progress=lambda done: context.progress(done, total, message),
        should_stop=context.should_stop,
    )
    return speed.to_json()


def leakage_handler(context: JobContext) -> dict[str, Any]:
    """Show how much a random split would flatter. params: see study_jobs.leakage."""
    from trainer.study_jobs import leakage

    return _studied(context, leakage)


def curve_handler(context: JobContext) -> dict[str, Any]:
    """Measure the learning curve. params: see study_jobs.curve."""
    from trainer.study_jobs import curve

    return _studied(context, curve)


def _studied(context: JobContext, study: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    with reading(context.engine) as session:
        project = session.get_one(Project, context.project_id)
        examples = [Example(**row._asdict()) for row in gold_rows(project.id, session=session)]
        values = [label.value for label in labels_of(project, session=session)]
        config = TrainConfig(kind="probe", base_model=settings_of(project).base_model)
    context.progress(0, 0, "reading the tweets")
    return study(
        context.params,
        examples,
        values,
        config,
        cache=context.settings.cache,
        progress=context.progress,
        should_stop=context.should_stop,
    )


HANDLERS: dict[str, Handler] = {
    "train": train_handler,
    "prelabel": prelabel_handler,
    "leakage": leakage_handler,
    "curve": curve_handler,
}


def main(arguments: list[str], handlers: Mapping[str, Handler] = HANDLERS) -> int:
    """Run the job whose number is the only argument."""
    log_to_stderr({"job": int(arguments[0])})
    return 0 if run_job(int(arguments[0]), handlers) == "succeeded" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
