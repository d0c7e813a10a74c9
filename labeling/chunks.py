"""Read a file in chunks and work out what needs no store: judged rows, text keys, wordings.

Nothing here imports the database, so that a process beside the one that writes can do it ahead
(labeling.ahead).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from labeling.file_reading import open_records
from labeling.grouping import text_key
from labeling.likeness import Wording, blocks, wording
from labeling.records import FileFacts
from labeling.row_checks import NewTweet, Reject, RowCheck

Said = tuple[Wording, list[int]]  # a text as it is compared, and its blocking keys


@dataclass(frozen=True)
class Chunk:
    """What was read: accepted and refused rows, and how many records came before them.

    keys: each tweet's text key, worked out before the store is locked for writing. said: what
    is known already of how some texts are compared; the others' is worked out when needed.
    done: bytes of the file read so far.
    """

    tweets: Sequence[NewTweet]
    keys: Sequence[str]
    rejects: Sequence[Reject]
    rows_before: int
    done: int = 0
    said: Mapping[str, Said] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Return the number of records in this chunk."""
        return len(self.tweets) + len(self.rejects)


@dataclass(frozen=True)
class Source:
    """A file that `inspect` found in order, how its rows are judged, and records in a chunk."""

    path: Path
    facts: FileFacts
    check: RowCheck
    size: int


def read_chunks(source: Source, skip: int) -> Iterator[Chunk]:
    """Yield the chunks behind the first `skip` records, which an earlier import committed."""
    with open_records(source.path, source.facts) as records:
        stream = iter(records)
        for _ in islice(stream, skip):
            pass
        rows = skip
        while taken := list(islice(stream, source.size)):
            judged = [source.check.judge(record) for record in taken]
            tweets = [row for row in judged if isinstance(row, NewTweet)]
            rejects = [row for row in judged if isinstance(row, Reject)]
            keys = [text_key(tweet.text) for tweet in tweets]
            yield Chunk(tweets, keys, rejects, rows, records.done)
            rows += len(taken)


def say(text: str) -> Said:
    """Return how a text is compared, and its blocking keys."""
    one = wording(text)
    return one, blocks(one)


def pack(chunk: Chunk) -> tuple[Any, ...]:
    """Return a chunk as plain values, column by column, with how each distinct text is compared.

    Plain values cross to another process several times faster than objects do.
    """
    first: dict[str, int] = {}
    for place, key in enumerate(chunk.keys):
        first.setdefault(key, place)
    places = list(first.values())
    said = [say(chunk.tweets[place].text) for place in places]
    return (
        [tweet.external_id for tweet in chunk.tweets],
        [tweet.text for tweet in chunk.tweets],
        [tweet.label for tweet in chunk.tweets],
        [tweet.extra for tweet in chunk.tweets],
        list(chunk.keys),
        [(one.line, one.column, one.reason, one.raw) for one in chunk.rejects],
        chunk.rows_before,
        chunk.done,
        places,
        [(one.core, one.cut, keys) for one, keys in said],
    )


def unpack(packed: tuple[Any, ...]) -> Chunk:
    """Return the chunk that `pack` made these values from."""
    ids, texts, labels, extras, keys, rejects, rows_before, done, places, said = packed
    return Chunk(
        tweets=list(map(NewTweet, ids, texts, labels, extras)),
        keys=keys,
        rejects=[Reject(*one) for one in rejects],
        rows_before=rows_before,
        done=done,
        said={
            texts[place]: (Wording(core, cut), blocked)
            for place, (core, cut, blocked) in zip(places, said, strict=True)
        },
    )
