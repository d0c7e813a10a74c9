"""Inserting what may be there already, on SQLite and on PostgreSQL alike."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from db.schema import Base

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_ignoring(
    table: type[Base], rows: Sequence[dict[str, Any]], *, session: Session
) -> None:
    """Insert `rows`; those that meet a unique constraint are left out, the others go in."""
    if rows:
        session.execute(upsert_for(table, session=session).on_conflict_do_nothing(), list(rows))


def upsert_for(table: type[Base], *, session: Session) -> Any:
    """Return the dialect's INSERT for `table`, which knows ON CONFLICT and RETURNING."""
    return _INSERTS[session.get_bind().dialect.name](table)
