"""The comparison against scipy and by hand, and the gate's rule."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from trainer.compare import compare, exact_mcnemar
from trainer.errors import DataError

LABELS = ["a", "b"]


def surely(predicted, width=2):
    table = np.full((len(predicted), width), 0.1 / (width - 1))
    table[np.arange(len(predicted)), predicted] = 0.9
    return table


def compared(candidate, current, truth, groups=None, **more):
    groups = range(len(truth)) if groups is None else groups
    names = [LABELS[index] for index in truth]
    ids = [100 + row for row in range(len(truth))]
    return compare(surely(candidate), surely(current), names, groups, LABELS, ids, **more)


@given(fixed=st.integers(0, 60), broken=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_mcnemar_equals_scipys_exact_binomial_test(fixed, broken):
    expected = binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert exact_mcnemar(fixed, broken) == pytest.approx(expected, abs=1e-9)


def test_mcnemar_of_a_large_test_split_is_finite():
    assert 0 < exact_mcnemar(3000, 2700) < 1e-4


def test_what_is_fixed_and_broken_is_named():
    found = compared(candidate=[0, 1, 1, 0], current=[0, 0, 1, 1], truth=[0, 1, 1, 1])
    assert found.fixed == [101]
    assert found.broken == [103]
    assert found.negative_flip_rate == 0.25
    assert found.mcnemar_p == 1.0


def test_the_difference_is_that_of_the_macro_f1_scores_and_its_interval_holds_it():
    rng = np.random.default_rng(0)
    truth, better, worse = (rng.integers(0, 2, 500) for _ in range(3))
    better = np.where(rng.random(500) < 0.6, truth, better)
    found = compared(better, worse, truth)
    expected = f1_score(truth, better, average="macro") - f1_score(truth, worse, average="macro")
    assert found.difference.macro_f1 == pytest.approx(expected)
    assert found.difference.interval[0] < expected < found.difference.interval[1]
    assert found.passes
    assert found.reasons == []


def test_pairing_makes_the_interval_of_nearly_equal_classifiers_narrow():
    rng = np.random.default_rng(1)
    truth, same = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    changed = same.copy()
    changed[:4] = 1 - changed[:4]
    low, high = compared(changed, same, truth).difference.accuracy_interval
    assert high - low < 0.025


def test_equal_classifiers_do_not_pass_because_nothing_rises():
    found = compared([0, 1, 1], [0, 1, 1], [0, 1, 0])
    assert not found.passes
    assert found.reasons == ["macro-F1 does not rise (+0.000)"]
    assert found.difference.interval == (0.0, 0.0)


def test_a_label_that_surely_loses_recall_stops_promotion_though_macro_f1_rises():
    truth = [0] * 100 + [1] * 100
    current = [0] * 100 + [1] * 40 + [0] * 60
    candidate = [0] * 85 + [1] * 15 + [1] * 90 + [0] * 10
    found = compared(candidate, current, truth)
    assert found.difference.macro_f1 > 0
    assert not found.passes
    assert "recall of label 'a' falls by 0.150" in found.reasons[0]
    assert found.per_label["b"].change == pytest.approx(0.5)


def test_a_fall_that_one_duplicate_group_explains_does_not_stop_promotion():
    truth = [0] * 100 + [1] * 100
    current = [0] * 100 + [1] * 40 + [0] * 60
    candidate = [0] * 85 + [1] * 15 + [1] * 90 + [0] * 10
    groups = list(range(85)) + [999] * 15 + list(range(100, 200))
    assert compared(candidate, current, truth, groups).passes


def test_a_label_without_test_tweets_is_left_open_in_json():
    found = compared([0, 0], [0, 1], [0, 0])
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert stored["per_label"]["b"]["change"] is None
    assert stored["per_label"]["a"]["change"] == 0.5


def test_scores_of_different_tweets_cannot_be_compared():
    with pytest.raises(DataError, match="both must score the same tweets"):
        compare(surely([0, 1]), surely([0]), ["a", "b"], [1, 2], LABELS, [1, 2])
