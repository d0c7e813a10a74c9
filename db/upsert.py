"""Insert what is not there yet, the same on SQLite and PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Dialect, Table
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
        statement = _insert(table, session.get_bind().dialect)
        session.execute(statement.on_conflict_do_nothing(index_elements=list(key)), list(rows))


def _insert(table: Table, dialect: Dialect) -> Any:
    # Two classes with the same methods and no common base that has them: hence Any.
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)


def insert_or_find(table: Table, row: Row, *, session: Session, key: str) -> tuple[int, bool]:
    """Insert one row unless its unique `key` is taken; return the id and whether it is new."""
    statement = (
        _insert(table, session.get_bind().dialect)
        .values(**row)
        .on_conflict_do_nothing(index_elements=[key])
        .returning(table.c.id)
    )
    made = session.execute(statement).scalar_one_or_none()
    if made is not None:
        return int(made), True
    found = session.execute(table.select().where(table.c[key] == row[key])).one()
    return int(found.id), False


def insert_or_skip(
    table: Table, rows: Sequence[Row], *, session: Session, key: Sequence[str]
) -> list[int]:
    """Insert the rows whose unique `key` is not taken; return the ids of those that went in."""
    if not rows:
        return []
    statement = _insert(table, session.get_bind().dialect).values(list(rows))
    made = statement.on_conflict_do_nothing(index_elements=list(key)).returning(table.c.id)
    return [int(number) for number in session.scalars(made)]
