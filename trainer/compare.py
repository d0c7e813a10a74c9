"""Candidate against current on the same test tweets: what changes, and whether to promote."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, lgamma, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.bootstrap import Interval, percentile_interval, resample_groups
from trainer.errors import DataError
from trainer.metrics import (
    ConfusionScores,
    checked_probabilities,
    confusion_scores,
    label_indexes,
)


@dataclass(frozen=True)
class Difference:
    """Candidate minus current, with the paired 95% interval of the macro-F1 difference."""

    macro_f1: float
    interval: Interval | None
    accuracy: float
    accuracy_interval: Interval | None


@dataclass(frozen=True)
class LabelChange:
    """One label's recall under both; all None where the split holds no example of it."""

    support: int
    current_recall: float | None
    candidate_recall: float | None
    change: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Comparison:
    """What promoting the candidate would mean.

    fixed: tweets that current has wrong and the candidate right, the candidate's most confident
    first; broken: the other way round. negative_flip_rate: broken / n (Yan et al. 2021,
    "Positive-congruent training"). mcnemar_p: exact, two-sided, over tweets; it takes tweets as
    independent, while the intervals draw whole duplicate groups.
    passes: whether the gate's rule holds; reasons: a sentence for each ground that it does not.
    """

    n: int
    fixed: list[int]
    broken: list[int]
    negative_flip_rate: float
    mcnemar_p: float
    difference: Difference
    per_label: dict[str, LabelChange]
    passes: bool
    reasons: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return plain values: numbers, lists, dicts, None; never NaN."""
        return asdict(self)


def compare(
    candidate: NDArray[Any],
    current: NDArray[Any],
    truth: Sequence[str],
    groups: Sequence[int],
    label_map: Sequence[str],
    tweet_ids: Sequence[int],
    *,
    seed: int = 0,
    resamples: int = 2000,
) -> Comparison:
    """Compare two classifiers' probabilities (n, K) on the same tweets.

    truth (n,): label values; label_map (K,): the columns of both; groups (n,): duplicate groups;
    tweet_ids (n,): what fixed and broken name. The gate passes when macro-F1 rises and no
    label's recall falls by an interval that lies wholly below 0.
    Raises DataError for shapes that do not fit or a label that the classifiers do not know.
    """
    new, old = (checked_probabilities(table, len(label_map)) for table in (candidate, current))
    indexes = label_indexes(truth, label_map)
    if not len(new) == len(old) == len(indexes) == len(groups) == len(tweet_ids):
        raise DataError(
            f"{len(new)} and {len(old)} rows of probabilities for {len(indexes)} labels, "
            f"{len(groups)} groups and {len(tweet_ids)} tweets; both must score the same tweets"
        )
    fixed, broken = _flips(new, old, indexes)
    new_scores, old_scores, new_drawn, old_drawn = _paired(
        new.argmax(axis=1), old.argmax(axis=1), indexes, groups, len(label_map), seed, resamples
    )
    difference = Difference(
        macro_f1=float(new_scores.macro_f1 - old_scores.macro_f1),
        interval=percentile_interval(new_drawn.macro_f1 - old_drawn.macro_f1),
        accuracy=float(new_scores.accuracy - old_scores.accuracy),
        accuracy_interval=percentile_interval(new_drawn.accuracy - old_drawn.accuracy),
    )
    per_label = _label_changes(
        old_scores, new_scores, new_drawn.recall - old_drawn.recall, label_map
    )
    reasons = _reasons(difference, per_label)
    return Comparison(
        n=len(indexes),
        fixed=[int(tweet_ids[row]) for row in fixed],
        broken=[int(tweet_ids[row]) for row in broken],
        negative_flip_rate=len(broken) / len(indexes),
        mcnemar_p=exact_mcnemar(len(fixed), len(broken)),
        difference=difference,
        per_label=per_label,
        passes=not reasons,
        reasons=reasons,
    )


def exact_mcnemar(fixed: int, broken: int) -> float:
    """Return the two-sided exact p-value of McNemar's test: a fair coin's binomial tails.

    McNemar 1947 (Psychometrika 12); the exact form doubles the smaller tail, at most 1.
    """
    flips, fewer = fixed + broken, min(fixed, broken)
    if flips == 0:
        return 1.0
    # Logarithms, because 2**-flips underflows for large test splits.
    tail = sum(
        exp(lgamma(flips + 1) - lgamma(k + 1) - lgamma(flips - k + 1) - flips * log(2))
        for k in range(fewer + 1)
    )
    return min(1.0, 2 * tail)


def _flips(
    new: NDArray[np.float64], old: NDArray[np.float64], indexes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that the candidate fixes and those it breaks, its most confident first."""
    new_right, old_right = new.argmax(axis=1) == indexes, old.argmax(axis=1) == indexes
    order = np.argsort(-new.max(axis=1), kind="stable")
    return order[(new_right & ~old_right)[order]], order[(~new_right & old_right)[order]]


def _paired(
    new: NDArray[np.int64],
    old: NDArray[np.int64],
    indexes: NDArray[np.int64],
    groups: Sequence[int],
    width: int,
    seed: int,
    resamples: int,
) -> tuple[ConfusionScores, ConfusionScores, ConfusionScores, ConfusionScores]:
    """Return the scores of both, and those of both on the same resamples of groups."""
    cells = (indexes * width + new) * width + old
    drawn = resample_groups(cells, groups, seed=seed, resamples=resamples)
    truth_new, seen_old = np.divmod(drawn.cells, width)
    truth_old = (truth_new // width) * width + seen_old

    def scored(predicted: NDArray[np.int64]) -> ConfusionScores:
        flat = np.bincount(indexes * width + predicted, minlength=width * width)
        return confusion_scores(flat.reshape(width, width).astype(np.float64))

    def resampled(keys: NDArray[np.int64]) -> ConfusionScores:
        return confusion_scores(drawn.summed(keys, width * width).reshape(-1, width, width))

    return scored(new), scored(old), resampled(truth_new), resampled(truth_old)


def _label_changes(
    old: ConfusionScores,
    new: ConfusionScores,
    drawn: NDArray[np.float64],
    label_map: Sequence[str],
) -> dict[str, LabelChange]:
    """Return each label's recall under both; drawn (R, K): resampled changes."""
    changes = {}
    for place, label in enumerate(label_map):
        support = int(new.support[place])
        if support == 0:
            changes[label] = LabelChange(0, None, None, None, None)
            continue
        before, after = float(old.recall[place]), float(new.recall[place])
        interval = percentile_interval(drawn[:, place])
        changes[label] = LabelChange(support, before, after, after - before, interval)
    return changes


def _reasons(difference: Difference, per_label: dict[str, LabelChange]) -> list[str]:
    """Return why the gate does not pass, one sentence each."""
    reasons = []
    if difference.macro_f1 <= 0:
        reasons.append(f"macro-F1 does not rise ({difference.macro_f1:+.3f})")
    for label, change in per_label.items():
        if change.change is None or change.interval is None:
            continue
        if change.change < 0 and change.interval[1] < 0:
            reasons.append(
                f"recall of label {label!r} falls by {-change.change:.3f} "
                f"(95% interval {change.interval[0]:+.3f} to {change.interval[1]:+.3f}, "
                f"{change.support} test labels)"
            )
    return reasons
