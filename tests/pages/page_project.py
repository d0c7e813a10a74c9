"""A project with everything that a page can show, written through the real parts of the store.

Only the models are made up: their probabilities are drawn around the truth, and their metrics
computed from them by trainer.metrics.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db import jobs, projects
from db.model_versions import add_model_version, promote
from db.predictions import add_predictions, next_unpredicted
from db.runs import add_epoch, add_steps, end_run, open_run
from db.schema import Job, Project, Tweet
from db.sessions import writing
from labeling import creating, importing
from labeling.templates import NewLabel
from trainer.artifacts import FACTS, publish
from trainer.config import TrainConfig
from trainer.metrics import evaluate
from trainer.scores import prediction_rows

LABELS = ["-1", "0", "1", "2"]
NAME = "Climate stance"
PHRASES = (
    "the sea rises, and *nobody* at the harbour believes it",
    "climate change is a hoax for $q$ and _votes_",
    "NASA: warmest June since 1880 https://t.co/abc",
    "so is this global warming or just :smile: Tuesday",
)


def write_tweets(path: Path, count: int = 160) -> Path:
    """Write a CSV of made-up tweets, two in three labelled."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sentiment", "message", "tweetid"])
        for number in range(count):
            label = "" if number % 3 == 2 else LABELS[(number * 7 // 3) % 4]
            text = f"{PHRASES[number % 4]}, place {number} of {count}"
            writer.writerow([label, text, str(600_000 + number)])
    return path


def make_project(engine: Engine, file: Path, *, name: str = NAME) -> int:
    """Create the project, bring the file in, add two people; return the project's number."""
    with writing(engine) as session:
        project_id = creating.create_project(name, session=session, template="climate").id
        projects.get_or_add_annotator("Ada", session=session, role="admin")
        projects.get_or_add_annotator("Ben", session=session)
    importing.import_file(file, engine=engine, project_name=name, file_name="climate.csv")
    return project_id


def give_pro_another_value(engine: Engine, project_id: int) -> None:
    """Change the value of the label Pro from 1 to pro: a new label, and the old one is retired."""
    with writing(engine) as session:
        project = session.get_one(Project, project_id)
        wanted = [
            NewLabel("pro" if one.value == "1" else one.value, one.name)
            for one in projects.labels_of(project, session=session)
        ]
        creating.edit_labels(project, wanted, session=session)


def add_version(
    engine: Engine, project_id: int, kind: str, *, quality: float, current: bool
) -> int:
    """Add a model version of a given quality with metrics, run and curve; return its number."""
    generator = np.random.default_rng(round(quality * 1000))
    data = Path(str(engine.url.database)).parent
    files = publish(data / "models", _no_weights, {})
    with writing(engine) as session:
        metrics = {
            split: _metrics(_gold(project_id, split, session=session), quality, split, generator)
            for split in ("validation", "test")
        }
        job = jobs.enqueue(project_id, "train", {"config": {"kind": kind}}, session=session)
        run_id = _run(job, kind, metrics["validation"], session=session)
        version = add_model_version(
            project_id,
            session=session,
            facts={
                "kind": kind,
                "base_model": TrainConfig().base_model,
                "run_id": run_id,
                "directory": str(files.directory.relative_to(data)),
                "manifest_sha256": files.manifest_sha256,
                "label_map": LABELS,
                "metrics": {name: found for name, found in metrics.items() if found},
            },
        )
        number = version.number
        job.state, job.result = "succeeded", {"version": number}
        if current:
            promote(version, session=session)
            waiting = next_unpredicted(
                project_id, version.id, session=session, after=(0, 0), limit=10_000
            )
            drawn = generator.dirichlet([0.7] * len(LABELS), len(waiting)).astype(np.float32)
            rows = prediction_rows(drawn, LABELS)
            for tweet, row in zip(waiting, rows, strict=True):
                row["tweet_id"] = tweet.tweet_id
            add_predictions(version.id, rows, session=session)
    return number


def _no_weights(directory: Path) -> None:
    """Leave a version's files whole as far as their manifest goes; nothing here predicts."""
    (directory / FACTS).write_text("{}", encoding="utf-8")


def _gold(project_id: int, split: str, *, session: Session) -> Sequence[tuple[str, int]]:
    query = select(Tweet.imported_label, Tweet.group_id).where(
        Tweet.project_id == project_id, Tweet.split == split, Tweet.imported_label.is_not(None)
    )
    return [(str(label), group) for label, group in session.execute(query)]


def _metrics(
    gold: Sequence[tuple[str, int]], quality: float, split: str, generator: np.random.Generator
) -> dict[str, Any] | None:
    if not gold:
        return None
    truth = [label for label, _ in gold]
    drawn = generator.dirichlet([0.8] * len(LABELS), len(gold))
    right = generator.random(len(gold)) < quality
    for row, label in enumerate(truth):
        if right[row]:
            drawn[row, LABELS.index(label)] += 1.5
    drawn /= drawn.sum(axis=1, keepdims=True)
    return evaluate(
        drawn, truth, LABELS, groups=[group for _, group in gold], split=split, resamples=200
    ).to_json()


def _run(job: Job, kind: str, metrics: dict[str, Any] | None, *, session: Session) -> int:
    facts = {"kind": kind, "base_model": TrainConfig().base_model, "config": {}, "snapshot": {}}
    run, _ = open_run(job.project_id, job.id, session=session, facts=facts)
    points = [
        {"step": n, "epoch": n / 40, "loss": 1.3 * 0.985**n + 0.05 * (n % 3), "learning_rate": 1e-4}
        for n in range(1, 121, 2)
    ]
    add_steps(run.id, points, session=session)
    for epoch in (1, 2, 3):
        score = (metrics or {}).get("macro_f1", 0.5) * (0.8 + 0.07 * epoch)
        validation = {"macro_f1": score, "loss": 1.2 - 0.15 * epoch}
        add_epoch(
            run.id,
            {
                "step": 40 * epoch,
                "epoch": float(epoch),
                "training_loss": 1.1 - 0.2 * epoch,
                "metrics": validation,
                "learning_rate": 1e-4,
                "seconds": 3.0,
            },
            session=session,
        )
    end_run(run.id, "succeeded", session=session, facts={"tweets_per_second": 55.0})
    return run.id
