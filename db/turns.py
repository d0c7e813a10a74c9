"""Beginning to write to an SQLite file, so that nobody who waits is passed over for long.

SQLite lets a writer who finds the place taken ask again after pauses that grow to a tenth of a
second; where several write at full speed, one is passed over again and again, for seconds. So
whoever has waited for a while queues for being the next: those in the queue come one by one, and
the first asks every millisecond or two. What they queue at is a lock on the file's directory,
which ends with its process. It is a courtesy only: SQLite's own lock decides, and who has waited
for too long is told that the database is locked.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

BUSY_TIMEOUT_MS = 15_000
_PATIENCE_MS = 40
_ASK_AGAIN_MS = 3
STANDING = "waiting to write"  # the name of a thread that does


def begin_writing(connection: Connection) -> None:
    """Begin a transaction that writes, as soon as its turn comes."""
    if _began(connection, _PATIENCE_MS):
        return
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    with _queue(connection.engine.url.database, until):
        while time.monotonic() < until:
            if _began(connection, _ASK_AGAIN_MS):
                return
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # waits once more, and says what is wrong


def _began(connection: Connection, wait_ms: int) -> bool:
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {wait_ms}")
        try:
            cursor.execute("BEGIN IMMEDIATE")
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    except connection.dialect.loaded_dbapi.OperationalError as error:
        if "locked" in str(error):
            return False
        raise
    finally:
        cursor.close()
    return True


@contextmanager
def _queue(file: str | None, until: float) -> Iterator[None]:
    """Wait to be the first of those who wait; not after `until`, nor for a database in memory."""
    if not file or file == ":memory:":
        yield
        return
    place = os.open(Path(file).parent, os.O_RDONLY | os.O_CLOEXEC)
    come, given_up, deciding = threading.Event(), threading.Event(), threading.Lock()

    def stand() -> None:
        # The call that waits knows no time limit. Whoever gave up leaves it behind: it gives the
        # place back as soon as it gets it, and nobody else may close what it waits at.
        with suppress(OSError):  # a file system without such locks has no queue
            fcntl.flock(place, fcntl.LOCK_EX)
        with deciding:
            come.set()
            if given_up.is_set():
                os.close(place)

    try:
        threading.Thread(target=stand, name=STANDING, daemon=True).start()
    except RuntimeError:  # there is no thread to be had, and so no queue
        come.set()
    try:
        come.wait(max(0.0, until - time.monotonic()))
        yield
    finally:
        with deciding:  # and nobody is waited for: the writer's place is held by now
            given_up.set()
            if come.is_set():
                os.close(place)
