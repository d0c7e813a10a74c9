"""Texts whose two likeliest labels rounding may have swapped: computed once more, exactly.

How far rounding moves a margin differs from model to model, and tenfold from text to text. So the
closest calls come first, and what rounding is seen to have done to them says how many more.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

NEAR = 0.1  # of the usual span of a text's logits; beyond it rounding hardly ever swaps labels
FEW = 16  # the first to be computed; what they tell of the rest is 20% off
SAFE = 2.0  # times what rounding does to a margin (root mean square), from where on it is kept
Array = NDArray[np.float32]
Rows = NDArray[np.int64]


def settle(logits: Array, exactly: Callable[[Rows], Array]) -> Array:
    """Logits (n, K) with close calls as `exactly` computes them, given their rows (m,) → (m, K).

    Texts of the same words have the same logits, and tell of rounding once.
    """
    settled = logits.copy()
    rows, margins = close_calls(logits)
    if not len(rows):
        return settled
    moved = np.empty(0, dtype=np.float32)
    wanted = _nearer(margins, np.unique(margins)[:FEW][-1], side="right")
    while len(moved) < wanted:
        more = rows[len(moved) : wanted]
        settled[more] = exactly(more)
        before = margins[len(moved) : wanted]
        moved = np.append(moved, before - _margins_as_in(logits[more], settled[more]))
        _, once = np.unique(margins[: len(moved)], return_index=True)
        rounding = np.sqrt(np.mean(np.square(moved[once])))
        wanted = _nearer(margins, SAFE * rounding)
    return settled


def _nearer(margins: Array, limit: float, *, side: Literal["left", "right"] = "left") -> int:
    return int(np.searchsorted(margins, limit, side=side))


def close_calls(logits: Array) -> tuple[Rows, Array]:
    """Rows (m,) whose best two logits lie near each other, and how near (m,), nearest first.

    Near for the span that texts have in the middle: rounding does not shrink with a text's own, and
    of two labels the span is the margin.
    """
    if not len(logits):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    best = np.sort(logits, axis=1)
    margins, spans = best[:, -1] - best[:, -2], best[:, -1] - best[:, 0]
    rows = np.flatnonzero(margins < NEAR * np.median(spans))
    rows = rows[np.argsort(margins[rows], kind="stable")]
    return rows, margins[rows]


def _margins_as_in(logits: Array, others: Array) -> Array:
    """Margins (m,) of others (m, K) between the labels that are the best two in logits (m, K)."""
    best = np.argsort(logits, axis=1)[:, -2:]
    second, first = np.take_along_axis(others, best, axis=1).T
    margins: Array = first - second
    return margins
