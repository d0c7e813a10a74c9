"""Insert what is not there yet, the same on SQLite and PostgreSQL."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

Row = dict[str, Any]


def insert_missing(
    table: Table, rows: Sequence[Row], *, session: Session, key: Sequence[str]
) -> None:
    """Insert the rows whose unique `key` columns are not taken yet; leave the others alone.

    All rows name the same columns. Nothing tells which rows were new: look beforehand if you
    must know.
    """
    if rows:
        statement = insert_for(table, session.get_bind().dialect.name)
        session.execute(statement.on_conflict_do_nothing(index_elements=list(key)), list(rows))


def insert_for(table: Table, dialect: str) -> Any:
    """Return the dialect's own insert, which knows what to do about rows that are there."""
    # Two classes with the same methods and no common base that has them: hence Any.
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def insert_or_find(table: Table, row: Row, *, session: Session, key: str) -> tuple[int, bool]:
    """Insert one row unless its unique `key` is taken; return the id and whether it is new."""
    statement = _inserting(table, session.get_bind().dialect.name, (key,))
    made = session.execute(statement, row).scalar_one_or_none()
    if made is not None:
        return int(made), True
    found = session.execute(table.select().where(table.c[key] == row[key])).one()
    return int(found.id), False


@cache
def _inserting(table: Table, dialect: str, key: tuple[str, ...]) -> Any:
    """Build the statement once: it is what somebody waits for at each answer."""
    statement = insert_for(table, dialect).on_conflict_do_nothing(index_elements=list(key))
    return statement.returning(table.c.id)


def insert_or_replace(
    table: Table, rows: Sequence[Row], *, session: Session, key: tuple[str, ...]
) -> None:
    """Insert the rows; where the unique `key` is taken, write their other values over it.

    All rows name the same columns.
    """
    if rows:
        statement = _replacing(table, session.get_bind().dialect.name, key, tuple(rows[0]))
        session.execute(statement, rows[0] if len(rows) == 1 else list(rows))


@cache
def _replacing(table: Table, dialect: str, key: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    statement = insert_for(table, dialect)
    values = {name: statement.excluded[name] for name in columns if name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=values)


def insert_or_skip(
    table: Table, rows: Sequence[Row], *, session: Session, key: Sequence[str]
) -> list[int]:
    """Insert the rows whose unique `key` is not taken; return the ids of those that went in."""
    if not rows:
        return []
    statement = _inserting(table, session.get_bind().dialect.name, tuple(key))
    return [int(number) for number in session.scalars(statement, list(rows))]
