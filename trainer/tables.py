"""Reading any CSV with a text column, and writing predictions beside it."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

FIELD_LIMIT = 1_000_000
_TEXT_NAMES = ("message", "text", "tweet", "full_text", "content")


@dataclass(frozen=True)
class Table:
    """A CSV in memory: header, rows (each as long as the header), the column of the text."""

    header: list[str]
    rows: list[list[str]]
    text_column: str

    def column(self, name: str) -> list[str]:
        """Return a column's values. Raises DataError, naming the columns that exist."""
        if name not in self.header:
            there = ", ".join(map(repr, self.header))
            raise DataError(f"no column is called {name!r}; the file has: {there}")
        index = self.header.index(name)
        return [row[index] for row in self.rows]


def read_table(path: Path, *, text_column: str | None = None) -> Table:
    """Read a comma-separated UTF-8 file, all fields as text.

    text_column None: the first column with a usual name (message, text, tweet …).
    Raises DataError with the line for what is malformed; nothing is guessed or replaced.
    """
    csv.field_size_limit(FIELD_LIMIT)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            rows = []
            for row in reader:
                if row and len(row) != len(header):
                    raise DataError(
                        f"{path.name}, line {reader.line_num}: {len(row)} fields, but the header "
                        f"has {len(header)}; check quotes and commas there"
                    )
                if row:
                    rows.append(row)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not UTF-8 (byte {error.start}); save it as UTF-8 and try again"
        ) from error
    except csv.Error as error:
        raise DataError(f"{path.name} cannot be read as CSV: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    chosen = text_column or next((name for name in _TEXT_NAMES if name in header), None)
    if chosen is None or not rows:
        what = "has no rows" if header and not rows else "has no column that looks like a text"
        raise DataError(f"{path.name} {what}; name it with --text-column")
    table = Table(header, rows, chosen)
    table.column(chosen)
    return table


def write_predictions(
    out: Path, table: Table, probabilities: NDArray[np.float32], label_map: Sequence[str]
) -> None:
    """Write the table with label, confidence and a column per label's probability.

    Columns that the file has already under these names are replaced. Written beside and
    renamed, so that a file under `out` is whole.
    """
    added = ["label", "confidence", *(f"probability_{value}" for value in label_map)]
    kept = [index for index, name in enumerate(table.header) if name not in added]
    beside = out.with_name(out.name + ".part")
    with beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(table.header[index] for index in kept), *added])
        for row, values in zip(table.rows, probabilities, strict=True):
            best = int(values.argmax())
            shares = [f"{value:.5f}" for value in values]
            writer.writerow([*(row[i] for i in kept), label_map[best], shares[best], *shares])
        file.flush()
        os.fsync(file.fileno())
    beside.replace(out)
