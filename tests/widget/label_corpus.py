"""A project to label: made-up tweets, a made-up model in use, and no jobs of its own."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, select

from db.model_versions import add_model_version, promote
from db.predictions import add_predictions
from db.project_settings import ProjectSettings
from db.schema import Tweet
from db.sessions import writing
from labeling import creating, importing
from trainer.scores import prediction_rows

NAME = "Climate stance"
VALUES = ("-1", "0", "1", "2")
# Everything that a text can hold and that a page could take for markup.
HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"> **bold** _it_ $q$ :smile: :red[x]\n\n"
    "second line & 🌊🔥 “curly” قصير https://t.co/a?b=1&c=<b> #climate @ada"
)
# No jobs (they would load the processor), no draws that would make tests depend on chance.
QUIET = ProjectSettings(
    auto_probe=False,
    blind_share=0.0,
    random_share=0.0,
    repeat_share=0.0,
    validation_share=0.01,
    test_share=0.01,
    daily_goal=1000,
)


def write_tweets(path: Path, count: int, *, first: str = HOSTILE) -> Path:
    """Write a CSV of made-up tweets without labels; some are long, one is hostile."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["message", "tweetid"])
        writer.writerow([first, "1"])
        for number in range(2, count + 1):
            text = f"Tweet {number} of the harbour: the sea rises, and nobody believes it"
            if number % 5 == 0:
                text += f" - place {number} says so" * 12
            writer.writerow([text, str(number)])
    return path


def make_project(
    engine: Engine,
    folder: Path,
    *,
    count: int = 60,
    name: str = NAME,
    settings: ProjectSettings = QUIET,
    predicted: bool = True,
) -> int:
    """Create the project, bring its tweets in, predict them all; return its number."""
    with writing(engine) as session:
        project_id = creating.create_project(
            name, session=session, template="climate", settings=replace(settings)
        ).id
    file = write_tweets(folder / f"tweets-{project_id}.csv", count)
    importing.import_file(file, engine=engine, project_name=name, file_name=file.name)
    if predicted:
        predict_all(engine, project_id)
    return project_id


def predict_all(engine: Engine, project_id: int) -> None:
    """Put a made-up model version in use that has predicted every tweet."""
    with writing(engine) as session:
        version = add_model_version(
            project_id,
            session=session,
            facts={
                # A fine-tuned version is never replaced by a job of its own.
                "kind": "fine_tuned",
                "base_model": "made-up",
                "directory": "models/made-up",
                "manifest_sha256": "0" * 64,
                "label_map": list(VALUES),
                "metrics": {},
            },
        )
        promote(version, session=session)
        query = select(Tweet.id).where(Tweet.project_id == project_id).order_by(Tweet.id)
        ids = session.scalars(query).all()
        drawn = np.random.default_rng(0).dirichlet([0.7] * len(VALUES), len(ids))
        rows = prediction_rows(drawn.astype(np.float32), list(VALUES))
        for tweet_id, row in zip(ids, rows, strict=True):
            row["tweet_id"] = tweet_id
        add_predictions(version.id, rows, session=session)
