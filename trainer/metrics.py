"""What a classifier is worth on labelled tweets, and how sure that is.

Scores follow scikit-learn's definitions; a label without a single example in the split has no
score (None, JSON null) and does not enter the macro average. Intervals are 95% percentile
bootstrap intervals over duplicate groups (trainer/bootstrap.py).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.bootstrap import Interval, resample_groups, share_interval
from trainer.errors import DataError

BINS = 15  # of confidence, for ECE and the reliability diagram (Guo et al. 2017 use 15)
SMALLEST = float(np.finfo(np.float32).eps)  # probabilities are float32; log(0) has no meaning
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class LabelScores:
    """One label's scores, each None when the split holds no example of it."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    recall_interval: Interval | None = None


@dataclass(frozen=True)
class ReliabilityBin:
    """Tweets whose confidence lies in (lower, upper]; means are None for an empty bin."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Metrics:
    """All scores of one classifier on one split.

    labels: the label values in the order of `confusion` (rows: truth, columns: predicted).
    intervals: "accuracy", "macro_f1", "weighted_f1" -> 95% interval, None when not computed.
    groups: distinct duplicate groups behind the n tweets; split_method: how the split was made.
    """

    n: int
    accuracy: float
    macro_f1: float
    weighted_f1: float
    log_loss: float
    ece: float
    labels: list[str]
    per_class: dict[str, LabelScores]
    confusion: list[list[int]]
    reliability: list[ReliabilityBin]
    intervals: dict[str, Interval | None]
    groups: int = 0
    split: str = ""
    split_method: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values: numbers, lists, dicts, None; never NaN."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Metrics":
        """Rebuild from to_json's value, also after a trip through JSON text."""
        values = dict(stored)
        values["per_class"] = {
            label: LabelScores(**(scores | {"recall_interval": _pair(scores["recall_interval"])}))
            for label, scores in stored["per_class"].items()
        }
        values["reliability"] = [ReliabilityBin(**one) for one in stored["reliability"]]
        values["intervals"] = {name: _pair(ends) for name, ends in stored["intervals"].items()}
        return cls(**values)


def _pair(ends: Sequence[float] | None) -> Interval | None:
    return None if ends is None else (float(ends[0]), float(ends[1]))


@dataclass(frozen=True)
class ConfusionScores:
    """Scores of confusion matrices (..., K, K): per label (..., K), the rest (...); NaN if none."""

    precision: Scores
    recall: Scores
    f1: Scores
    support: Scores
    accuracy: Scores
    macro_f1: Scores
    weighted_f1: Scores


def confusion_scores(confusions: Scores) -> ConfusionScores:
    """Score confusion matrices (..., K, K), rows truth, columns predicted, without warnings.

    A label without support gets NaN and leaves the macro average; one with support that was
    never predicted has precision 0, as in scikit-learn with zero_division=0.
    """
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    support, predicted = confusions.sum(axis=-1), confusions.sum(axis=-2)
    present = support > 0
    nothing = np.full(hits.shape, np.nan)
    recall = np.divide(hits, support, out=nothing.copy(), where=present)
    precision = np.divide(hits, predicted, out=np.zeros(hits.shape), where=predicted > 0)
    precision = np.where(present, precision, np.nan)
    f1 = np.divide(2 * hits, support + predicted, out=nothing.copy(), where=present)
    known = np.where(present, f1, 0.0)
    total = support.sum(axis=-1)

    def ratio(top: Scores, bottom: Scores) -> Scores:
        blank = np.full(np.shape(top), np.nan)
        return np.asarray(np.divide(top, bottom, out=blank, where=bottom > 0))

    return ConfusionScores(
        precision=precision,
        recall=recall,
        f1=f1,
        support=support,
        accuracy=ratio(hits.sum(axis=-1), total),
        macro_f1=ratio(known.sum(axis=-1), present.sum(axis=-1)),
        weighted_f1=ratio((known * support).sum(axis=-1), total),
    )


def evaluate(
    probabilities: NDArray[Any],
    truth: Sequence[str],
    label_map: Sequence[str],
    *,
    groups: Sequence[int],
    split: str = "",
    split_method: str = "",
    seed: int = 0,
    resamples: int = 1000,
) -> Metrics:
    """Score probabilities (n, K) against the true label values (n,).

    label_map (K,): the label value of each column. groups (n,): each tweet's duplicate group,
    resampled as a whole. resamples=0 leaves the intervals out (None): for each epoch's report.
    Raises DataError for nothing to score, a shape that does not fit, a value that is no
    probability, or a true label that the classifier does not know.
    """
    table = checked_probabilities(probabilities, len(label_map))
    indexes = label_indexes(truth, label_map)
    if not len(table) == len(indexes) == len(groups):
        raise DataError(
            f"{len(table)} rows of probabilities, {len(indexes)} labels and {len(groups)} groups; "
            "give one of each per tweet"
        )
    width, predicted = len(label_map), table.argmax(axis=1)
    cells = indexes * width + predicted
    confusion = np.bincount(cells, minlength=width * width).reshape(width, width)
    scores = confusion_scores(confusion.astype(np.float64))
    intervals, recalls = _intervals(cells, groups, scores, seed=seed, resamples=resamples)
    bins = reliability(table, indexes)
    return Metrics(
        n=len(table),
        accuracy=float(scores.accuracy),
        macro_f1=float(scores.macro_f1),
        weighted_f1=float(scores.weighted_f1),
        log_loss=log_loss(table, indexes),
        ece=expected_calibration_error(bins),
        labels=list(label_map),
        per_class=_per_label(scores, label_map, recalls),
        confusion=confusion.tolist(),
        reliability=bins,
        intervals=intervals,
        groups=len(set(map(int, groups))),
        split=split,
        split_method=split_method,
    )


