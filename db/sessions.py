"""Transactions: short, and either reading or writing."""

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.engine import WRITES, reading_options

_CLEAN_STOP_SECONDS = 10.0


class _InFlight:
    """The writing transactions of this process that are neither committed nor given up."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def add(self, difference: int) -> None:
        """Note that one began or ended."""
        with self._changed:
            self._count += difference
            self._changed.notify_all()

    def wait(self) -> None:
        """Let those that run commit; one that hangs does not hold up the end for long."""
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0, timeout=_CLEAN_STOP_SECONDS)


_in_flight = _InFlight()
# The web server's pages run in daemon threads, which the end of the process would cut off.
atexit.register(_in_flight.wait)


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a session that sees one consistent state and changes nothing."""
    with Session(engine.execution_options(**reading_options(engine))) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Open a session whose changes are committed on leaving, all or none.

    Keep it short: on SQLite nobody else can write meanwhile. Never run a model inside. A process
    that is asked to end waits for those under way.
    """
    _in_flight.add(1)
    try:
        with Session(engine.execution_options(**{WRITES: True})) as session, session.begin():
            yield session
    finally:
        _in_flight.add(-1)
