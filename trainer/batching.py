"""From texts to batches of like length, for training (shuffled) and for predicting.

A tweet has 38 tokens on average; padding every one to 64 spends 40% of the arithmetic on
nothing. Batches of like length need next to no padding, and none needs a mask.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.architectures import reserved_in
from trainer.errors import Cancelled
from trainer.memory import give_back
from trainer.side_by_side import side_by_side

POOL = 50  # batches sorted by length together: like lengths, and still a shuffle
CHUNK = 8192  # texts tokenised at a time when predicting, so that memory stays flat
TOKENS = 2048  # tokens in a batch when predicting; each thread has one
FEWEST_TOKENS = 256  # for each thread, or all of them share the products of one batch
TOKENS_LEARNT = 3072  # tokens learnt from at a time; what they leave for the way back is 0.3 GB
TIDY_EVERY = 100  # batches predicted between two looks for memory to give back
TokenIds = list[int]
Compute = Callable[[list[TokenIds]], torch.Tensor]  # a batch of texts to a row each


@dataclass(frozen=True)
class Batch:
    """Token ids (n, tokens) and their mask, None when no place is padding."""

    ids: torch.Tensor
    mask: torch.Tensor | None

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on a device."""
        mask = None if self.mask is None else self.mask.to(device)
        return Batch(self.ids.to(device), mask)


def tokenise(tokenizer: Any, texts: Sequence[str], max_length: int) -> list[TokenIds]:
    """Token ids of each text, at most `max_length`, the closing [SEP] kept."""
    clean = [without_lone_surrogates(text) for text in texts]
    if not clean:
        return []
    if tokenizer.is_fast:  # asked itself, it neither tracks places in the text nor makes masks
        backend = tokenizer.backend_tokenizer
        backend.no_padding()
        backend.enable_truncation(max_length)
        return [encoding.ids for encoding in backend.encode_batch_fast(clean)]
    encoded = tokenizer(
        clean,
        truncation=True,
        max_length=max_length,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    ids: list[TokenIds] = encoded["input_ids"]
    return ids


def without_lone_surrogates(text: str) -> str:
    """The text, halves of a character replaced: a tokenizer refuses what has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def longest_allowed(config: dict[str, Any], max_length: int) -> int:
    """`max_length`, or less where the base model has fewer positions."""
    return min(max_length, int(config["max_position_embeddings"]) - reserved_in(config))


def pad(rows: Sequence[TokenIds], pad_id: int) -> Batch:
    """One batch, padded to its longest row."""
    lengths = np.array([len(row) for row in rows])
    width = int(lengths.max())
    ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    if lengths.min() == width:
        return Batch(torch.from_numpy(ids), None)
    mask = np.arange(width) < lengths[:, None]
    return Batch(torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64)))


def training_batches(
    lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """The epoch's batches of positions, a function of its arguments alone.

    Shuffled, sorted by length within pools of POOL batches, cut, and the batches shuffled.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(lengths))
    sizes = np.asarray(lengths)
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), POOL * batch_size):
        pool = order[start : start + POOL * batch_size]
        pool = pool[np.argsort(sizes[pool], kind="stable")]
        batches += [pool[cut : cut + batch_size] for cut in range(0, len(pool), batch_size)]
    return [batches[place] for place in random.permutation(len(batches))]


def pieces(
    batch: NDArray[np.int64], lengths: Sequence[int], *, tokens: int = TOKENS_LEARNT
) -> Iterator[NDArray[np.int64]]:
    """Cut a batch of positions, in its order, into parts of at most `tokens` tokens, padded.

    A single text may be longer.
    """
    start, longest = 0, 0
    for place, position in enumerate(batch.tolist()):
        longest = max(longest, lengths[position])
        if place > start and longest * (place + 1 - start) > tokens:
            yield batch[start:place]
            start, longest = place, lengths[position]
    if len(batch):
        yield batch[start:]


