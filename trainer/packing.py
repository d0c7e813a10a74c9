"""Texts' tokens one after the other, without padding, as BERT's layers compute them on a processor.

A matrix product does not ask which text a row belongs to, so nothing is padded for it; attention,
which does ask, pads for itself. oneDNN builds a program for each size of a matrix and keeps it,
0.3 MB each: sizes that come back spare its time and memory, so a few rows are added at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.batching import TokenIds

STEP = 2  # tokens of a text in attention are padded to a multiple; more is more padding
FEW_ROWS, FEW_STEP, ROW_STEP = 256, 8, 32  # rows to a multiple of 8 where there are few, else of 32


@dataclass(frozen=True)
class Run:
    """Neighbours of the same length: where their texts begin, and their rows."""

    first: int
    count: int
    length: int
    row: int

    @property
    def texts(self) -> slice:
        """The run's place among the texts."""
        return slice(self.first, self.first + self.count)

    @property
    def rows(self) -> slice:
        """The run's place among the rows."""
        return slice(self.row, self.row + self.count * self.length)


@dataclass(frozen=True)
class Texts:
    """How many tokens each text has; their rows follow each other, then some that belong to none.

    The more neighbours are of a length, the quicker.
    """

    lengths: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many texts there are."""
        return len(self.lengths)

    @cached_property
    def tokens(self) -> int:
        """Rows that belong to a text."""
        return sum(self.lengths)

    @cached_property
    def rows(self) -> int:
        """Rows in all."""
        return _rounded(self.tokens, FEW_STEP if self.tokens < FEW_ROWS else ROW_STEP)

    @cached_property
    def length(self) -> int:
        """Tokens of each text in attention, padding included."""
        return _rounded(max(self.lengths), STEP)

    @cached_property
    def runs(self) -> list[Run]:
        """The texts by neighbours of a length."""
        found, first, row = [], 0, 0
        for length, same in groupby(self.lengths):
            found.append(Run(first, len(list(same)), length, row))
            first, row = first + found[-1].count, row + found[-1].count * length
        return found

    @cached_property
    def mask(self) -> torch.Tensor:
        """Added to what attention compares, (texts, 1, 1, length): -inf where there is padding."""
        padding = torch.arange(self.length) >= torch.tensor(self.lengths)[:, None]
        return torch.zeros(padding.shape).masked_fill_(padding, -torch.inf)[:, None, None]

    @cached_property
    def starts(self) -> torch.Tensor:
        """The row of each text's first token (texts,)."""
        return torch.tensor([0, *np.cumsum(self.lengths[:-1]).tolist()])


@dataclass(frozen=True)
class Packed:
    """Texts' tokens: ids and places within their text (rows,); 0 in rows that belong to none."""

    ids: torch.Tensor
    places: torch.Tensor
    texts: Texts


def pack(rows: Sequence[TokenIds]) -> Packed:
    """Tokens of texts, none of them empty, as one batch."""
    texts = Texts(tuple(map(len, rows)))
    return _packed(*words_of(rows), texts)


def words_of(rows: Sequence[TokenIds]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The texts' tokens one after the other, and their places within their text (tokens,)."""
    lengths = list(map(len, rows))
    count = sum(lengths)
    ids = np.fromiter(chain.from_iterable(rows), np.int64, count)
    return ids, np.fromiter(chain.from_iterable(map(range, lengths)), np.int64, count)


def pack_words(ids: NDArray[np.int64], places: NDArray[np.int64]) -> Packed:
    """Words at places, as if all were one text."""
    return _packed(ids, places, Texts((len(ids),)))


def _packed(ids: NDArray[np.int64], places: NDArray[np.int64], texts: Texts) -> Packed:
    rows = np.zeros((2, texts.rows), dtype=np.int64)
    rows[:, : len(ids)] = ids, places
    return Packed(torch.from_numpy(rows[0]), torch.from_numpy(rows[1]), texts)


def pad_for_attention(
    rows: torch.Tensor, texts: Texts, parts: int, heads: int, *, counted: bool = False
) -> torch.Tensor:
    """Rows (rows, parts · width) → (parts, texts · heads, length, of a head), 0 for padding.

    counted: one coordinate more, 1 for tokens: whatever sums them up tells the sum of weights, too.
    """
    size = rows.shape[1] // parts // heads
    found = rows.new_empty(parts, texts.count, heads, texts.length, size + counted)
    for run in texts.runs:
        theirs = found[:, run.texts]
        tokens = theirs[..., : run.length, :]
        tokens[..., :size].copy_(_by_head(rows[run.rows], run, parts, heads))
        tokens[..., size:].fill_(1)
        theirs[..., run.length :, :].zero_()
    return found.flatten(1, 2)


def unpad(parts: Sequence[torch.Tensor], texts: Texts, heads: int) -> torch.Tensor:
    """The inverse of `pad_for_attention`, (rows, parts · width); 0 in rows of no text."""
    by_text = [part.view(texts.count, heads, texts.length, -1) for part in parts]
    rows = parts[0].new_empty(texts.rows, len(parts) * heads * parts[0].shape[-1])
    for run in texts.runs:
        places = _by_head(rows[run.rows], run, len(parts), heads)
        for place, part in zip(places, by_text, strict=True):
            place.copy_(part[run.texts, :, : run.length])
    rows[texts.tokens :].zero_()
    return rows


def first_rows(states: torch.Tensor, texts: Texts) -> torch.Tensor:
    """The states (texts, width) of each text's first token, of all rows' (rows, width)."""
    return states.index_select(0, texts.starts)


def means(states: torch.Tensor, texts: Texts) -> torch.Tensor:
    """The mean over each text's tokens: states (rows, width) → (texts, width)."""
    return torch.cat(
        [states[run.rows].view(run.count, run.length, -1).mean(1) for run in texts.runs]
    )


def _by_head(rows: torch.Tensor, run: Run, parts: int, heads: int) -> torch.Tensor:
    """A run's rows as a view (parts, texts, heads, length, of a head)."""
    return rows.view(run.count, run.length, parts, heads, -1).permute(2, 0, 3, 1, 4)


def _rounded(number: int, step: int) -> int:
    return -(-number // step) * step
