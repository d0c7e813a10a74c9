"""Several annotator processes at once, killed at random: nothing acknowledged is lost, and no
tweet is answered by more people than asked for.

Seen to fail when the queue did not count the claims of others (two people answered one tweet).
Too few kills to catch an acknowledgement before the commit, whose window is milliseconds: that
takes the long run of the stress suite.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from small_store import Store
from sqlalchemy import func, select, text

from db.schema import Annotation, AnnotationEvent, Annotator, Gold
from labeling.standing import Act, replay

SCRIPT = Path(__file__).with_name("annotator_process.py")
MakeStore = Callable[..., Store]


class Annotating:
    """A process, and what it has said so far."""

    def __init__(self, path: Path, who: str, seed: int) -> None:
        self.acks: list[str] = []
        self.ready, self.empty = threading.Event(), threading.Event()
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(path), who, str(seed)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])},
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not line.endswith("\n"):
                continue  # killed while it wrote: nobody was told anything
            word, _, key = line.strip().partition(" ")
            if word == "ack":
                self.acks.append(key)
            else:
                (self.ready if word == "ready" else self.empty).set()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.finish()

    def finish(self) -> str:
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        self.process.wait(timeout=60)
        self.reader.join(timeout=60)
        self.process.stderr.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return said


@pytest.mark.slow
@pytest.mark.parametrize("overlap", [1, 2])
def test_killed_annotators_lose_no_acknowledged_answer_and_share_no_tweet(
    store_of: MakeStore, tmp_path: Path, overlap: int
) -> None:
    store = store_of((2,) + (1,) * 119, overlap=overlap, random_share=0.2, repeat_share=0.05)
    people = ("ann", "bob", "cid")
    with store.write() as (session, _, _person):
        session.add_all(Annotator(name=who) for who in people if who != "ann")
    rng = random.Random(overlap)
    acks: list[str] = []
    crew = [Annotating(tmp_path, who, rng.randrange(10**6)) for who in people]
    for one in crew:
        one.ready.wait(timeout=60)
        time.sleep(rng.uniform(0.02, 0.2))
        one.kill()
        acks += one.acks
    crew = [Annotating(tmp_path, who, rng.randrange(10**6)) for who in people]
    for one in crew:
        assert one.finish() == ""
        acks += one.acks
    assert len(acks) > 60
    check_nothing_lost(store, acks)
    check_people_per_tweet(store, overlap)


def check_nothing_lost(store: Store, acks: list[str]) -> None:
    with store.read() as (session, _, _person):
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        events = session.scalars(select(AnnotationEvent)).all()
        keys = {event.idempotency_key for event in events}
        assert set(acks) <= keys
        acts = defaultdict(list)
        for event in events:
            repeat = event.queue_reason == "repeat"
            acts[event.tweet_id, event.annotator_id].append(
                Act(event.id, event.kind, event.label, None, event.undoes_id, False, repeat)
            )
        standing = {pair: replay(its) for pair, its in acts.items()}
        annotations = {
            (one.tweet_id, one.annotator_id): one.label
            for one in session.scalars(select(Annotation))
        }
    assert annotations == {pair: one.label for pair, one in standing.items() if one is not None}


def check_people_per_tweet(store: Store, overlap: int) -> None:
    with store.read() as (session, _, _person):
        people = (
            select(func.count(Annotation.annotator_id.distinct()))
            .where(Annotation.kind == "label")
            .group_by(Annotation.tweet_id)
        )
        counts = session.scalars(people).all()
        conflicts = session.scalar(select(func.count()).where(AnnotationEvent.conflict))
        golds = session.scalar(select(func.count(Gold.tweet_id)))
    assert set(counts) == {overlap}
    assert len(counts) == 120
    assert conflicts == 0
    if overlap == 1:
        assert golds == 121