def shares(batch: NDArray[np.int64], lengths: Sequence[int], count: int) -> list[NDArray[np.int64]]:
    """Cut a batch of positions into like shares that `count` threads learn from at a time."""
    parts = (batch[place::count] for place in range(count))
    return [
        piece for part in parts for piece in pieces(part, lengths, tokens=TOKENS_LEARNT // count)
    ]


def prediction_batches(
    lengths: Sequence[int], *, tokens: int | None = None
) -> list[NDArray[np.int64]]:
    """Positions from short to long, in batches of at most `tokens` tokens, were they padded.

    Without `tokens` threads get as many batches each, and all batches are alike, so that no thread
    waits for another at the end. A GPU's are as large as can be.
    """
    order = np.argsort(np.asarray(lengths, dtype=np.int64), kind="stable")
    if tokens is not None or torch.cuda.is_available():
        return list(pieces(order, lengths, tokens=tokens or TOKENS))
    threads, total = torch.get_num_threads(), sum(lengths)
    count = -(-total // TOKENS)
    if total >= threads * FEWEST_TOKENS:
        count = -(-count // threads) * threads
    return _alike(order, lengths, count=count, tokens=2 * TOKENS)


def _alike(
    order: NDArray[np.int64], lengths: Sequence[int], *, count: int, tokens: int
) -> list[NDArray[np.int64]]:
    """`count` batches of as many tokens each.

    One is cut further if it had more than `tokens` when padded: short texts met a long one.
    """
    sizes = np.asarray(lengths, dtype=np.int64)[order]
    middles = np.cumsum(sizes) - sizes / 2
    marks = np.arange(1, count) * (sizes.sum() / max(count, 1))
    parts = np.split(order, np.searchsorted(middles, marks))
    return [piece for part in parts for piece in pieces(part, lengths, tokens=tokens)]


def run_over(
    ids: Sequence[TokenIds],
    compute: Compute,
    *,
    width: int,
    after_batch: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Rows (n, width) of `compute` over tokenised texts, in their order; the same tokens once.

    after_batch gets the number of texts done so far; it may raise to stop.
    """
    place: dict[tuple[int, ...], int] = {}
    rows = [place.setdefault(tuple(tokens), len(place)) for tokens in ids]
    distinct, counts = list(map(list, place)), np.bincount(rows, minlength=len(place))
    results = np.empty((len(distinct), width), dtype=np.float32)
    batches = prediction_batches([len(tokens) for tokens in distinct])
    done = 0

    def compute_batch(batch: NDArray[np.int64]) -> torch.Tensor:
        return compute([distinct[i] for i in batch])

    with closing(side_by_side(compute_batch, batches)) as computed:
        for number, (batch, values) in enumerate(zip(batches, computed, strict=True), 1):
            results[batch] = values.float().cpu().numpy()
            done += int(counts[batch].sum())
            if number % TIDY_EVERY == 0:
                give_back()
            if after_batch is not None:
                after_batch(done)
    whole: NDArray[np.float32] = results[rows]
    return whole


@dataclass(frozen=True)
class TextMapper:
    """Runs a model over any number of texts: identical texts once, like lengths together.

    computing: given all tokenised texts of a chunk, what computes a batch of them.
    """

    tokenizer: Any
    max_length: int
    width: int  # of a result row

    def __call__(
        self,
        texts: Sequence[str],
        computing: Callable[[list[TokenIds]], Compute],
        *,
        on_progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> NDArray[np.float32]:
        """Rows (n, width) float32, one a text, in the order of `texts`.

        on_progress(done, total) counts distinct texts. Raises Cancelled between batches.
        """
        place: dict[str, int] = {}
        rows = [place.setdefault(text, len(place)) for text in texts]
        distinct = list(place)
        results = np.empty((len(distinct), self.width), dtype=np.float32)
        for start in range(0, len(distinct), CHUNK):
            chunk = distinct[start : start + CHUNK]

            def after_batch(done: int, start: int = start) -> None:
                if on_progress is not None:
                    on_progress(start + done, len(distinct))
                if should_stop is not None and should_stop():
                    raise Cancelled(f"stopped after {start + done} of {len(distinct)} texts")

            ids = tokenise(self.tokenizer, chunk, self.max_length)
            results[start : start + CHUNK] = run_over(
                ids,
                computing(ids),
                width=self.width,
                after_batch=after_batch,
            )
        whole: NDArray[np.float32] = results[rows]
        return whole
