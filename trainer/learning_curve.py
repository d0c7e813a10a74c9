"""Scores at growing numbers of labels, and what more labels would likely bring.

Each seed draws its own order of duplicate groups and trains on growing heads of it. Through the
mean scores goes a power law, ceiling - scale * labels ** -decay (Figueroa et al. 2012,
"Predicting sample size required for classification performance"); its band comes from fitting
again to resampled seeds.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import Cancelled, TooFewLabelsError

DECAYS = np.geomspace(0.05, 2.0, 60)
FITS = 200
FEWEST_POINTS = 4  # below which three parameters fit anything


@dataclass(frozen=True)
class Point:
    """Scores at a number of labels, one a seed, with their mean and the spread between seeds."""

    labels: int
    scores: list[float]
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class PowerLaw:
    """score(n) = ceiling - scale * n ** -decay; scale >= 0, ceiling <= 1."""

    ceiling: float
    scale: float
    decay: float

    def at(self, labels: float) -> float:
        """Return the score that `labels` labels would bring."""
        return float(self.ceiling - self.scale * float(labels) ** -self.decay)


@dataclass(frozen=True)
class Expected:
    """An expectation with its 95% band."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """Measured points, the law through them, and the laws of resampled seeds (its band)."""

    points: list[Point]
    law: PowerLaw | None
    band: list[PowerLaw]
    seeds: list[int]

    def score_at(self, labels: int) -> Expected | None:
        """Return the score to expect at `labels` labels; None without a law."""
        return self._expected(lambda law: law.at(labels))

    def gain_from(self, more: int) -> Expected | None:
        """Return what `more` labels beyond the last point would likely add to the score."""
        last = self.points[-1].labels
        return self._expected(lambda law: law.at(last + more) - law.at(last))

    def to_json(self, *, more: int = 500) -> dict[str, Any]:
        """Return plain values, with the law drawn at the points and `more` labels beyond."""
        at = [*(point.labels for point in self.points), self.points[-1].labels + more]
        drawn = [(labels, self.score_at(labels)) for labels in at]
        gain = self.gain_from(more)
        return {
            "points": [asdict(point) for point in self.points],
            "law": asdict(self.law) if self.law else None,
            "fitted": [{"labels": n, **asdict(found)} for n, found in drawn if found],
            "more": more,
            "gain": asdict(gain) if gain else None,
            "seeds": self.seeds,
        }

    def _expected(self, of: Callable[[PowerLaw], float]) -> Expected | None:
        if self.law is None:
            return None
        low, high = np.quantile([of(law) for law in self.band or [self.law]], [0.025, 0.975])
        return Expected(of(self.law), float(low), float(high))


def measure_curve(
    groups: NDArray[np.int64],
    score: Callable[[NDArray[np.int64], int], float],
    *,
    counts: Sequence[int],
    seeds: Sequence[int] = (0, 1, 2),
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> LearningCurve:
    """Train and score at each count of labels with each seed.

    groups (n,): duplicate groups of the training tweets, drawn whole. score(rows, seed): trains
    on those rows and returns the score on the held-out split (macro-F1, say). counts: growing
    numbers of labels, none above n. Raises Cancelled when stopped, TooFewLabelsError when there
    are fewer training tweets than the largest count.
    """
    if not counts or max(counts) > len(groups):
        raise TooFewLabelsError(
            f"a curve up to {max(counts, default=0)} labels needs as many training tweets; there "
            f"are {len(groups)}; label more or ask for less"
        )
    table = np.zeros((len(seeds), len(counts)))
    for row, seed in enumerate(seeds):
        order = _by_group(groups, seed)
        for column, count in enumerate(counts):
            if should_stop is not None and should_stop():
                raise Cancelled("stopped while measuring the learning curve; nothing was changed")
            table[row, column] = score(order[:count], seed)
            if on_progress is not None:
                on_progress(row * len(counts) + column + 1, table.size)
    points = [
        Point(
            labels=int(count),
            scores=column.tolist(),
            mean=float(column.mean()),
            low=float(column.min()),
            high=float(column.max()),
        )
        for count, column in zip(counts, table.T, strict=True)
    ]
    if len(counts) < FEWEST_POINTS:
        return LearningCurve(points, None, [], list(seeds))
    dice = np.random.default_rng(0)
    band = [
        fit_power_law(counts, table[dice.integers(0, len(seeds), len(seeds))].mean(axis=0))
        for _ in range(FITS if len(seeds) > 1 else 0)
    ]
    return LearningCurve(points, fit_power_law(counts, table.mean(axis=0)), band, list(seeds))


def growing_counts(total: int, labels: int, *, points: int = 7) -> list[int]:
    """Return up to `points` counts of labels, evenly spaced in ratio, the last one `total`."""
    first = min(total, max(8 * labels, total // 64))
    return sorted({round(count) for count in np.geomspace(first, total, points)})


def fit_power_law(counts: Sequence[int], scores: Sequence[float] | NDArray[Any]) -> PowerLaw:
    """Return the least-squares power law through scores at counts; it never falls.

    For each decay on a grid the other two parameters are a straight-line fit, so the result
    does not depend on a starting point.
    """
    sizes, values = np.asarray(counts, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    best = PowerLaw(ceiling=float(values.mean()), scale=0.0, decay=1.0)
    least = float(np.square(values - values.mean()).sum())
    for decay in DECAYS:
        shrinking = sizes**-decay
        centred = shrinking - shrinking.mean()
        scale = max(0.0, -float(centred @ values) / float(centred @ centred))
        ceiling = float(values.mean()) + scale * float(shrinking.mean())
        if ceiling > 1.0:  # no score is above 1: fit the scale with the ceiling held there
            ceiling = 1.0
            scale = float(shrinking @ (1.0 - values)) / float(shrinking @ shrinking)
        error = float(np.square(ceiling - scale * shrinking - values).sum())
        if error < least:
            best, least = PowerLaw(ceiling, scale, float(decay)), error
    return best


def _by_group(groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the rows in an order that takes whole groups, shuffled by `seed`."""
    _, group_of = np.unique(groups, return_inverse=True)
    place = np.random.default_rng(seed).permutation(int(group_of.max()) + 1)
    return np.argsort(place[group_of], kind="stable").astype(np.int64)
