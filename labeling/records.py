"""What every kind of file is read as: columns, and records of as many fields."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.errors import ImportRefused

# Longer than any field that could be accepted, short enough to notice a quote never closed.
FIELD_LIMIT = 4_000_000
RAW_KEPT = 2_000  # letters of a record in a report of rejects
NAME_SHOWN = 64  # letters of a column's name in a message


@dataclass(frozen=True)
class FileFacts:
    """What a walk through a whole file found. records: without a header and blank lines.

    delimiter: between the fields of a CSV file; JSON lines have none. keys: their names as they
    are written, in the order of the columns.
    """

    sha256: str
    size: int
    encoding: str
    delimiter: str
    header: list[str]
    records: int
    keys: tuple[str, ...] = ()

    @property
    def format(self) -> str:
        """Return "csv" or "jsonl"."""
        return "csv" if self.delimiter else "jsonl"


@dataclass(frozen=True, slots=True)
class Record:
    """One record. line: where it starts in the file, from 1. problem: why it cannot be read.

    raw: as it stands in the file, given with a problem, or where `fields` do not tell. nested:
    places of fields that hold an object, a list, true or false.
    """

    line: int
    fields: list[str]
    problem: str = ""
    raw: str = ""
    nested: frozenset[int] = frozenset()


def column_name(name: str, place: int) -> str:
    """Return what a column is called: its name without blanks around it, or a number."""
    return name.strip() or f"column_{place}"


def check_header(header: Sequence[str], lines: Sequence[int] | None = None) -> None:
    """Raise ImportRefused where a name stands twice, or cannot be kept.

    lines: where each name stands first; all in line 1 by default.
    """
    before: set[str] = set()
    for name, line in zip(header, lines or [1] * len(header), strict=True):
        shown = name[:NAME_SHOWN]
        if name in before:
            raise ImportRefused(
                f"line {line}: two columns are called {shown!r}; give each its own name",
                line=line,
                column=shown,
                value=shown,
            )
        if "\0" in name:
            raise ImportRefused(
                f"line {line}: the column's name {shown!r} holds a NUL byte; remove it",
                line=line,
                value=shown,
            )
        before.add(name)
