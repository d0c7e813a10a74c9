"""A database as the first release made it, with rows in every table; filled by plain SQL."""

from datetime import datetime
from typing import Any

from alembic import command
from sqlalchemy import JSON, Boolean, DateTime, Engine, Float, Integer, MetaData, Table
from sqlalchemy.types import TypeEngine

from db.engine import WRITES
from db.migrate import alembic_config

FIRST = "0001"
LISTS = {"header", "label_map", "probabilities"}
FIXED: dict[str, Any] = {"split": "train", "role": "annotator"}
ENDED = {"job": "succeeded", "run": "succeeded", "import_batch": "done", "model_version": "retired"}


def make_first(engine: Engine, rows: int = 3) -> dict[str, list[dict[str, Any]]]:
    """Migrate to the first schema, fill it, and return what each table holds."""
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        command.upgrade(alembic_config(connection), FIRST)
    metadata = MetaData()
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            if table.name != "alembic_version":
                connection.execute(table.insert(), [_row(table, n) for n in range(1, rows + 1)])
    return contents(engine)


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables, in order."""
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            table.name: [
                dict(row._mapping)
                for row in connection.execute(table.select().order_by(*table.primary_key.columns))
            ]
            for table in metadata.sorted_tables
            if table.name != "alembic_version"
        }


def _row(table: Table, number: int) -> dict[str, Any]:
    row = {}
    for column in table.columns:
        if column.foreign_keys or (column.primary_key and isinstance(column.type, Integer)):
            row[column.name] = number
        else:
            row[column.name] = _value(column.name, column.type, number)
    if table.name in ENDED:
        row["state"] = ENDED[table.name]
    return row | {name: value for name, value in FIXED.items() if name in row}


def _value(name: str, kind: TypeEngine[Any], number: int) -> Any:
    if isinstance(kind, JSON):
        return [1] if name in LISTS else {}
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, DateTime):
        return datetime(2026, 1, number)
    if isinstance(kind, Integer):
        return number
    if isinstance(kind, Float):
        return number / 8
    return f"{name} {number}"