def _per_label(
    scores: ConfusionScores, label_map: Sequence[str], recalls: list[Interval | None]
) -> dict[str, LabelScores]:
    return {
        label: LabelScores(
            precision=_plain(scores.precision[place]),
            recall=_plain(scores.recall[place]),
            f1=_plain(scores.f1[place]),
            support=int(scores.support[place]),
            recall_interval=recalls[place],
        )
        for place, label in enumerate(label_map)
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _intervals(
    cells: NDArray[np.int64],
    groups: Sequence[int],
    scores: ConfusionScores,
    *,
    seed: int,
    resamples: int,
) -> tuple[dict[str, Interval | None], list[Interval | None]]:
    """Return the headlines' intervals and each label's recall interval."""
    width = len(scores.recall)
    headlines = ("accuracy", "macro_f1", "weighted_f1")
    if resamples == 0:
        return dict.fromkeys(headlines), [None] * width
    drawn = resample_groups(cells, groups, seed=seed, resamples=resamples)
    resampled = confusion_scores(drawn.summed(drawn.cells, width * width).reshape(-1, width, width))
    truth_groups = np.unique(np.stack([cells // width, np.asarray(groups)]), axis=1)[0]
    groups_of = np.bincount(truth_groups, minlength=width)
    count = len(np.unique(np.asarray(groups)))
    return (
        {
            name: share_interval(getattr(resampled, name), float(getattr(scores, name)), count)
            for name in headlines
        },
        [
            share_interval(resampled.recall[:, place], float(scores.recall[place]), int(number))
            for place, number in enumerate(groups_of)
        ],
    )


def checked_probabilities(probabilities: NDArray[Any], width: int) -> Scores:
    """Return probabilities (n, K) as float64 rows that sum to one. Raises DataError otherwise."""
    table = np.asarray(probabilities, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != width or len(table) == 0:
        raise DataError(
            f"probabilities have the shape {table.shape}; expected at least one row and {width} "
            "columns, one per label"
        )
    sums = table.sum(axis=1)
    wrong = ~(np.isfinite(sums) & (np.abs(sums - 1) < 1e-2) & (table.min(axis=1) >= 0))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"row {row} holds no probabilities (they sum to {sums[row]}); apply softmax"
        )
    return np.asarray(table / sums[:, None])


def label_indexes(truth: Sequence[str], label_map: Sequence[str]) -> NDArray[np.int64]:
    """Return each label value's place in label_map. Raises DataError naming an unknown one."""
    places = {label: place for place, label in enumerate(label_map)}
    unknown = sorted({label for label in truth if label not in places})
    if unknown:
        raise DataError(
            f"label {unknown[0]!r} is unknown to this classifier, which knows "
            f"{', '.join(map(repr, label_map))}; train on the label first or leave its rows out"
        )
    return np.fromiter((places[label] for label in truth), dtype=np.int64, count=len(truth))


def log_loss(table: Scores, indexes: NDArray[np.int64]) -> float:
    """Return the mean negative log probability of the true labels (nats)."""
    right = table[np.arange(len(table)), indexes]
    return float(-np.log(np.clip(right, SMALLEST, 1.0)).mean())


def reliability(table: Scores, indexes: NDArray[np.int64]) -> list[ReliabilityBin]:
    """Return the reliability diagram: equal-width bins of confidence with their accuracy."""
    confidence, right = table.max(axis=1), table.argmax(axis=1) == indexes
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    confident = np.bincount(place, weights=confidence, minlength=BINS)
    hits = np.bincount(place, weights=right.astype(np.float64), minlength=BINS)
    return [
        ReliabilityBin(
            lower=number / BINS,
            upper=(number + 1) / BINS,
            count=int(count),
            confidence=float(confident[number] / count) if count else None,
            accuracy=float(hits[number] / count) if count else None,
        )
        for number, count in enumerate(counts)
    ]


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the mean gap between confidence and accuracy, weighted by tweets (Naeini 2015)."""
    total = sum(one.count for one in bins)
    gaps = (
        one.count * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )
    return sum(gaps) / total if total else 0.0


def errors_by_confidence(probabilities: NDArray[Any], indexes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the rows that are wrong, the most confident first. indexes (n,): true columns."""
    table = np.asarray(probabilities)
    wrong = np.flatnonzero(table.argmax(axis=1) != np.asarray(indexes))
    order = np.argsort(-table[wrong].max(axis=1), kind="stable")
    return np.asarray(wrong[order], dtype=np.int64)
