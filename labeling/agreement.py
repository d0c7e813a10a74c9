"""How far people agree beyond chance, with intervals; pure functions on arrays.

Ratings are an array (items, raters) of label positions, MISSING where someone did not answer.
All coefficients are for nominal labels. Sources: Cohen 1960 (Educ. Psychol. Meas. 20); Fleiss
1971 (Psychol. Bull. 76), for differing numbers of answers as in Gwet 2014, "Handbook of
Inter-Rater Reliability", 4th ed.; Krippendorff 2011, "Computing Krippendorff's
alpha-reliability"; AC1: Gwet 2008 (Br. J. Math. Stat. Psychol. 61). A coefficient is None where
it is undefined: nobody answered the same item, or only one label was ever given (chance alone
explains all; AC1 alone stays defined there).
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeling.errors import NotEnoughLabels
from trainer.bootstrap import Interval, percentile_interval, resample_groups

MISSING = -1
Ratings = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """A coefficient with its 95% bootstrap interval over items.

    items: those with at least two answers; observed: the plain share of agreeing pairs.
    """

    value: float | None
    interval: Interval | None
    observed: float | None
    items: int


@dataclass(frozen=True)
class RatingsTable:
    """Ratings (items, raters) with what the rows, columns and positions stand for."""

    ratings: Ratings
    items: list[Hashable]
    raters: list[Hashable]
    labels: list[str]


def tabulate(
    answers: Iterable[tuple[Hashable, Hashable, str]], labels: Sequence[str]
) -> RatingsTable:
    """Arrange (item, rater, label) as a table; a later answer of a rater replaces an earlier one.

    Raises NotEnoughLabels for an answer outside `labels`.
    """
    place = {label: number for number, label in enumerate(labels)}
    rows: dict[Hashable, int] = {}
    columns: dict[Hashable, int] = {}
    cells: dict[tuple[int, int], int] = {}
    for item, rater, label in answers:
        if label not in place:
            raise NotEnoughLabels(
                f"answer {label!r} is none of the labels {', '.join(map(repr, labels))}; "
                "compare answers under the label set that they were given with"
            )
        cell = (rows.setdefault(item, len(rows)), columns.setdefault(rater, len(columns)))
        cells[cell] = place[label]
    ratings = np.full((len(rows), len(columns)), MISSING, dtype=np.int64)
    for cell, value in cells.items():
        ratings[cell] = value
    return RatingsTable(ratings, list(rows), list(columns), list(labels))


def cohen_kappa(first: Ratings, second: Ratings, labels: int, **more: int) -> Agreement:
    """Return Cohen's kappa of two raters over the items that both answered.

    first, second (items,): label positions or MISSING. more: seed, resamples.
    """
    both = (first != MISSING) & (second != MISSING)
    cells = first[both] * labels + second[both]

    def coefficient(counts: Values, codes: NDArray[np.int64]) -> tuple[Values, Values]:
        total = counts.sum(axis=-1)
        rows, columns = np.divmod(codes, labels)
        ones = np.eye(labels)
        observed = _ratio(counts @ (rows == columns).astype(np.float64), total)
        chance = _ratio(((counts @ ones[rows]) * (counts @ ones[columns])).sum(axis=-1), total**2)
        return _beyond(observed, chance), observed

    return _with_interval(cells, np.arange(len(cells)), coefficient, items=len(cells), **more)


def fleiss_kappa(ratings: Ratings, labels: int, **more: int) -> Agreement:
    """Return Fleiss' kappa of any number of raters; items may differ in how many answered."""

    def chance(shares: Values) -> Values:
        return np.asarray((shares**2).sum(axis=-1))

    return _of_counts(ratings, labels, _pairwise(chance), **more)


def gwet_ac1(ratings: Ratings, labels: int, **more: int) -> Agreement:
    """Return Gwet's AC1, which stays sensible when nearly all answers are one label."""

    def chance(shares: Values) -> Values:
        return np.asarray((shares * (1 - shares)).sum(axis=-1) / max(labels - 1, 1))

    return _of_counts(ratings, labels, _pairwise(chance), **more)


