"""`python -m trainer …`: train, list, promote, evaluate, predict, package."""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from db import jobs
from db.command_line import Parser, ProgressLine, add_json, run_command, say
from db.engine import make_engine
from db.migrate import require_current
from db.model_versions import promote
from db.outputs import output_file
from db.projects import get_model, get_project, labels_of, list_models, settings_of
from db.runs import get_run
from db.sessions import reading, writing
from db.settings import Settings
from db.training_data import gold_rows
from trainer.artifacts import verify
from trainer.callbacks import NullCallbacks, StepReport
from trainer.config import TrainConfig
from trainer.data import SPLITS, Example
from trainer.errors import ConfigError, DataError, TrainerError
from trainer.job import start_due, submit
from trainer.options import add_training_options, read_training_options
from trainer.showing import (
    show_curve,
    show_leakage,
    show_models,
    show_package,
    show_reproduction,
    show_run,
    show_scores,
)
from trainer.starting import start_from_json
from trainer.tables import Table, read_table, write_predictions

if TYPE_CHECKING:
    from trainer.predict import Classifier

POLL_SECONDS = 0.3
Result = Mapping[str, Any]


def _open() -> tuple[Engine, Settings]:
    settings = Settings.from_environment()
    engine = make_engine(settings.database_url)
    require_current(engine)
    return engine, settings


def run(arguments: argparse.Namespace) -> Result:
    """Train and wait; Ctrl-C cancels cleanly and keeps the best epoch so far as a candidate."""
    engine, settings = _open()
    with reading(engine) as session:
        project = get_project(arguments.project, session=session)
        base_model = settings_of(project).base_model
        project_id = project.id
    config = read_training_options(arguments, base_model=base_model)
    job_id = submit(engine, settings, project_id, "train", {"config": config.to_json()})
    return _wait(engine, settings, job_id)


def _wait(engine: Engine, settings: Settings, job_id: int) -> Result:
    line = ProgressLine()
    while True:
        try:
            start_due(engine, settings)
            with reading(engine) as session:
                job = jobs.get_job(job_id, session=session)
                line(job.done, job.total, job.message)
                state, error, result = job.state, job.error, job.result
            if state in jobs.ENDED:
                break
            time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            line.end()
            say("cancelling; the best epoch so far is kept")
            with writing(engine) as session:
                jobs.request_cancel(job_id, session=session)
    line.end()
    if result is None:
        raise TrainerError(_why_nothing(job_id, state, error))
    return {**result, "job": job_id}


def _why_nothing(job_id: int, state: str, error: str | None) -> str:
    """Say what became of a training that made no version, and what to do next."""
    again = f"Train in the app, or `resume {job_id}`, goes on where it stopped"
    if state == "cancelled":
        return (
            f"the training was cancelled before its first epoch ended; nothing was kept ({again})"
        )
    if state == "interrupted":
        return f"the training was interrupted: {error or 'its process is gone'}; {again}"
    return f"the training {state}: {error or f'see logs/job-{job_id}.log'}"


def resume_command(arguments: argparse.Namespace) -> Result:
    """Go on with a training that was cancelled, interrupted or failed, and wait."""
    engine, settings = _open()
    with writing(engine) as session:
        project = get_project(arguments.project, session=session)
        job = jobs.get_job(arguments.job, session=session)
        if job.project_id != project.id or job.kind != "train":
            raise DataError(f"job {job.id} is no training of {project.name!r}")
        jobs.requeue(job.id, session=session)
    return _wait(engine, settings, arguments.job)


def models(arguments: argparse.Namespace) -> Result:
    """List the model versions of a project, newest first."""
    engine, _ = _open()
    with reading(engine) as session:
        project = get_project(arguments.project, session=session)
        versions = [
            {
                "version": version.number,
                "kind": version.kind,
                "base_model": version.base_model,
                "state": version.state,
                "run": version.run_id,
                "temperature": version.temperature,
                "created_at": version.created_at.isoformat(),
                "metrics": {k: v for k, v in version.metrics.items() if k != "mistakes"},
            }
            for version in list_models(project, session=session)
        ]
    return {"versions": versions}


def promote_command(arguments: argparse.Namespace) -> Result:
    """Make a version current; tweets nobody has reviewed are pre-labelled in the background."""
    engine, settings = _open()
    with reading(engine) as session:
        project = get_project(arguments.project, session=session)
        version = get_model(project, arguments.version, session=session)
        directory, manifest = settings.data / version.directory, version.manifest_sha256
    verify(directory, manifest)
    with writing(engine) as session:
        project = get_project(arguments.project, session=session)
        version = get_model(project, arguments.version, session=session)
        promote(version, session=session)
        project_id, version_id, number = project.id, version.id, version.number
    job_id = submit(engine, settings, project_id, "prelabel", {"model_version_id": version_id})
    return {"version": number, "state": "current", "job": job_id}


