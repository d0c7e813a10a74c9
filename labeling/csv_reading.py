"""Read CSV files strictly: nothing is guessed silently, nothing replaced, nothing read whole.

A file is read twice: `inspect` walks through all of it and refuses what is wrong with the file
as such, before any row is stored; `open_records` then hands out one record after the other.
"""

import codecs
import csv
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from labeling.errors import ImportRefused

ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1")
DELIMITERS = ",;\t"
# Longer than any field that could be accepted, short enough to notice a quote never closed.
FIELD_LIMIT = 4_000_000
_BLOCK = 1 << 20
_RAW_KEPT = 2_000


@dataclass(frozen=True)
class FileFacts:
    """What a walk through a whole file found. records: without the header and blank lines."""

    sha256: str
    size: int
    encoding: str
    delimiter: str
    header: list[str]
    records: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record. line: where it starts in the file (1 = header). raw: given with a problem."""

    line: int
    fields: list[str]
    problem: str = ""
    raw: str = ""


class Records:
    """The records behind the header, one at a time. `done` counts the bytes read so far."""

    def __init__(self, binary: BinaryIO, encoding: str, delimiter: str) -> None:
        self._binary = binary
        self._lines = _Lines(TextIOWrapper(binary, _codec(encoding), "strict", newline=""))
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
        return [name.strip() or f"column_{place}" for place, name in enumerate(names, start=1)]

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
                yield Record(line, [], _explain(error, line), "".join(lines.recent)[:_RAW_KEPT])
                continue
            if len(fields) == width:
                yield Record(line, fields)
            elif fields:
                problem = f"{len(fields)} fields instead of {width}"
                yield Record(line, fields, problem, "".join(lines.recent)[:_RAW_KEPT])


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
def open_records(path: Path, *, encoding: str, delimiter: str) -> Iterator[Records]:
    """Open a file that `inspect` found in order."""
    with path.open("rb") as binary:
        yield Records(binary, encoding, delimiter)


def inspect(path: Path, *, encoding: str | None = None) -> FileFacts:
    """Walk through a file and return what it is.

    encoding: one of ENCODINGS; None means UTF-8, with or without a byte-order mark.
    Raises ImportRefused, naming the line, for whatever makes the file as a whole unusable.
    """
    if encoding is not None and encoding not in ENCODINGS:
        raise ImportRefused(
            f"the encoding {encoding!r} is not known; choose one of {', '.join(ENCODINGS)}"
        )
    sha256, size = _decode_all(path, encoding)
    chosen = encoding or "utf-8"
    delimiter = _guess_delimiter(path, chosen)
    with open_records(path, encoding=chosen, delimiter=delimiter) as records:
        _check_header(records.header)
        count = 0
        for record in records:
            count += 1
            if record.problem.startswith(_FATAL):
                raise ImportRefused(f"line {record.line}: {record.problem}", line=record.line)
    if count == 0:
        raise ImportRefused(
            "the file has a header but no rows; choose one that holds tweets", line=1
        )
    return FileFacts(sha256, size, chosen, delimiter, records.header, count)


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


def _decode_all(path: Path, encoding: str | None) -> tuple[str, int]:
    """Decode the whole file strictly; return its digest and its size in bytes."""
    digest, size, line = hashlib.sha256(), 0, 1
    decoder = codecs.getincrementaldecoder(_codec(encoding or "utf-8"))("strict")
    try:
        with path.open("rb") as binary:
            while block := binary.read(_BLOCK):
                if size == 0:
                    _refuse_other_formats(block, encoding)
                digest.update(block)
                size += len(block)
                try:
                    text = decoder.decode(block)
                except UnicodeDecodeError as error:
                    before = error.object[: error.start].decode(
                        _codec(encoding or "utf-8"), "ignore"
                    )
                    _refuse_encoding(line + before.count("\n"), error, encoding)
                except UnicodeError as error:  # what Python says of UTF-16 without such a mark
                    raise ImportRefused(
                        "line 1: the file does not begin with a byte-order mark; say which way "
                        "round its letters are: utf-16-le (most files) or utf-16-be",
                        line=1,
                    ) from error
                line += text.count("\n")
            try:
                decoder.decode(b"", final=True)
            except UnicodeDecodeError as error:
                _refuse_encoding(line, error, encoding)
    except OSError as error:
        raise ImportRefused(f"{path.name} cannot be read: {error.strerror}") from error
    return digest.hexdigest(), size


def _refuse_encoding(line: int, error: UnicodeDecodeError, encoding: str | None) -> None:
    value = error.object[error.start : error.start + 1].hex().upper()
    raise ImportRefused(
        f"line {line}: the byte 0x{value} is not {encoding or 'UTF-8'}; save the file as UTF-8, "
        f"or say which encoding it has ({', '.join(ENCODINGS[1:])})",
        line=line,
        value=f"0x{value}",
    ) from error


def _refuse_other_formats(start: bytes, encoding: str | None) -> None:
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ImportRefused(
            "this is a spreadsheet or an archive, not a CSV file; save it as CSV (UTF-8), with "
            "the ids as text",
            line=1,
        )
    if encoding is None and start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ImportRefused(
            "line 1: this file is UTF-16, not UTF-8; save it as UTF-8, or say that its encoding "
            "is utf-16",
            line=1,
        )
    if encoding is None and b"\0" in start.split(b"\n", 1)[0]:
        raise ImportRefused(
            "line 1: the header holds a NUL byte, so this is no UTF-8 text; save the file as CSV "
            "in UTF-8, or say which encoding it has (utf-16-le, utf-16-be)",
            line=1,
            value="\\0",
        )
    if start.lstrip().startswith((b"{", b"[")):
        raise ImportRefused(
            "line 1: this looks like JSON; bring in a CSV file (an export has --format csv)",
            line=1,
        )


def _guess_delimiter(path: Path, encoding: str) -> str:
    """Return the delimiter that divides the header into most columns; a comma on a tie."""
    widths = dict.fromkeys(DELIMITERS, 0)
    for delimiter in DELIMITERS:
        # A quoted header is no CSV to a reader that takes another delimiter.
        with (
            suppress(ImportRefused),
            open_records(path, encoding=encoding, delimiter=delimiter) as records,
        ):
            widths[delimiter] = len(records.header)
    return max(DELIMITERS, key=lambda delimiter: widths[delimiter])


def _check_header(header: list[str]) -> None:
    for place, name in enumerate(header, start=1):
        if name in header[: place - 1]:
            raise ImportRefused(
                f"line 1: two columns are called {name!r}; give each its own name",
                line=1,
                column=name,
                value=name,
            )
        if "\0" in name:
            raise ImportRefused(f"line 1: column {place} holds a NUL byte", line=1, value=name)


def _codec(encoding: str) -> str:
    return "utf-8-sig" if encoding == "utf-8" else encoding
