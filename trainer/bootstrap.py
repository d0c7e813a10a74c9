"""Bootstrap of counts by duplicate group, without a loop over resamples.

Tweets of one duplicate group are not independent, so whole groups are drawn, not tweets
(Field & Welsh 2007, "Bootstrapping clustered data", JRSS B 69(3)). Two groups that hold the
same counts are exchangeable: drawing G groups is then one multinomial draw over the distinct
kinds of group. That is the same distribution, and its cost hardly grows with the tweets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

Interval = tuple[float, float]
LEVEL = 0.95
NORMAL_QUANTILE = 1.959963984540054  # of (1 + LEVEL) / 2


@dataclass(frozen=True)
class Resampled:
    """Counts per resample. cells (C,): the distinct codes; counts (R, C): how often each came."""

    cells: NDArray[np.int64]
    counts: NDArray[np.float64]

    def summed(self, keys: NDArray[np.int64], width: int) -> NDArray[np.float64]:
        """Add up cells that share a key. keys (C,) in 0..width-1; returns (R, width)."""
        selector = np.zeros((len(self.cells), width))
        selector[np.arange(len(self.cells)), keys] = 1.0
        return self.counts @ selector


def resample_groups(
    cells: NDArray[np.int64],
    groups: Sequence[int] | NDArray[np.int64],
    *,
    seed: int,
    resamples: int,
) -> Resampled:
    """Draw whole groups with replacement `resamples` times and count what each draw holds.

    cells (n,): a code per tweet (e.g. truth * K + predicted). groups (n,): its duplicate group.
    Raises DataError when the lengths differ or there is nothing to draw from.
    """
    if len(cells) != len(groups) or len(cells) == 0:
        raise DataError(
            f"{len(cells)} codes and {len(groups)} groups; give one of each per tweet, at least one"
        )
    codes, code_of = np.unique(np.asarray(cells, dtype=np.int64), return_inverse=True)
    _, group_of = np.unique(np.asarray(groups, dtype=np.int64), return_inverse=True)
    kinds, frequency = _kinds_of_group(code_of, group_of, len(codes))
    total = int(frequency.sum())
    drawn = np.random.default_rng(seed).multinomial(total, frequency / total, size=resamples)
    return Resampled(cells=codes, counts=drawn.astype(np.float64) @ kinds)


def _kinds_of_group(
    code_of: NDArray[np.intp], group_of: NDArray[np.intp], width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distinct count vectors of the groups (P, width) and how many groups have each."""
    sizes = np.bincount(group_of)
    alone = sizes[group_of] == 1
    single = np.bincount(code_of[alone], minlength=width).astype(np.float64)
    kinds, frequency = np.eye(width)[single > 0], single[single > 0]
    if not alone.all():
        _, row = np.unique(group_of[~alone], return_inverse=True)
        counts = np.zeros((int(row.max()) + 1, width), dtype=np.int32)
        np.add.at(counts, (row, code_of[~alone]), 1)
        several, how_many = np.unique(counts, axis=0, return_counts=True)
        kinds = np.concatenate([kinds, several.astype(np.float64)])
        frequency = np.concatenate([frequency, how_many.astype(np.float64)])
    return kinds, frequency


def percentile_interval(values: NDArray[np.float64], level: float = LEVEL) -> Interval | None:
    """Return the percentile interval of the finite values, None when there are none."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def share_interval(values: NDArray[np.float64], share: float, groups: int) -> Interval | None:
    """Return the interval of a share in 0..1 from its resampled `values`.

    When all resamples agree (everything right, or one group) the bootstrap would claim to be
    certain; the Wilson score interval (Wilson 1927, JASA 22) for that many groups stands in.
    """
    if groups == 0:
        return None
    found = percentile_interval(values)
    if found is not None and found[1] - found[0] > 1e-12:
        return found
    return wilson_interval(share, groups)


def wilson_interval(share: float, n: int) -> Interval:
    """Return Wilson's 95% score interval of a share seen in n independent draws."""
    square = NORMAL_QUANTILE**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = NORMAL_QUANTILE / (1 + square / n)
    half *= sqrt(max(share * (1 - share), 0.0) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
