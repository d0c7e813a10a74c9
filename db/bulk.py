"""Run one statement for thousands of rows, without what SQLAlchemy does for each of them."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import repeat
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table, Text, Update, bindparam, func, select
from sqlalchemy.orm import Session

from db.upsert import insert_for

Column = Sequence[Any]


def among(column: Any, values: Collection[Any], *, session: Session) -> ColumnElement[bool]:
    """Return the condition that a column holds one of thousands of texts or whole numbers.

    SQLite gets them as one value: a parameter for each costs more than the search itself.
    """
    found: ColumnElement[bool]
    if session.get_bind().dialect.name != "sqlite":
        found = column.in_(values)
        return found
    listed = bindparam(None, json.dumps(list(values)), type_=Text, unique=True)
    found = column.in_(select(func.json_each(listed).table_valued("value").c.value))
    return found


def insert_columns(
    table: Table,
    columns: Mapping[str, Column],
    *,
    session: Session,
    same: Mapping[str, Any] | None = None,
    skip: Sequence[str] = (),
) -> None:
    """Insert rows, given column by column, all equally long.

    same: what other columns hold in all rows. A column with a default in Python has to be given.
    skip: unique columns; rows for which these are taken already are left out.
    """
    statement = insert_for(table, session.get_bind().dialect.name)
    if skip:
        statement = statement.on_conflict_do_nothing(index_elements=list(skip))
    run_many(statement, columns, session=session, same=same)


def run_many(
    statement: Insert | Update,
    columns: Mapping[str, Column],
    *,
    session: Session,
    same: Mapping[str, Any] | None = None,
) -> None:
    """Run a statement once a row. columns: what each of its parameters is, row by row.

    SQLite gets the values as they are, save those of types that it does not have.
    """
    same = dict(same or {})
    count = len(next(iter(columns.values())))
    if count == 0:
        return
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        rows = zip(*columns.values(), strict=True)
        named = [dict(zip(columns, row, strict=True)) | same for row in rows]
        connection.execute(statement, named)
        return
    names = [*columns, *same]
    compiled = statement.compile(dialect=connection.dialect, column_keys=names)
    order = compiled.positiontup or []
    if sorted(order) != sorted(names):
        raise ValueError(f"the statement takes {order}, and {names} were given")

    def values(name: str) -> Any:
        kind = compiled.binds[name].type.dialect_impl(connection.dialect)
        convert: Callable[[Any], Any] | None = kind.bind_processor(connection.dialect)
        if name in same:
            return repeat(convert(same[name]) if convert else same[name], count)
        return map(convert, columns[name]) if convert else columns[name]

    connection.exec_driver_sql(str(compiled), list(zip(*map(values, order), strict=True)))
