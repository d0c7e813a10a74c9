"""T5: somebody sets the clock, by an hour, a day, forward or back, in the middle of things.

Seen to fail when db.clock gave the ordinary clock's time (claims and a training given away).
"""

import datetime as standard
import os
from pathlib import Path

import pytest
from scale import amount
from small_store import Store
from sqlalchemy import select
from stores import make_store_at

import db.clock
import db.types
from db import jobs
from db.schema import AnnotationEvent, Job, Lease
from db.sessions import reading, writing
from labeling.pages.parts.jobs import view

HOUR, DAY = 3600, 86_400
STEPS = [HOUR, -HOUR, DAY, -DAY, 31]


class Clock:
    """The ordinary clock, which can be set; and the seconds since start, which only run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.step = self.passed = 0.0
        clock, uptime = self, db.clock.uptime

        class Settable(standard.datetime):
            @classmethod
            def now(cls, tz=None):
                return super().now(tz) + standard.timedelta(seconds=clock.step + clock.passed)

        monkeypatch.setattr(db.types, "datetime", Settable)
        monkeypatch.setattr(db.clock, "uptime", lambda: uptime() + clock.passed)


@pytest.mark.parametrize("step", STEPS)
def test_setting_the_clock_gives_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float, tell
) -> None:
    clock = Clock(monkeypatch)
    store = make_store_at(f"sqlite:///{tmp_path / 'relabel.db'}", (1,) * 10, lease_seconds=30)
    lost = {
        "claims given away": claim_under(clock, step, store),
        "claims never given back": claim_over(clock, step, store),
        "jobs taken away": job_under(clock, step, store),
        "events out of order": order_under(clock, step, store),
    }
    store.engine.dispose()
    tell("clock set", done={"cases": 4}, lost=lost)
    assert lost == dict.fromkeys(lost, 0)


def claim_under(clock: Clock, step: float, store: Store) -> int:
    """Ann holds tweets; the clock is set; whoever asks then must not get what she holds."""
    held = {item.tweet_id for item in store.ask("ann", count=4)}
    clock.step = step
    others = {item.tweet_id for item in store.ask("bob", count=10)}
    clock.step = 0
    key, recorded = store.label(sorted(held)[0], "1", "ann")
    return len(held & others) + (recorded.state != "saved") + (not key)


def claim_over(clock: Clock, step: float, store: Store) -> int:
    """The lease's seconds go by, whatever the clock says: then others are asked."""
    clock.step = step
    clock.passed += 31
    with reading(store.engine) as session:
        held = set(session.scalars(select(Lease.tweet_id)))
    free = {item.tweet_id for item in store.ask("cid", count=10)}
    clock.step = 0
    return len(held - free)


def job_under(clock: Clock, step: float, store: Store) -> int:
    """A training runs; the clock is set; it is neither marked lost nor joined by another."""
    with writing(store.engine) as session:
        for _ in range(2):
            jobs.enqueue(1, "train", {}, session=session)
        job = jobs.reserve_next(session=session)
        assert job is not None
        jobs.adopt(job.id, session=session)
        number = job.id
    clock.step = step
    with writing(store.engine) as session:
        taken = int(view(jobs.get_job(number, session=session), session=session).stalled)
        taken += len(jobs.reap_lost(session=session))
        taken += jobs.reserve_next(session=session) is not None
        taken += jobs.heartbeat(number, session=session)
        jobs.finish(number, "succeeded", session=session)
        for other in session.scalars(select(Job).where(Job.state == "queued")):
            jobs.request_cancel(other.id, session=session)
    clock.step = 0
    return taken


def order_under(clock: Clock, step: float, store: Store) -> int:
    """Events follow each other by number; the last answer stands, whatever its time says."""
    clock.step = 0
    store.label(9, "0", "dan")
    clock.step = step
    store.label(9, "1", "dan")
    with reading(store.engine) as session:
        query = select(AnnotationEvent.label).where(AnnotationEvent.tweet_id == 9)
        labels = list(session.scalars(query.order_by(AnnotationEvent.id)))
    clock.step = 0
    return int(labels != ["0", "1"] or store.golds()[9][0] != "1")


def test_a_process_that_is_gone_is_found_under_any_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    store = make_store_at(f"sqlite:///{tmp_path / 'relabel.db'}", (1,))
    for step in amount(STEPS[:2], STEPS):
        with writing(store.engine) as session:
            jobs.enqueue(1, "train", {}, session=session)
            job = jobs.reserve_next(session=session)
            assert job is not None
            job.owner, job.pid = "another-machine:1", os.getpid()
            jobs.renew(job, session=session)
        clock.step = step
        clock.passed += 61
        with writing(store.engine) as session:
            assert len(jobs.reap_lost(session=session)) == 1
        clock.step = 0
    store.engine.dispose()
