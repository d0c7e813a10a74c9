"""T17: a large export while people label, killed on its way: one moment of the store, or no file.

Seen to fail when labeling.exporting wrote to the final name (half files).
"""

import csv
import random
from pathlib import Path

import pytest
from annotators import Crew
from million import AT_HAND, ROWS, make_million
from scale import FULL, amount
from sqlalchemy import func, select

from db.engine import make_engine
from db.schema import AnnotationEvent, Tweet
from db.sessions import reading
from labeling.importing import import_file


@pytest.mark.slow
def test_an_export_is_one_moment_or_nothing(tmp_path: Path, tell) -> None:
    million = make_million(tmp_path)
    engine = make_engine(million.url)
    import_file(million.file, engine=engine, project_name="climate")
    rng = random.Random(17)
    logs = tmp_path / "logs"
    logs.mkdir()
    crew = Crew(million.url, logs, rng, {"at_once": 1, "pause": 0.05, "undo": 0.0})
    for number in range(amount(1, 4)):
        crew.start(f"person {number}")
    out = tmp_path / "out.csv"
    command = ("labeling", "export", str(out), "--project", "climate", "--rows", "all", "--json")
    kills, half = amount(2, 10), 0
    for _ in range(kills):
        ended = million.command(*command, kill_after=amount(1.5, 8.0) * rng.uniform(0.3, 1.5))
        half += out.exists() and _read(out, engine)[0] != AT_HAND + ROWS
        out.unlink(missing_ok=True)
    ended = million.command(*command)
    crew.stop()
    rows, torn = _read(out, engine)
    engine.dispose()
    lost = {
        "half files": half,
        "failed exports": int(ended.code != 0),
        "rows missing": AT_HAND + ROWS - rows,
        "answers without an earlier one": torn,
        "errors shown": len(crew.errors()),
    }
    tell(
        "large export",
        done={"rows": rows, "kills": kills, "acks meanwhile": len(crew.acks())},
        lost=lost,
        notes={"seconds": f"{ended.seconds:.0f}", "memory": f"{ended.peak_mb} MB"},
    )
    assert lost == dict.fromkeys(lost, 0), ended.output[-500:]
    if FULL:
        assert ended.peak_mb < 100 + 200


def _read(out: Path, engine) -> tuple[int, int]:
    """Return the rows of the export, and how many answers it lacks though it has a later one."""
    with reading(engine) as session:
        # The first of each tweet: what is asked again later is answered twice.
        query = (
            select(Tweet.external_id, func.min(AnnotationEvent.id))
            .join(Tweet, Tweet.id == AnnotationEvent.tweet_id)
            .group_by(Tweet.external_id)
        )
        events = dict(session.execute(query).all())
    rows, answered = 0, set()
    with out.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            rows += 1
            if row["tweetid"] in events and row["source"] == "single":
                answered.add(row["tweetid"])
    newest = max((events[one] for one in answered), default=0)
    return rows, sum(event < newest and one not in answered for one, event in events.items())
