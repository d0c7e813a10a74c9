"""Annotators in processes of their own, as the label page works for them; any may be killed.

Each worker sends outboxes through labeling.widget.exchange, twice now and then, and writes to
its log what the store acknowledged, only after it did. The log is a file: what a killed process
wrote stays. Workers are forked from a server that has everything imported; each builds its own
engine.
"""

import json
import os
import random
import signal
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from forks import CONTEXT

LABELS = ("-1", "0", "1", "2")


@dataclass(frozen=True)
class Job:
    """What one worker does. pause: seconds between outboxes; undo: share taken back at once."""

    url: str
    who: str
    log: str
    seed: int
    seconds: float = 3600.0
    at_once: int = 5
    pause: float = 0.0
    undo: float = 0.2


def annotate(job: Job) -> None:
    """Answer until nothing is left or the time is over."""
    from labeling.widget.exchange import Exchange, fill, refill, take

    os.environ["OMP_NUM_THREADS"] = "1"
    rng = random.Random(job.seed)
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def say(**facts: Any) -> None:
        os.write(log, (json.dumps(facts) + "\n").encode())

    try:
        engine, exchange = _open(job, Exchange)
        say(ready=os.getpid())
        until = time.monotonic() + job.seconds
        while time.monotonic() < until:
            fill(exchange, engine=engine)
            if not exchange.items:
                say(empty=True)
                return
            outbox = _outbox(exchange.items[: rng.randint(1, job.at_once)], rng, job.undo)
            for _ in range(2 if rng.random() < 0.1 else 1):
                started = time.perf_counter()
                taken = take(outbox, exchange, engine=engine)
                took = time.perf_counter() - started
                say(
                    acks=[one.key for one in taken.acks if one.state != "refused"],
                    states=sorted({one.state for one in taken.acks}),
                    ms=1000 * took,
                    at=time.time(),
                )
            refill(exchange, engine=engine)
            time.sleep(job.pause)
    except BaseException as error:
        say(error=f"{type(error).__name__}: {error}")
        raise


def _open(job: Job, exchange: type) -> tuple[Any, Any]:
    from db.engine import make_engine
    from db.projects import get_or_add_annotator, get_project
    from db.sessions import writing

    engine = make_engine(job.url)
    with writing(engine) as session:
        project = get_project("climate", session=session)
        person = get_or_add_annotator(job.who, session=session)
        return engine, exchange(project.id, person.id)


def _outbox(items: list[Any], rng: random.Random, undo: float) -> list[dict[str, Any]]:
    outbox = []
    for item in items:
        facts = {"tweet_id": item.tweet_id, "lease_generation": item.lease_generation}
        label = {"key": uuid.uuid4().hex, "kind": "label", "label": rng.choice(LABELS), **facts}
        outbox.append(label)
        if rng.random() < undo:
            taken_back = {"key": uuid.uuid4().hex, "kind": "undo", "undoes_key": label["key"]}
            again = {**label, "key": uuid.uuid4().hex, "label": rng.choice(LABELS)}
            outbox += [{**taken_back, "tweet_id": 0}, again]
    return outbox


@dataclass
class Crew:
    """Several workers on one store; those killed are counted."""

    url: str
    logs: Path
    rng: random.Random
    options: dict[str, Any] = field(default_factory=dict)
    workers: dict[str, BaseProcess] = field(default_factory=dict)
    kills: int = 0
    _started: int = 0

    def start(self, who: str) -> None:
        """Start a person's worker (anew)."""
        self._started += 1
        log = str(self.logs / f"{who}-{self._started:04d}.jsonl")
        job = Job(self.url, who, log, self.rng.randrange(10**9), **self.options)
        process = CONTEXT.Process(target=annotate, args=(job,), daemon=True)
        process.start()
        self.workers[who] = process

    def kill(self, who: str) -> None:
        """SIGKILL a worker that is still at work."""
        process = self.workers.pop(who)
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            self.kills += 1
        process.join()
        process.close()

    def kill_at_ack(self, who: str, patience: float = 1.0) -> None:
        """SIGKILL a worker the moment it has been told that something is saved."""
        log = max(self.logs.glob(f"{who}-*.jsonl"), default=None)
        size = log.stat().st_size if log else 0
        until = time.monotonic() + patience
        while log and log.stat().st_size == size and time.monotonic() < until:
            time.sleep(0.001)
        self.kill(who)

    def wait(self, seconds: float = 600.0) -> list[int | None]:
        """Let everyone finish; return the exit codes."""
        until = time.monotonic() + seconds
        codes = []
        for process in self.workers.values():
            process.join(max(0.0, until - time.monotonic()))
            codes.append(process.exitcode)
        return codes

    def stop(self) -> None:
        """Kill everyone who is left."""
        for process in self.workers.values():
            process.kill()
            process.join()

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield all that the workers noted, killed or not."""
        for path in sorted(self.logs.glob("*.jsonl")):
            for line in path.read_text().splitlines():
                yield json.loads(line)

    def acks(self) -> list[str]:
        """Return the keys of all acknowledged answers."""
        return [key for line in self.lines() for key in line.get("acks", ())]

    def errors(self) -> list[str]:
        """Return whatever a worker died of, other than SIGKILL."""
        return [line["error"] for line in self.lines() if "error" in line]

    def latency(self, share: float) -> float:
        """Return a quantile of the time an outbox took, in ms."""
        times = sorted(line["ms"] for line in self.lines() if "ms" in line)
        return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0