def _classifier(
    engine: Engine, settings: Settings, arguments: argparse.Namespace, *, eight_bit: bool
) -> tuple["Classifier", int]:
    from trainer.predict import load_classifier

    with reading(engine) as session:
        project = get_project(arguments.project, session=session)
        version = get_model(project, arguments.model, session=session)
        directory, manifest = settings.data / version.directory, version.manifest_sha256
        number = version.number
    return load_classifier(directory, manifest_sha256=manifest, eight_bit=eight_bit), number


def evaluate_command(arguments: argparse.Namespace) -> Result:
    """Score a version on any labelled file; every distinct text counts as one group."""
    from trainer.metrics import evaluate

    engine, settings = _open()
    table = read_table(arguments.file, text_column=arguments.text_column)
    given = table.column(arguments.label_column)
    classifier, number = _classifier(engine, settings, arguments, eight_bit=False)
    unknown = sorted({value for value in given if value.strip()} - set(classifier.label_map))
    if unknown:
        line = next(i for i, value in enumerate(given, 2) if value in unknown)
        raise DataError(
            f"{arguments.file.name}, row {line}, column {arguments.label_column!r}: label "
            f"{unknown[0]!r} is not one of {', '.join(map(repr, classifier.label_map))}"
        )
    table = _with_label(table, arguments.label_column)
    texts, truth = table.column(table.text_column), table.column(arguments.label_column)
    line_of = ProgressLine("tweets")
    probabilities = classifier.probabilities(
        texts,
        cache=settings.cache,
        on_progress=lambda done, total: line_of(done, total, "predicting"),
    )
    line_of.end()
    groups = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    scores = evaluate(
        probabilities,
        truth,
        classifier.label_map,
        groups=[groups[text] for text in texts],
        split="file",
    )
    return {"version": number, "file": arguments.file.name, **scores.to_json()}


def _with_label(table: Table, column: str) -> Table:
    """The rows that have a label; raises DataError where none has."""
    labelled = [
        row for row, value in zip(table.rows, table.column(column), strict=True) if value.strip()
    ]
    without = len(table.rows) - len(labelled)
    if not labelled:
        raise DataError(f"no row has a label in column {column!r}; name it with --label-column")
    if without:
        say(f"{without:,} of {len(table.rows):,} rows have no label and are left out")
    return replace(table, rows=labelled)


def predict_command(arguments: argparse.Namespace) -> Result:
    """Write a copy of a file with a prediction a row."""
    engine, settings = _open()
    out = output_file(arguments.out, settings.database_url)
    table = read_table(arguments.file, text_column=arguments.text_column)
    classifier, number = _classifier(engine, settings, arguments, eight_bit=True)
    line, started = ProgressLine("tweets"), time.monotonic()
    probabilities = classifier.probabilities(
        table.column(table.text_column),
        cache=settings.cache,
        on_progress=lambda done, total: line(done, total, "predicting"),
    )
    line.end()
    seconds = time.monotonic() - started
    write_predictions(out, table, probabilities, classifier.label_map)
    return {
        "version": number,
        "predicted": len(table.rows),
        "path": str(arguments.out),
        "seconds": round(seconds, 3),
        "tweets_per_second": round(len(table.rows) / seconds, 1),
    }


def package_command(arguments: argparse.Namespace) -> Result:
    """Write a version as a plain folder that transformers loads, with a model card."""
    from trainer.package import CardFacts, package

    engine, settings = _open()
    with reading(engine) as session:
        project = get_project(arguments.project, session=session)
        version = get_model(project, arguments.model, session=session)
        names = {label.value: label.name for label in labels_of(project, session=session)}
        card = CardFacts(
            project=project.name,
            version=version.number,
            kind=version.kind,
            base_model=version.base_model,
            label_names=[names.get(value, value) for value in version.label_map],
            metrics={k: v for k, v in version.metrics.items() if k in SPLITS},
            created_at=version.created_at,
        )
        directory, manifest = settings.data / version.directory, version.manifest_sha256
    report = package(directory, arguments.directory, card=card, manifest_sha256=manifest)
    return {"path": str(arguments.directory), **report.to_json()}


def _labelled(
    engine: Engine, arguments: argparse.Namespace
) -> tuple[list[Example], list[str], TrainConfig]:
    with reading(engine) as session:
        project = get_project(arguments.project, session=session)
        examples = [Example(**row._asdict()) for row in gold_rows(project.id, session=session)]
        values = [label.value for label in labels_of(project, session=session)]
        config = TrainConfig(kind="probe", base_model=settings_of(project).base_model)
    return examples, values, config


