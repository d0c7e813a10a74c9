"""Reading any CSV with a text column, and writing predictions beside it."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

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

    A column that the file has already under such a name is kept, "original_" in front of it.
    Written beside and renamed, so that a file under `out` is whole.
    """
    added = ["label", "confidence", *(f"probability_{value}" for value in label_map)]
    beside = out.with_name(f".{uuid4().hex}.part")
    try:
        with beside.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*_beside(table.header, added), *added])
            for row, values in zip(table.rows, probabilities, strict=True):
                best = int(values.argmax())
                shares = [f"{value:.5f}" for value in values]
                writer.writerow([*row, label_map[best], shares[best], *shares])
            file.flush()
            os.fsync(file.fileno())
        beside.replace(out)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


def _beside(header: Sequence[str], added: Sequence[str]) -> list[str]:
    """The header's names, each of them another one than those that are added."""
    found: list[str] = []
    for given in header:
        name = given
        while name in added or (name != given and name in header):
            name = f"original_{name}"
        found.append(name)
    return found