def krippendorff_alpha(ratings: Ratings, labels: int, **more: int) -> Agreement:
    """Return Krippendorff's alpha for nominal data; items with one answer do not count."""

    def coefficient(weights: Values, counts: Values) -> tuple[Values, Values]:
        answers = counts.sum(axis=1)
        used = weights * (answers >= 2)
        per_label = used @ counts
        total = per_label.sum(axis=-1)
        alike = (counts * (counts - 1)).sum(axis=1) / np.maximum(answers - 1, 1)
        observed = _ratio(used @ alike, total)
        chance = _ratio((per_label * (per_label - 1)).sum(axis=-1), total * (total - 1))
        return _beyond(observed, chance), observed

    return _of_counts(ratings, labels, coefficient, **more)


def one_against_rest(ratings: Ratings, label: int) -> Ratings:
    """Return the ratings as label (1) or not (0): any coefficient of it, with labels=2, is that
    label's own agreement.
    """
    return np.where(ratings == MISSING, MISSING, (ratings == label).astype(np.int64))


def label_counts(ratings: Ratings, labels: int) -> NDArray[np.int64]:
    """Return how often each label was given to each item, (items, labels)."""
    return np.stack([(ratings == label).sum(axis=1) for label in range(labels)], axis=1)


Coefficient = Callable[[Values, Values], tuple[Values, Values]]


def _pairwise(chance: Callable[[Values], Values]) -> Coefficient:
    """Build a coefficient from the share of agreeing pairs and what chance would give."""

    def coefficient(weights: Values, counts: Values) -> tuple[Values, Values]:
        answers = counts.sum(axis=1)
        several = (answers >= 2).astype(np.float64)
        alike = (counts * (counts - 1)).sum(axis=1) / np.maximum(answers * (answers - 1), 1)
        observed = _ratio(weights @ (alike * several), weights @ several)
        some = (answers >= 1).astype(np.float64)
        shares = weights @ (counts / np.maximum(answers, 1)[:, None])
        shares = shares / np.maximum(weights @ some, 1e-300)[..., None]
        return _beyond(observed, chance(shares)), observed

    return coefficient


def _of_counts(ratings: Ratings, labels: int, coefficient: Coefficient, **more: int) -> Agreement:
    """Apply a coefficient that needs only each item's counts; few kinds of item exist."""
    counts = label_counts(ratings, labels)
    counts = counts[counts.sum(axis=1) > 0]
    items = int((counts.sum(axis=1) >= 2).sum())
    if items == 0:
        return Agreement(value=None, interval=None, observed=None, items=0)
    kinds, kind_of = np.unique(counts, axis=0, return_inverse=True)
    table = kinds.astype(np.float64)

    def of_codes(weights: Values, codes: NDArray[np.int64]) -> tuple[Values, Values]:
        return coefficient(weights, table[codes])

    cells = kind_of.reshape(-1).astype(np.int64)
    return _with_interval(cells, np.arange(len(cells)), of_codes, items=items, **more)


def _with_interval(
    cells: NDArray[np.int64],
    groups: NDArray[np.int64],
    coefficient: Callable[[Values, NDArray[np.int64]], tuple[Values, Values]],
    *,
    items: int,
    seed: int = 0,
    resamples: int = 1000,
) -> Agreement:
    """Apply a coefficient to the counts of distinct cells, and to resamples of the items."""
    if len(cells) == 0:
        return Agreement(value=None, interval=None, observed=None, items=0)
    codes, counts = np.unique(cells, return_counts=True)
    value, observed = coefficient(counts.astype(np.float64), codes)
    interval = None
    if resamples and items > 1 and np.isfinite(value):
        drawn = resample_groups(cells, groups, seed=seed, resamples=resamples)
        interval = percentile_interval(coefficient(drawn.counts, drawn.cells)[0])
    return Agreement(_plain(value), interval, _plain(observed), items)


def _ratio(top: Values, bottom: Values) -> Values:
    blank = np.full(np.shape(top), np.nan)
    return np.asarray(np.divide(top, bottom, out=blank, where=np.asarray(bottom) > 0))


def _beyond(observed: Values, chance: Values) -> Values:
    """Return (observed - chance) / (1 - chance), NaN where chance leaves no room."""
    return _ratio(observed - chance, np.where(1 - chance > 1e-12, 1 - chance, 0.0))


def _plain(value: Values) -> float | None:
    return float(value) if np.isfinite(value) else None
