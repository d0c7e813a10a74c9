"""Read JSON lines strictly: an object a line, its names the columns, its values fields of text.

A string is its text, null an empty field, and everything else, numbers first of all, stays as it
is written: 19 digits of an id go through no float. Objects and lists within a line stay JSON.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from labeling.decoding import codec_of
from labeling.errors import ImportRefused
from labeling.records import (
    FIELD_LIMIT,
    NAME_SHOWN,
    RAW_KEPT,
    Record,
    check_header,
    column_name,
)

MOST_MORE = 1_000  # names that lines may add to those of the first one
_BLANK = " \t\r\n"
_NOT_JSON = (
    "the file does not begin with a JSON object that is whole on its line, as JSON lines do; "
    "write one object a line (jq -c . FILE)"
)


class Entry(NamedTuple):
    """What a line holds: values as text, by their names.

    nested: names of those that are an object, a list, true or false.
    """

    values: Mapping[str, str]
    nested: frozenset[str]


class BadEntry(Exception):
    """A line that holds no entry; the message tells what is wrong with it."""


class NoObject(BadEntry):
    """A line that is no JSON object at all."""


class JsonRecords:
    """The objects of a file, one at a time. `done` counts the bytes read so far."""

    def __init__(self, binary: BinaryIO, encoding: str, keys: Sequence[str]) -> None:
        """keys: of the objects, in the order of the columns."""
        self._binary, self._keys = binary, keys
        self._places = {key: place for place, key in enumerate(keys)}
        self._stream = _text_of(binary, encoding)

    @property
    def done(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._binary.tell()

    def __iter__(self) -> Iterator[Record]:
        """Yield each record; a line that is no JSON object comes with its `problem`."""
        for line, said in _lines(self._stream):
            raw = said[:RAW_KEPT].rstrip(_BLANK)
            try:
                values, nested = entry_of(said)
            except BadEntry as error:
                yield Record(line, [], str(error), raw)
            else:
                fields = [values.get(key, "") for key in self._keys]
                odd = frozenset(self._places[key] for key in nested)
                yield Record(line, fields, "", raw, odd)


@contextmanager
def open_json(path: Path, *, encoding: str, keys: Sequence[str]) -> Iterator[JsonRecords]:
    """Open a file that `look_at_json` found in order; keys: as it found them."""
    with path.open("rb") as binary:
        yield JsonRecords(binary, encoding, keys)


def look_at_json(path: Path, encoding: str) -> tuple[list[str], int]:
    """Walk through a file; return the names in it, in the order they first stand, and its records.

    Raises ImportRefused, naming the line, for whatever makes the file as a whole unusable.
    """
    lines: dict[str, int] = {}  # where each name stands first
    count, most, problem = 0, 0, ""
    with path.open("rb") as binary:
        stream = _text_of(binary, encoding)
        for line, said in _lines(stream):
            count += 1
            try:
                for name in entry_of(said).values:
                    lines.setdefault(name, line)
            except BadEntry as error:
                if count == 1 and isinstance(error, NoObject):
                    raise ImportRefused(f"line {line}: {_NOT_JSON}. {error}", line=line) from error
                problem = problem or f"line {line}: {error}"
            most = most or len(lines) + MOST_MORE
            if len(lines) > most:
                raise ImportRefused(
                    f"line {line}: up to here lines have {MOST_MORE:,} names that the first one "
                    "has not; keep the ones that are needed (jq -c '{id, text, label}' FILE)",
                    line=line,
                )
    if not lines:
        raise ImportRefused(problem or "line 1: the objects in this file are empty", line=1)
    check_header(header_of(lines), list(lines.values()))
    return list(lines), count


def header_of(keys: Iterable[str]) -> list[str]:
    """Return what the columns are called, by the objects' keys."""
    return [column_name(key, place) for place, key in enumerate(keys, start=1)]


def entry_of(line: str) -> Entry:
    """Return what a line holds. Raises BadEntry."""
    try:
        return _Line(line).entry()
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise NoObject(f"{what} at character {error.pos + 1}") from error
    except RecursionError:
        raise BadEntry("lists or objects within one another, too deep to be read") from None
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start : error.start + 1]).strip("'")
        raise BadEntry(f"half a character ({half}): its other half is missing") from None


class _Line:
    """One line, from its first letter on."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._escapes = "\\u" in text

    def entry(self) -> Entry:
        if len(self._text) > FIELD_LIMIT:
            raise NoObject(f"a line of over {FIELD_LIMIT:,} letters; write an object a line")
        self._take("{", "a JSON object begins with '{', and this line does not")
        values: dict[str, str] = {}
        nested = []
        more = self._next() != "}"
        while more:
            if self._next() != '"':
                raise NoObject(f"a name in quotes is expected, at character {self._at + 1}")
            key = self._value()
            if key in values:
                raise BadEntry(f"the name {key[:NAME_SHOWN]!r} stands twice")
            self._take(":", "a colon is expected")
            if self._next() in "{[tf":
                nested.append(key)
            values[key] = self._value()
            more = self._next() == ","
            self._at += more
        self._take("}", "a comma or the end of the object is expected")
        if self._next():
            raise NoObject(f"something follows the object, at character {self._at + 1}")
        return Entry(values, frozenset(nested))

    def _next(self) -> str:
        """Skip blanks; return the letter that comes next, "" at the end."""
        text = self._text
        while (letter := text[self._at : self._at + 1]) and letter in _BLANK:
            self._at += 1
        return letter

    def _take(self, letter: str, complaint: str) -> None:
        if self._next() != letter:
            raise NoObject(f"{complaint}, at character {self._at + 1}")
        self._at += 1

    def _value(self) -> str:
        """Read on past a value; return it as text."""
        first, start = self._next(), self._at
        value, self._at = _DECODER.raw_decode(self._text, start)
        if first != '"':
            return "" if value is None else self._text[start : self._at]
        found = str(value)
        if self._escapes:
            found.encode()  # half a character can only be written as an escape
        return found


def _no_number(literal: str) -> Any:
    raise BadEntry(f"{literal} is no number of JSON; write null")


# Numbers are only looked at here: what is kept is how they are written.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_number)


def _text_of(binary: BinaryIO, encoding: str) -> TextIOWrapper:
    return TextIOWrapper(binary, codec_of(encoding), "strict", newline="\n")


def _lines(stream: TextIOWrapper) -> Iterator[tuple[int, str]]:
    """Yield each line that is not blank, and its number; of one that is too long, the beginning."""
    number, whole = 1, True
    while said := stream.readline(FIELD_LIMIT + 2):
        begins, whole = whole, said.endswith("\n")
        line = said[:-1].removesuffix("\r") if whole else said
        if begins and (len(line) > FIELD_LIMIT or (line and not line.isspace())):
            yield number, line
        number += whole
