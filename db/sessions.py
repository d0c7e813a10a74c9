"""Transactions: short, and either reading or writing."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.engine import WRITES, reading_options


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a session that sees one consistent state and changes nothing."""
    with Session(engine.execution_options(**reading_options(engine))) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Open a session whose changes are committed on leaving, all or none.

    Keep it short: on SQLite nobody else can write meanwhile. Never run a model inside.
    """
    with Session(engine.execution_options(**{WRITES: True})) as session, session.begin():
        yield session
