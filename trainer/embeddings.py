"""Frozen embeddings kept on disk: each distinct text goes through the encoder once.

A store is a directory for one (base model, pooling, maximum length, precision). `vectors.f16`
holds one row a text, `keys.bin` the first 16 bytes of the text's sha256. Both only grow. Rows
are synced to disk before their keys, so a key that can be read has its row; whatever a crash
left beyond the last complete pair is cut off by the next writer, who holds a lock on the file.
Readers take no lock. Rows are rounded to float16 also when they come fresh from the encoder:
a result does not depend on what happened to be cached.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ArtifactError, Cancelled

Vectors = NDArray[np.float32]
KEY_BYTES = 16
CHUNK = 1024  # texts embedded between two appends: what a kill may cost


@dataclass(frozen=True)
class EmbeddingSpace:
    """What an embedding depends on besides its text. base_model: sha256 of the weights.

    links: the rule by which links are shortened, empty where they are not.
    """

    base_model: str
    pooling: str
    max_length: int
    precision: str
    width: int
    links: str = ""

    @property
    def name(self) -> str:
        """The store's directory name: one for each distinct space."""
        values = asdict(self)
        if not self.links:  # as it was named before there was the choice
            del values["links"]
        told = json.dumps(values, sort_keys=True)
        return sha256(told.encode()).hexdigest()[:24]


class EmbeddingStore:
    """The rows of one space under `cache`; safe for several processes at once."""

    def __init__(self, cache: Path, space: EmbeddingSpace) -> None:
        self.space = space
        self.directory = cache / space.name
        self._keys = self.directory / "keys.bin"
        self._vectors = self.directory / "vectors.f16"
        self._row_bytes = 2 * space.width

    def __len__(self) -> int:
        """Complete rows on disk."""
        sizes = [path.stat().st_size if path.exists() else 0 for path in self._paths]
        return min(sizes[0] // self._row_bytes, sizes[1] // KEY_BYTES)

    @property
    def _paths(self) -> tuple[Path, Path]:
        return self._vectors, self._keys

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the row of each key, -1 where there is none. keys (n, 2): see `text_keys`."""
        count = len(self)
        rows = np.full(len(keys), -1, dtype=np.int64)
        if count == 0 or len(keys) == 0:
            return rows
        held = np.fromfile(self._keys, dtype=np.uint64, count=2 * count).reshape(-1, 2)
        order = np.argsort(held[:, 0], kind="stable")
        place = np.searchsorted(held[order, 0], keys[:, 0])
        candidate = order[np.minimum(place, count - 1)]
        same = (held[candidate] == keys).all(axis=1)
        rows[same] = candidate[same]
        return rows

    def read(self, rows: NDArray[np.int64]) -> Vectors:
        """Return rows (n,) as (n, width) float32."""
        if len(rows) == 0:
            return np.zeros((0, self.space.width), dtype=np.float32)
        shape = (len(self), self.space.width)
        table = np.memmap(self._vectors, dtype=np.float16, mode="r", shape=shape)
        return np.asarray(table[rows], dtype=np.float32)

    def append(self, keys: NDArray[np.uint64], vectors: NDArray[Any]) -> None:
        """Add rows. Raises ArtifactError for the wrong width; OSError when the disk is full."""
        rows = np.ascontiguousarray(vectors, dtype=np.float16)
        if rows.shape != (len(keys), self.space.width):
            raise ArtifactError(
                f"{len(keys)} texts gave embeddings of the shape {rows.shape}, expected a width "
                f"of {self.space.width}; the cache {self.directory} belongs to another base model"
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._locked():
            count = len(self)
            _write_at(self._vectors, count * self._row_bytes, rows.tobytes())
            _write_at(self._keys, count * KEY_BYTES, np.ascontiguousarray(keys).tobytes())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.directory / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)  # released when the handle closes, also by a kill
            yield


def _write_at(path: Path, offset: int, content: bytes) -> None:
    """Cut `path` to offset, append content and sync it."""
    path.touch()
    with path.open("r+b") as handle:
        handle.truncate(offset)
        handle.seek(offset)
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def text_keys(texts: Sequence[str]) -> NDArray[np.uint64]:
    """Return (n, 2): 128 bits of each text's sha256. Lone surrogates are texts, too."""
    joined = b"".join(
        sha256(text.encode("utf-8", "surrogatepass")).digest()[:KEY_BYTES] for text in texts
    )
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, 2)


def embed_cached(
    texts: Sequence[str],
    embed: Callable[[Sequence[str]], Vectors],
    *,
    store: EmbeddingStore | None,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Vectors:
    """Return the embeddings of texts (n,) as (n, width) float32, identical texts computed once.

    embed: the encoder, called with chunks of texts of like length. store: where to look first
    and what to add to; None computes all. on_progress(done, total) counts distinct texts.
    Raises Cancelled when should_stop says so; finished chunks stay in the store.
    """
    distinct = list(dict.fromkeys(texts))
    place = {text: number for number, text in enumerate(distinct)}
    keys = text_keys(distinct)
    rows = store.find(keys) if store is not None else np.full(len(distinct), -1, dtype=np.int64)
    known = np.flatnonzero(rows >= 0)
    # Like lengths together: a batch is padded to its longest text.
    missing = sorted(np.flatnonzero(rows < 0).tolist(), key=lambda number: len(distinct[number]))
    parts = [store.read(rows[known])] if store is not None and len(known) else []
    order = known.tolist()
    for start in range(0, len(missing), CHUNK):
        if should_stop is not None and should_stop():
            raise Cancelled("stopped while computing embeddings; those done so far are kept")
        chunk = missing[start : start + CHUNK]
        vectors = np.asarray(embed([distinct[number] for number in chunk])).astype(np.float16)
        if store is not None:
            store.append(keys[chunk], vectors)
        parts.append(vectors.astype(np.float32))
        order += chunk
        if on_progress is not None:
            on_progress(len(order), len(distinct))
    if not parts:
        return np.zeros((0, store.space.width if store else 0), dtype=np.float32)
    table = np.empty((len(distinct), parts[0].shape[1]), dtype=np.float32)
    table[order] = np.concatenate(parts)
    return table[[place[text] for text in texts]]
