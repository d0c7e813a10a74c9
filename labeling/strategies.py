"""Orders in which to ask people: pure functions on arrays, no store, no randomness unasked.

Each returns row numbers, the most worth asking first. Sources: Settles 2009, "Active learning
literature survey" (least confident, margin, entropy); Sener & Savarese 2018, "Active learning
for convolutional neural networks: a core-set approach" (k-center).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Order = NDArray[np.int64]


@dataclass(frozen=True)
class Picked:
    """A row, why it was picked, and with which probability that reason was drawn."""

    row: int
    reason: str
    probability: float


def least_confident(probabilities: NDArray[Any]) -> Order:
    """Order rows of (n, K) by the probability of their likeliest label, the lowest first."""
    return _first(np.asarray(probabilities).max(axis=1, initial=0.0))


def margin(probabilities: NDArray[Any]) -> Order:
    """Order rows of (n, K >= 2) by the gap between their two likeliest labels, the least first."""
    ordered = np.sort(np.asarray(probabilities), axis=1)
    return _first(ordered[:, -1] - ordered[:, -2])


def entropy(probabilities: NDArray[Any]) -> Order:
    """Order rows of (n, K) by the entropy of their probabilities, the highest first."""
    table = np.asarray(probabilities, dtype=np.float64)
    logs = np.log(table, out=np.zeros_like(table), where=table > 0)
    return _first((table * logs).sum(axis=1))


def least_confident_of(probabilities: NDArray[Any], label: int) -> Order:
    """Order only the rows whose likeliest label is `label`, the least sure first."""
    table = np.asarray(probabilities)
    rows = np.flatnonzero(table.argmax(axis=1) == label)
    return np.asarray(rows[least_confident(table[rows])], dtype=np.int64)


def disagreement(first: NDArray[Any], second: NDArray[Any]) -> Order:
    """Order rows by how far two versions' probabilities (n, K) lie apart, the farthest first.

    The distance is the total variation, so rows on which both say the same come last.
    """
    apart = np.abs(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64))
    return _first(-apart.sum(axis=1))


def in_random_order(count: int, *, seed: int) -> Order:
    """Return the rows 0..count-1 shuffled by `seed`."""
    return np.random.default_rng(seed).permutation(count).astype(np.int64)


def k_center(embeddings: NDArray[Any], count: int, *, known: NDArray[Any] | None = None) -> Order:
    """Pick `count` rows that cover all: each the farthest from what is picked or known.

    embeddings (n, width); known (m, width): embeddings of tweets that have labels. Greedy, at
    most twice the best radius (Gonzalez 1985). Without `known` it starts at the row nearest to
    the mean. O(n * (m + count) * width) time, O(n) memory beside the input.
    """
    table = np.asarray(embeddings, dtype=np.float32)
    count = min(count, len(table))
    squares = np.einsum("ij,ij->i", table, table)
    nearest = np.full(len(table), np.inf, dtype=np.float32)
    picked: list[int] = []

    def cover(point: NDArray[np.float32]) -> None:
        distances = squares - 2 * (table @ point) + float(point @ point)
        np.minimum(nearest, np.maximum(distances, 0), out=nearest)

    for point in np.asarray(known if known is not None else [], dtype=np.float32):
        cover(point)
    while len(picked) < count:
        if np.isinf(nearest).all():
            chosen = int(np.argmin(squares - 2 * (table @ table.mean(axis=0))))
        else:
            chosen = int(np.argmax(nearest))
        picked.append(chosen)
        cover(table[chosen])
        nearest[chosen] = -1.0  # a twin of a picked row keeps 0, so it comes last, not never
    return np.array(picked, dtype=np.int64)


def mix(
    orders: Mapping[str, tuple[Sequence[int] | Order, float]], count: int, *, seed: int
) -> list[Picked]:
    """Deal `count` distinct rows from several orders, each turn's order drawn by its share.

    orders: reason -> (rows, share); shares are weights of any sum above 0. An order that has run
    out passes its turn to the others; fewer rows come back only when all have run out. The
    probability recorded is the share among the orders that still had rows at that turn.
    """
    dice = np.random.default_rng(seed)
    left = {reason: iter(rows) for reason, (rows, share) in orders.items() if share > 0}
    upcoming = {reason: next(rows, None) for reason, rows in left.items()}
    taken: set[int] = set()
    picked: list[Picked] = []
    while len(picked) < count:
        for reason, rows in left.items():
            while upcoming[reason] is not None and int(upcoming[reason] or 0) in taken:
                upcoming[reason] = next(rows, None)
        open_reasons = [reason for reason, row in upcoming.items() if row is not None]
        if not open_reasons:
            break
        shares = np.array([orders[reason][1] for reason in open_reasons], dtype=np.float64)
        shares = shares / shares.sum()
        turn = int(dice.choice(len(open_reasons), p=shares))
        row = int(upcoming[open_reasons[turn]] or 0)
        taken.add(row)
        picked.append(Picked(row, open_reasons[turn], float(shares[turn])))
    return picked


def _first(scores: NDArray[Any]) -> Order:
    """Order by score, the lowest first; ties keep their order, so that results repeat."""
    return np.argsort(scores, kind="stable").astype(np.int64)


BY_UNCERTAINTY: dict[str, Callable[[NDArray[Any]], Order]] = {
    "least_confident": least_confident,
    "margin": margin,
    "entropy": entropy,
}
