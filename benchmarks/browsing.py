"""How long the data page's filters take over a million tweets.

    python -m benchmarks.browsing [--tweets 1000000] [--data DIR] [--repeats 3]

Makes a store of generated tweets, all predicted by a made-up model, some of them answered, or
uses the one of an earlier run in DIR; asks it what the data page asks and prints one JSON
object: the slowest of the repeats for each search, in seconds. Reach: a second each.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from benchmarks.folders import folder
from benchmarks.labeling_latency import PERSON, PROJECT, fill_store, open_store
from db import projects
from db.schema import AnnotationEvent, Annotator, Tweet
from db.sessions import reading, writing
from labeling.answering import Answer, record
from labeling.browsing import SORTS, browse, confidence_histogram
from labeling.errors import SearchError
from labeling.filters import Filter

ANSWERED = 1_000
SEARCHES = {
    "everything": Filter(),
    "a word": Filter(text="climate"),
    "a frequent piece": Filter(text="ba"),
    "a pattern": Filter(text=r"\bb[aeiou]+c\w+ t", regex=True),
    "a slow pattern": Filter(text=r"(\w+\s?)+!", regex=True),
    "label": Filter(label="1"),
    "no gold label": Filter(labelled=False),
    "suggestion": Filter(suggestion="2"),
    "confidence 0.9 to 1": Filter(low=0.9, high=1.0),
    "confidence 0.50 to 0.51": Filter(low=0.50, high=0.51),
    "split": Filter(split="test"),
    "source": Filter(source="single"),
    "annotator": Filter(annotator_id=1),
    "flagged": Filter(flagged=True),
    "commented": Filter(commented=True),
    "disagreeing": Filter(disagreeing=True),
    "group of 100 and more": Filter(group_size=100),
    "several at once": Filter(
        text="da", suggestion="1", low=0.6, split="train", labelled=False, group_size=2
    ),
}


def answer_some(engine: Engine) -> None:
    """Let two people answer some tweets, flag and comment some, and disagree on some."""
    with writing(engine) as session:
        project = projects.get_project(PROJECT, session=session)
        ids = session.scalars(select(Tweet.id).order_by(Tweet.id).limit(40 * ANSWERED)).all()
        for place, name in enumerate((PERSON, "Ben")):
            person = projects.get_or_add_annotator(name, session=session, role="admin")
            answers = []
            for number, tweet_id in enumerate(ids[:: 40 * (1 + 9 * place)]):
                key = f"{name}-{tweet_id}"
                label = ("-1", "0", "1", "2")[(number + place) % 4]
                answers.append(Answer(key=key, kind="label", tweet_id=tweet_id, label=label))
                if number % 50 == 0:
                    answers.append(Answer(key=f"{key}-flag", kind="flag", tweet_id=tweet_id))
                if number % 70 == 0:
                    answers.append(
                        Answer(key=f"{key}-say", kind="comment", tweet_id=tweet_id, comment="why")
                    )
            record(answers, project, person, session=session)


def measure(engine: Engine, repeats: int) -> dict[str, Any]:
    """Return the slowest time of each search in each order that the page offers."""
    found: dict[str, Any] = {}
    with reading(engine) as session:
        project = projects.get_project(PROJECT, session=session)
        person = session.scalars(select(Annotator.id).where(Annotator.name == PERSON)).one()
        for name, wanted in SEARCHES.items():
            if wanted.annotator_id is not None:
                wanted = Filter(annotator_id=person)
            for sort in SORTS:
                slowest, said = 0.0, ""
                for _ in range(repeats):
                    start = time.perf_counter()
                    try:
                        said = browse(project, wanted, session=session, sort=sort).message
                    except SearchError as error:
                        said = str(error)
                    slowest = max(slowest, time.perf_counter() - start)
                found[f"{name}, {sort}"] = [round(slowest, 3), said[:60]]
        start = time.perf_counter()
        confidence_histogram(project, session=session)
        found["histogram"] = [round(time.perf_counter() - start, 3), ""]
    return found


def run(tweets: int, repeats: int, data: Path) -> dict[str, Any]:
    """Make or open the store, measure, and return the figures."""
    made = (data / "relabel.db").exists()
    engine = open_store(data) if made else fill_store(data, tweets)
    with reading(engine) as session:
        answered = session.scalar(select(AnnotationEvent.id).limit(1)) is not None
    if not answered:
        answer_some(engine)
    times = measure(engine, repeats)
    engine.dispose()
    slowest = max(times, key=lambda name: times[name][0])
    return {
        "tweets": tweets,
        "slowest": [slowest, *times[slowest]],
        "over_a_second": {name: one for name, one in times.items() if one[0] > 1},
        "stopped_in_time": sorted(name for name, one in times.items() if one[1]),
        "seconds": {name: one[0] for name, one in times.items()},
        "processors": os.cpu_count(),
    }


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tweets", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path)
    wish = parser.parse_args()
    with folder(wish.data) as data:
        print(json.dumps(run(wish.tweets, wish.repeats, data), indent=2))


if __name__ == "__main__":
    main()