def leakage(arguments: argparse.Namespace) -> Result:
    """Show how much a random split would flatter: the probe on both kinds of split."""
    from trainer.studies import study_leakage

    engine, settings = _open()
    examples, values, config = _labelled(engine, arguments)
    seeds = range(arguments.seeds)
    return study_leakage(examples, values, config, cache=settings.cache, seeds=seeds).to_json()


def curve(arguments: argparse.Namespace) -> Result:
    """Score probes on growing shares of the labels: what would more labels bring."""
    from trainer.studies import study_curve

    engine, settings = _open()
    examples, values, config = _labelled(engine, arguments)
    line = ProgressLine("fits")
    found = study_curve(
        examples,
        values,
        config,
        cache=settings.cache,
        seeds=range(arguments.seeds),
        on_progress=lambda done, total: line(done, total, "fitting"),
    )
    line.end()
    return found.to_json(more=arguments.more)


class ShownSteps(NullCallbacks):
    """Shows the steps of a training on stderr."""

    def __init__(self) -> None:
        self.line = ProgressLine("steps")

    def on_step(self, report: StepReport) -> None:
        """Show one."""
        self.line(report.step, report.total_steps, "training")


def reproduce_command(arguments: argparse.Namespace) -> Result:
    """Train a run again from its snapshot and say whether the metrics match."""
    from trainer.reproducing import as_measured, reproduce

    engine, settings = _open()
    with reading(engine) as session:
        project = get_project(arguments.project, session=session)
        run = get_run(arguments.run, session=session)
        made = [row for row in list_models(project, session=session) if row.run_id == run.id]
        if run.project_id != project.id or not made:
            raise DataError(f"run {run.id} made no version of {project.name!r}; see `models`")
        if run.environment.get("cancelled") or run.state == "cancelled":
            raise DataError(f"run {run.id} was cancelled; only a whole training can be reproduced")
        config = as_measured(TrainConfig.from_stored(run.config), run.environment)
        stored = made[0].metrics
        snapshot, digest = settings.data / run.snapshot["path"], run.snapshot["sha256"]
        start = start_from_json(run.snapshot.get("start"), settings.data)
    shown = ShownSteps()
    found = reproduce(
        snapshot, digest, config, stored, cache=settings.cache, callbacks=shown, start=start
    )
    shown.line.end()
    return {"run": arguments.run, **found.to_json()}


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m trainer", description="Train, compare and use classifiers.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    def add(
        name: str, function: Callable[[argparse.Namespace], Result], show: Callable[[Result], str]
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        command.add_argument("--project", required=True, help="the project's name")
        add_json(command)
        command.set_defaults(function=function, show=show)
        return command

    add_training_options(add("run", run, show_run))
    resuming = add("resume", resume_command, show_run)
    resuming.add_argument("job", type=int, metavar="JOB", help="its number, as `run` tells it")
    add("models", models, show_models)
    promoting = add(
        "promote",
        promote_command,
        lambda result: f"version {result['version']} is current; unreviewed tweets follow",
    )
    promoting.add_argument("version", type=int, help="its number, as `models` lists it")
    evaluating = add("evaluate", evaluate_command, show_scores)
    evaluating.add_argument("--label-column", required=True, help="the column of the true labels")
    predicting = add(
        "predict",
        predict_command,
        lambda result: f"{result['predicted']:,} predictions written to {result['path']}",
    )
    for command in (evaluating, predicting):
        command.add_argument("file", type=Path, metavar="FILE", help="a CSV file")
        command.add_argument("--text-column", help="the column of the texts")
    predicting.add_argument("out", type=Path, metavar="OUT", help="the CSV file to write")
    packaging = add("package", package_command, show_package)
    packaging.add_argument("directory", type=Path, metavar="DIR", help="a new folder")
    again = add("reproduce", reproduce_command, show_reproduction)
    again.add_argument("run", type=int, metavar="RUN", help="its number, as `models` lists it")
    leaking = add("leakage", leakage, show_leakage)
    growing = add("curve", curve, show_curve)
    growing.add_argument("--more", type=_whole, default=500, help="how many further labels")
    for command in (leaking, growing):
        command.add_argument("--seeds", type=_whole, default=3, help="how many seeds; default: 3")
    for command in (evaluating, predicting, packaging):
        command.add_argument("--model", type=int, help="a version's number; default: the current")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    chosen = _parser().parse_args(arguments)
    return run_command(
        chosen.function, chosen, show=chosen.show, expected=(TrainerError,), misuse=(ConfigError,)
    )
