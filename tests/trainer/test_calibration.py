"""Temperature scaling: recovers a known temperature, never moves the predicted label."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.calibration import apply_temperature, fit_temperature, softmax
from trainer.errors import DataError


def drawn(seed, n, temperature):
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(n, 4))
    shares = softmax(logits)
    truth = (shares.cumsum(1) < rng.random((n, 1))).sum(1)
    return logits * temperature, np.minimum(truth, 3)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_behind_the_labels_is_found(temperature):
    logits, truth = drawn(1, 20_000, temperature)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.05)


def test_a_few_right_answers_do_not_make_it_certain():
    logits = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    temperature = fit_temperature(logits, np.array([0, 1, 0]))
    assert apply_temperature(logits, temperature).max() < 0.99


def test_without_validation_labels_the_temperature_is_one():
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0)) == 1.0


@given(seed=st.integers(0, 1000), n=st.integers(1, 30), temperature=st.floats(0.05, 20))
@settings(max_examples=50, deadline=None)
def test_scaling_keeps_the_predicted_label_and_rows_sum_to_one(seed, n, temperature):
    logits, _ = drawn(seed, n, 1.0)
    scaled = apply_temperature(logits, temperature)
    assert scaled.dtype == np.float32
    assert scaled.sum(1) == pytest.approx(np.ones(n), abs=1e-5)
    assert (scaled.max(1) == scaled[np.arange(n), logits.argmax(1)]).all()


def test_huge_logits_stay_finite():
    assert softmax(np.array([[1e4, -1e4]])).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(DataError, match="must be above 0"):
        apply_temperature(np.zeros((1, 2)), temperature)


def test_broken_logits_are_refused_with_the_next_step():
    with pytest.raises(DataError, match="learning rate"):
        fit_temperature(np.array([[np.nan, 0.0]]), np.array([0]))
