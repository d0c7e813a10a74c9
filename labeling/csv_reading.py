"""Read CSV files strictly: nothing is guessed silently, nothing replaced, nothing read whole."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from labeling.decoding import codec_of
from labeling.errors import ImportRefused
from labeling.records import FIELD_LIMIT, RAW_KEPT, Record, check_header, column_name

DELIMITERS = ",;\t"


class CsvRecords:
    """The records behind the header, one at a time. `done` counts the bytes read so far."""

    def __init__(self, binary: BinaryIO, encoding: str, delimiter: str) -> None:
        self._binary = binary
        self._lines = _Lines(TextIOWrapper(binary, codec_of(encoding), "strict", newline=""))
        csv.field_size_limit(FIELD_LIMIT)
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        self.header = self._header()

    @property
    def done(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._binary.tell()

    def _header(self) -> list[str]:
        try:
            names = next(self._reader)
        except StopIteration:
            raise ImportRefused(
                "the file is empty; choose a CSV file with a header", line=1
            ) from None
        except csv.Error as error:
            raise ImportRefused(f"line 1: the header cannot be read: {error}", line=1) from error
        return [column_name(name, place) for place, name in enumerate(names, start=1)]

    def __iter__(self) -> Iterator[Record]:
        """Yield each record; one that breaks the rules of CSV comes with its `problem`."""
        reader, lines, width = self._reader, self._lines, len(self.header)
        while True:
            line = reader.line_num + 1
            lines.recent.clear()
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Record(line, [], _explain(error, line), "".join(lines.recent)[:RAW_KEPT])
                continue
            if len(fields) == width:
                yield Record(line, fields)
            elif fields:
                problem = f"{len(fields)} fields instead of {width}"
                yield Record(line, fields, problem, "".join(lines.recent)[:RAW_KEPT])


class _Lines:
    """The file's lines, remembering those of the record at hand for the reject report."""

    def __init__(self, stream: TextIOWrapper) -> None:
        self._stream = stream
        self.recent: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._stream)
        self.recent.append(line)
        return line


@contextmanager
def open_csv(path: Path, *, encoding: str, delimiter: str) -> Iterator[CsvRecords]:
    """Open a file that `look_at_csv` found in order."""
    with path.open("rb") as binary:
        yield CsvRecords(binary, encoding, delimiter)


def look_at_csv(path: Path, encoding: str) -> tuple[str, list[str], int]:
    """Walk through a file; return its delimiter, its header and the number of its records.

    Raises ImportRefused, naming the line, for whatever makes the file as a whole unusable.
    """
    delimiter = _guess_delimiter(path, encoding)
    with open_csv(path, encoding=encoding, delimiter=delimiter) as records:
        check_header(records.header)
        count = 0
        for record in records:
            count += 1
            if record.problem.startswith(_FATAL):
                raise ImportRefused(f"line {record.line}: {record.problem}", line=record.line)
    if count == 0:
        raise ImportRefused(
            "the file has a header but no rows; choose one that holds tweets", line=1
        )
    return delimiter, records.header, count


_OPEN = "a quote is opened and not closed"
_LONG = f"a field of over {FIELD_LIMIT:,} letters, or a quote that is opened and not closed,"
_FATAL = (_OPEN, _LONG)  # after these nobody knows where the next record begins


def _explain(error: csv.Error, line: int) -> str:
    said = str(error)
    if "unexpected end of data" in said:
        return f"{_OPEN} in the record that begins here; close it, or double quotes inside a text"
    if "field limit" in said:
        return f"{_LONG} is in the record that begins here; shorten it, or close the quote"
    if "expected after" in said:
        return "a quote inside the text is not doubled; write it as two quotes"
    return f"not a CSV record: {said}"


def _guess_delimiter(path: Path, encoding: str) -> str:
    """Return the delimiter that divides the header into most columns; a comma on a tie."""
    widths = dict.fromkeys(DELIMITERS, 0)
    for delimiter in DELIMITERS:
        # A quoted header is no CSV to a reader that takes another delimiter.
        with (
            suppress(ImportRefused),
            open_csv(path, encoding=encoding, delimiter=delimiter) as records,
        ):
            widths[delimiter] = len(records.header)
    return max(DELIMITERS, key=lambda delimiter: widths[delimiter])
