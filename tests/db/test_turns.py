"""Writers wait for each other, and are told when that takes too long."""

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from db import turns
from db.engine import make_engine
from db.schema import Project
from db.sessions import reading, writing

WRITERS = 6


def test_all_who_wait_come_to_write(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_PATIENCE_MS", 1)  # so that they queue
    in_line = threading.Barrier(WRITERS + 1)

    def add(number: int) -> None:
        own = make_engine(url)
        in_line.wait()
        with writing(own) as session:
            session.add(Project(name=f"project {number}"))
        own.dispose()

    threads = [threading.Thread(target=add, args=(number,)) for number in range(WRITERS)]
    with writing(engine) as session:
        session.add(Project(name="first"))
        session.flush()
        for thread in threads:
            thread.start()
        in_line.wait()
    for thread in threads:
        thread.join()
    with reading(engine) as session:
        assert session.query(Project).count() == WRITERS + 1


def test_who_waits_too_long_is_told_so_and_can_write_later(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "BUSY_TIMEOUT_MS", 50)
    other = make_engine(url)
    with writing(engine) as session:
        session.add(Project(name="first"))
        session.flush()
        with pytest.raises(OperationalError, match="locked"), writing(other) as late:
            late.add(Project(name="late"))
    with writing(other) as session:
        session.add(Project(name="late"))
    with reading(engine) as session:
        assert session.query(Project).count() == 2
    other.dispose()


def test_who_gives_up_queueing_leaves_nothing_behind(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = threading.Event()
    lock = fcntl.flock

    def late(place: int, operation: int) -> None:
        given_up.wait()
        lock(place, operation)

    monkeypatch.setattr(fcntl, "flock", late)  # as if the thread that asks had not come to it yet
    before = set(Path("/proc/self/fd").iterdir())
    with turns._queue(str(tmp_path / "store.db"), until=0):
        (thread,) = (one for one in threading.enumerate() if one.name == turns.STANDING)
    given_up.set()
    thread.join(timeout=10)
    assert set(Path("/proc/self/fd").iterdir()) <= before
    with turns._queue(
        str(tmp_path / "store.db"), until=time.monotonic() + 60
    ):  # the place is free again
        pass


def test_where_files_cannot_be_locked_nobody_queues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(place: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    began = time.monotonic()
    with turns._queue(str(tmp_path / "store.db"), until=began + 200):
        assert time.monotonic() < began + 100
