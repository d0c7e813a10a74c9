"""Close calls are computed again, nearest first, as far as rounding is seen to reach."""

import numpy as np
import pytest

from trainer.close_calls import FEW, close_calls, settle


def test_close_calls_come_nearest_first_and_are_near_for_the_usual_span():
    logits = np.array([[0, 2, 1.9], [0, 2, 1.75], [5, 5, 5], [1.0, 0, 0.98]], dtype=np.float32)
    rows, margins = close_calls(logits)
    assert rows.tolist() == [2, 3, 0]  # spans are 1.5 in the middle
    assert margins == pytest.approx([0, 0.02, 0.1], rel=1e-3)


def test_of_two_labels_close_calls_are_computed_too():
    random = np.random.default_rng(1)
    exact = random.normal(0, 1, (4000, 2)).astype(np.float32)
    rounded = (exact + random.normal(0, 0.01, exact.shape)).astype(np.float32)
    found, asked = settled(exact, rounded)
    swapped = (rounded.argmax(1) != exact.argmax(1)).sum()
    assert swapped >= 10
    assert (found.argmax(1) != exact.argmax(1)).sum() <= swapped / 4
    assert sum(map(len, asked)) < 200


def spread(texts, rounding, *, seed=0):
    """Exact and rounded logits (texts, 3), many of them close calls."""
    random = np.random.default_rng(seed)
    exact = np.stack([np.full(texts, 4.0), 4 + random.normal(0, 0.05, texts), np.zeros(texts)], 1)
    rounded = exact + random.normal(0, rounding, exact.shape)
    return exact.astype(np.float32), rounded.astype(np.float32)


def settled(exact, rounded):
    asked = []

    def exactly(rows):
        asked.append(rows.tolist())
        return exact[rows]

    found = settle(rounded, exactly)
    again = sorted(row for rows in asked for row in rows)
    assert len(again) == len(set(again))
    assert (found[again] == exact[again]).all()
    kept = np.setdiff1d(np.arange(len(exact)), again)
    assert (found[kept] == rounded[kept]).all()
    return found, asked


@pytest.mark.parametrize("rounding", [0.0005, 0.004])
def test_the_more_rounding_moves_the_more_are_computed_until_hardly_a_label_changes(rounding):
    before = after = again = 0
    for seed in range(5):
        exact, rounded = spread(4000, rounding, seed=seed)
        found, asked = settled(exact, rounded)
        before += (rounded.argmax(1) != exact.argmax(1)).sum()
        after += (found.argmax(1) != exact.argmax(1)).sum()
        again += sum(map(len, asked))
        assert len(asked) > 1
    assert after <= before / 10
    assert before <= again <= 10 * before


def test_few_are_computed_where_rounding_does_nothing():
    exact, _ = spread(4000, 0)
    _, asked = settled(exact, exact.copy())
    assert [len(rows) for rows in asked] == [FEW]


def test_no_call_is_close_and_nothing_is_computed():
    sure = np.array([[0, 5, 1], [4, 0, 0]], dtype=np.float32)
    assert settled(sure, sure.copy())[1] == []
    assert settle(np.empty((0, 4), dtype=np.float32), lambda rows: 1 / 0).shape == (0, 4)


def test_a_text_that_comes_a_hundred_times_tells_of_rounding_once():
    exact, rounded = spread(400, 0.004)
    exact = np.concatenate([np.tile(np.float32([[4, 4 - 1e-6, 0]]), (100, 1)), exact])
    rounded = np.concatenate([exact[:100], rounded])
    _, asked = settled(exact, rounded)
    assert len(asked[0]) == 100 + FEW - 1
