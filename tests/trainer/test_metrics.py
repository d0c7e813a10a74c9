"""Scores against scikit-learn and by hand; intervals that respect duplicate groups."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from trainer.bootstrap import resample_groups, wilson_interval
from trainer.errors import DataError
from trainer.metrics import Metrics, errors_by_confidence, evaluate

LABELS = ["-1", "0", "1", "2"]


def random_case(seed, n=400, skill=2.0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n)
    logits = rng.normal(size=(n, 4))
    logits[np.arange(n), truth] += skill
    shares = np.exp(logits)
    return (shares / shares.sum(1, keepdims=True)).astype(np.float32), truth


def named(indexes):
    return [LABELS[index] for index in indexes]


def test_scores_equal_those_of_scikit_learn():
    probabilities, truth = random_case(1)
    found = evaluate(probabilities, named(truth), LABELS, groups=range(400), resamples=0)
    predicted = probabilities.argmax(1)
    assert found.accuracy == pytest.approx(sklearn_metrics.accuracy_score(truth, predicted))
    for average in ("macro", "weighted"):
        expected = sklearn_metrics.f1_score(truth, predicted, average=average)
        assert getattr(found, f"{average}_f1") == pytest.approx(expected)
    table = sklearn_metrics.precision_recall_fscore_support(truth, predicted)
    for place, label in enumerate(LABELS):
        scores = found.per_class[label]
        own = (scores.precision, scores.recall, scores.f1, scores.support)
        assert own == pytest.approx([column[place] for column in table])
    assert found.log_loss == pytest.approx(sklearn_metrics.log_loss(truth, probabilities), rel=1e-5)
    assert found.confusion == sklearn_metrics.confusion_matrix(truth, predicted).tolist()


def test_a_label_without_support_has_no_score_and_leaves_the_macro_average():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.1, 0.1, 0.8]])
    found = evaluate(probabilities, ["a", "b", "b"], ["a", "b", "c"], groups=[1, 2, 3])
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert stored["per_class"]["c"] == {
        "precision": None, "recall": None, "f1": None, "support": 0, "recall_interval": None
    }  # fmt: skip
    assert found.macro_f1 == pytest.approx((1 + 2 / 3) / 2)


def test_a_label_that_is_never_predicted_has_precision_zero():
    found = evaluate(np.array([[0.9, 0.1], [0.9, 0.1]]), ["a", "b"], ["a", "b"], groups=[1, 2])
    assert found.per_class["b"].precision == 0
    assert found.per_class["b"].f1 == 0


def test_metrics_survive_a_trip_through_json():
    probabilities, truth = random_case(2)
    found = evaluate(
        probabilities, named(truth), LABELS, groups=range(400), split="test", split_method="drawn"
    )
    assert Metrics.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_the_interval_surrounds_the_score_and_is_the_same_for_the_same_seed():
    probabilities, truth = random_case(3)
    found = evaluate(probabilities, named(truth), LABELS, groups=range(400), seed=5)
    again = evaluate(probabilities, named(truth), LABELS, groups=range(400), seed=5)
    assert again == found
    for name in ("accuracy", "macro_f1", "weighted_f1"):
        low, high = found.intervals[name]
        assert low < getattr(found, name) < high


def test_the_accuracy_interval_is_as_wide_as_theory_says():
    probabilities, truth = random_case(4, n=2000)
    found = evaluate(probabilities, named(truth), LABELS, groups=range(2000), resamples=4000)
    low, high = found.intervals["accuracy"]
    expected = 2 * 1.96 * math.sqrt(found.accuracy * (1 - found.accuracy) / 2000)
    assert high - low == pytest.approx(expected, rel=0.08)


def test_tweets_of_one_group_count_as_one_when_the_interval_is_drawn():
    probabilities, truth = random_case(5, n=200)
    repeated = np.repeat(probabilities, 9, axis=0)
    labels = named(np.repeat(truth, 9))
    grouped = evaluate(repeated, labels, LABELS, groups=np.repeat(np.arange(200), 9))
    apart = evaluate(repeated, labels, LABELS, groups=np.arange(1800))
    widths = [ends[1] - ends[0] for ends in (m.intervals["macro_f1"] for m in (grouped, apart))]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.2)


def test_perfect_scores_do_not_claim_to_be_certain():
    found = evaluate(np.eye(2), ["a", "b"], ["a", "b"], groups=[1, 2])
    assert found.intervals["macro_f1"] == wilson_interval(1.0, 2)
    assert found.per_class["a"].recall_interval == wilson_interval(1.0, 1)


def test_wilson_interval_equals_the_textbook_value():
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I:
    # 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611.
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_resampled_groups_match_a_plain_loop_in_mean_and_spread():
    rng = np.random.default_rng(0)
    cells, groups = rng.integers(0, 5, 300), rng.integers(0, 120, 300)
    fast = resample_groups(cells, groups, seed=1, resamples=4000)
    table = np.zeros((120, 5))
    np.add.at(table, (groups, cells), 1)
    table = table[table.sum(1) > 0]
    slow = np.stack([table[rng.integers(0, len(table), len(table))].sum(0) for _ in range(4000)])
    assert fast.counts.mean(0) == pytest.approx(slow.mean(0), rel=0.02)
    assert fast.counts.std(0) == pytest.approx(slow.std(0), rel=0.06)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=60
    )
)
@settings(max_examples=60, deadline=None)
def test_any_labelled_split_gives_finite_json_and_ordered_intervals(rows):
    truth, predicted, groups = zip(*rows, strict=True)
    probabilities = np.full((len(rows), 4), 0.1)
    probabilities[np.arange(len(rows)), list(predicted)] = 0.7
    found = evaluate(probabilities, named(truth), LABELS, groups=groups, resamples=50)
    json.dumps(found.to_json(), allow_nan=False)
    assert sum(map(sum, found.confusion)) == found.n == sum(b.count for b in found.reliability)
    assert 0 <= found.macro_f1 <= 1
    for ends in found.intervals.values():
        assert 0 <= ends[0] <= ends[1] <= 1


def test_calibration_error_is_the_weighted_gap_between_confidence_and_accuracy():
    probabilities = np.array([[0.9, 0.1]] * 10)
    found = evaluate(probabilities, ["a"] * 7 + ["b"] * 3, ["a", "b"], groups=range(10))
    assert found.ece == pytest.approx(0.2)
    assert [b.count for b in found.reliability if b.count] == [10]


def test_errors_come_most_confident_first():
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    assert errors_by_confidence(probabilities, np.array([1, 1, 1, 0])).tolist() == [1, 3, 0]


@pytest.mark.parametrize(
    "probabilities, truth, message",
    [
        (np.zeros((0, 2)), [], "at least one row"),
        (np.array([[0.5, 0.3, 0.2]]), ["a"], "2 columns"),
        (np.array([[3.0, -2.0]]), ["a"], "apply softmax"),
        (np.array([[np.nan, 0.5]]), ["a"], "row 0"),
        (np.array([[0.5, 0.5]]), ["z"], "label 'z' is unknown"),
        (np.array([[0.5, 0.5]]), ["a", "b"], "one of each per tweet"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_the_reason(probabilities, truth, message):
    with pytest.raises(DataError, match=message):
        evaluate(probabilities, truth, ["a", "b"], groups=[1] * len(probabilities))


@pytest.mark.parametrize("module", ["metrics", "splits", "calibration", "compare"])
def test_importing_the_numbers_does_not_import_torch_or_scikit_learn(module):
    code = f"import sys, trainer.{module}; print({{'torch', 'sklearn'}} & set(sys.modules))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert shown.strip() == "set()"
