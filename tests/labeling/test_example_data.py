"""The example project's tweets hold every difficulty that real ones do."""

import csv
from collections import Counter
from pathlib import Path

from sqlalchemy import Engine

from db.projects import get_project
from db.sessions import reading
from labeling.grouping import is_cut_off, is_retweet
from labeling.importing import import_file
from labeling.status import status

EXAMPLE = Path(__file__).parents[2] / "examples" / "climate_example.csv"


def rows() -> list[dict[str, str]]:
    with EXAMPLE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_half_of_the_example_is_labelled_with_all_four_labels() -> None:
    labels = Counter(row["sentiment"] for row in rows())
    assert labels.total() == 400
    assert labels[""] == 200
    assert set(labels) == {"", "-1", "0", "1", "2"}
    assert min(labels.values()) >= 30


def test_the_example_holds_what_makes_tweets_hard() -> None:
    texts = [row["message"] for row in rows()]
    assert sum(is_retweet(text) for text in texts) >= 80
    assert sum(is_cut_off(text) for text in texts) >= 30
    for start in ("@", "=", "-", "+"):
        assert any(text.startswith(start) for text in texts)
    for part in ("\n", "$q$", "“", "#", "https://t.co/", "😂", "🌍"):
        assert any(part in text for text in texts)
    assert all(len(row["tweetid"]) == 19 for row in rows())


def test_the_example_comes_in_whole(engine: Engine, climate: str) -> None:
    report = import_file(EXAMPLE, engine=engine, project_name=climate)
    assert (report.accepted, report.rejected, report.rounded_ids) == (400, 0, 0)
    with reading(engine) as session:
        found = status(get_project(climate, session=session), session=session)
    assert found.gold == {"imported": 200}
    assert found.groups < 350
    assert min(found.splits.values()) >= 20
