"""A file that somebody brings in, of whichever kind: CSV or JSON lines.

It is read twice: `inspect` walks through all of it and refuses what is wrong with the file as
such, before any row is stored; `open_records` then hands out one record after the other. Nothing
is read whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from labeling.csv_reading import look_at_csv, open_csv
from labeling.decoding import codec_of, decode_all
from labeling.errors import ImportRefused
from labeling.json_reading import header_of, look_at_json, open_json
from labeling.records import FileFacts, Record

_BEGINNING = 1 << 16  # letters, among which the first that is not blank is looked for


class Records(Protocol):
    """The records of a file, one at a time."""

    @property
    def done(self) -> int:
        """Return how many bytes of the file have been read."""

    def __iter__(self) -> Iterator[Record]:
        """Yield each record; one that cannot be read comes with its `problem`."""


def inspect(path: Path, *, encoding: str | None = None) -> FileFacts:
    """Walk through a file and return what it is.

    encoding: one of labeling.decoding.ENCODINGS; None means UTF-8, with or without a byte-order
    mark. Raises ImportRefused, naming the line, for whatever makes the file as a whole unusable.
    """
    sha256, size = decode_all(path, encoding)
    chosen = encoding or "utf-8"
    match _first_letter(path, chosen):
        case "{":
            keys, records = look_at_json(path, chosen)
            return FileFacts(sha256, size, chosen, "", header_of(keys), records, tuple(keys))
        case "[":
            raise ImportRefused(
                "line 1: this is one list in JSON; write an object a line "
                "(jq -c '.[]' FILE > FILE.jsonl), or bring in a CSV file",
                line=1,
            )
    delimiter, header, records = look_at_csv(path, chosen)
    return FileFacts(sha256, size, chosen, delimiter, header, records)


@contextmanager
def open_records(path: Path, facts: FileFacts) -> Iterator[Records]:
    """Open a file that `inspect` found in order."""
    if facts.format == "jsonl":
        with open_json(path, encoding=facts.encoding, keys=facts.keys) as objects:
            yield objects
    else:
        with open_csv(path, encoding=facts.encoding, delimiter=facts.delimiter) as rows:
            yield rows


def _first_letter(path: Path, encoding: str) -> str:
    with path.open(encoding=codec_of(encoding)) as stream:
        return stream.read(_BEGINNING).lstrip()[:1]
