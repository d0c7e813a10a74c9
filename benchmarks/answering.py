"""What an answer costs the store: processor time, waiting and statements, without a browser.

    python -m benchmarks.answering [--tweets 20000] [--answers 200] [--at-once 1] [--data DIR]

Prints one JSON object. `writing`: from the moment when the answer's transaction holds the one
place of a writer until it is committed, an answer; nobody else can write meanwhile. `fetching`:
the same of a transaction that deals new tweets, one of about twelve answers. `exchange`: all
that the label page does for an answer, by part. --at-once: answers in one outbox. --data: a
store kept from an earlier run, to spare its making. Reach: 4 ms of processor an answer.
"""

import argparse
import json
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, event, select

from benchmarks.folders import folder
from benchmarks.labeling_latency import PERSON, PROJECT, VALUES, fill_store, open_store
from db.engine import WRITES
from db.schema import Annotator, Project
from db.sessions import reading
from labeling.widget.exchange import Exchange, fill, refill, take, to_json

WARM_UP = 20  # answers that are not counted: statements are compiled at their first use


@dataclass
class Meter:
    """Measures writing transactions, and what passes between `start` and `note`."""

    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statements: int = 0
    _began: tuple[float, float, int] | None = None
    last: tuple[float, float, int] | None = None

    def watch(self, engine: Engine) -> None:
        """Listen to an engine."""
        event.listen(engine, "before_cursor_execute", self._executes)
        event.listen(engine, "begin", self._begins)
        event.listen(engine, "checkin", self._ends)

    def _executes(self, *_: Any) -> None:
        self.statements += 1

    def _begins(self, connection: Any) -> None:
        if connection.get_execution_options().get(WRITES):
            self._began = (time.thread_time(), time.perf_counter(), self.statements)

    def _ends(self, *_: Any) -> None:
        if self._began is not None:
            self.last, self._began = self._since(self._began), None

    def start(self) -> tuple[float, float, int]:
        """Return where the clocks stand."""
        return time.thread_time(), time.perf_counter(), self.statements

    def _since(self, began: tuple[float, float, int]) -> tuple[float, float, int]:
        cpu, wall, statements = began
        return (
            1000 * (time.thread_time() - cpu),
            1000 * (time.perf_counter() - wall),
            self.statements - statements,
        )

    def note(self, name: str, began: tuple[float, float, int], share: int = 1) -> None:
        """Keep what passed since `began`, of which each of `share` answers has its part."""
        self.keep(name, self._since(began), share)

    def keep(self, name: str, passed: tuple[float, float, int], share: int = 1) -> None:
        """Keep a measurement."""
        for unit, value in zip(("cpu_ms", "wall_ms", "statements"), passed, strict=True):
            self.figures[f"{name} {unit}"].append(value / share)

    def summary(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return the middle, the 95th of 100 and the mean of all that was kept."""
        found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
        for key, values in self.figures.items():
            name, unit = key.rsplit(" ", 1)
            middle, high = np.percentile(values, [50, 95])
            found[name][unit] = {
                "p50": round(float(middle), 2),
                "p95": round(float(high), 2),
                "mean": round(float(np.mean(values)), 2),
            }
        return found


def exchange_of(engine: Engine) -> Exchange:
    """Open the page of the person who is measured."""
    with reading(engine) as session:
        project_id = session.scalars(select(Project.id).where(Project.name == PROJECT)).one()
        person_id = session.scalars(select(Annotator.id).where(Annotator.name == PERSON)).one()
    return Exchange(project_id, person_id)


def once(exchange: Exchange, engine: Engine, meter: Meter, at_once: int) -> None:
    """Answer what stands first, as one run of the label page does."""
    outbox = [
        {
            "key": uuid.uuid4().hex,
            "kind": "label",
            "tweet_id": item.tweet_id,
            "label": VALUES[item.tweet_id % len(VALUES)],
            "seconds": 1.5,
            "shown": item.suggestion is not None,
            "lease_generation": item.lease_generation,
        }
        for item in exchange.items[:at_once]
    ]
    whole = began = meter.start()
    taken = take(outbox, exchange, engine=engine)
    meter.note("take", began, len(outbox))
    if meter.last is not None:
        meter.keep("writing", meter.last, len(outbox))
    meter.last, began = None, meter.start()
    filled = fill(exchange, engine=engine)
    meter.note("fill", began)
    began = meter.start()
    to_json(exchange, taken, engine=engine, base="")
    meter.note("to_json", began)
    began = meter.start()
    if not filled:
        refill(exchange, engine=engine)
    meter.note("refill", began)
    if meter.last is not None:
        meter.keep("fetching", meter.last)
        meter.last = None
    meter.note("exchange", whole)


def run(wish: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Fill a store, answer, and return the figures."""
    fresh = not (data / "relabel.db").exists()
    engine = fill_store(data, wish.tweets) if fresh else open_store(data)
    meter, exchange = Meter(), exchange_of(engine)
    meter.watch(engine)
    fill(exchange, engine=engine)
    for _ in range(WARM_UP):
        once(exchange, engine, meter, wish.at_once)
    meter.figures.clear()
    for _ in range(wish.answers):
        once(exchange, engine, meter, wish.at_once)
    engine.dispose()
    return {
        "tweets": wish.tweets,
        "answers": wish.answers * wish.at_once,
        "at_once": wish.at_once,
        **meter.summary(),
    }


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tweets", type=int, default=20_000)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--data", type=Path)
    wish = parser.parse_args()
    with folder(wish.data) as data:
        print(json.dumps(run(wish, data), indent=2))


if __name__ == "__main__":
    main()
