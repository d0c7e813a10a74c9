"""The rows that an import refused, for people to mend."""

import csv
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.schema import ImportReject
from labeling.formula import escape
from labeling.row_checks import Reject

COLUMNS = ("line", "column", "reason", "raw")


def first_rejects(batch_id: int, *, session: Session, limit: int = 20) -> list[Reject]:
    """Return the first refused rows of an import, in the file's order."""
    query = (
        select(ImportReject.line, ImportReject.column, ImportReject.reason, ImportReject.raw)
        .where(ImportReject.batch_id == batch_id)
        .order_by(ImportReject.id)
        .limit(limit)
    )
    return [Reject(*row) for row in session.execute(query)]


def write_rejects(path: Path, batch_id: int, *, session: Session) -> int:
    """Write all refused rows of an import as CSV and return how many there are."""
    table = ImportReject
    query = (
        select(table.line, table.column, table.reason, table.raw)
        .where(table.batch_id == batch_id)
        .order_by(table.id)
        .execution_options(yield_per=1_000)
    )
    count = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for line, *cells in session.execute(query):
            writer.writerow([line, *(escape(cell) for cell in cells)])
            count += 1
    return count
