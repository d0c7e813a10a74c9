"""The simulation of queue orders, on a small made-up corpus."""

import numpy as np
import pytest

from benchmarks.simulation import ORDERS, Corpus, Setting, needed, simulate
from trainer.ngrams import hashed_counts
from trainer.probe_watch import Labelled


def corpus(n=80, copies=2):
    rng = np.random.default_rng(0)
    targets = np.repeat(rng.integers(0, 2, n), copies)
    vectors = rng.normal(size=(n * copies, 8)).astype(np.float32)
    vectors[:, 0] += 4 * targets
    data = Labelled(
        vectors, targets, np.repeat(np.arange(n), copies), np.ones(n * copies, np.float32)
    )
    texts = [f"tweet {number // copies} of many" for number in range(n * copies)]
    return Corpus(data, hashed_counts(texts), ["a", "b"])


@pytest.mark.parametrize(
    "order, grouped", [*((order, True) for order in ORDERS), ("random", False)]
)
def test_every_order_asks_until_nothing_is_left_and_learns(order, grouped):
    made = corpus()
    setting = Setting(order, grouped, seed=1, batch=40, most=1000)
    curve = simulate(made, made, setting)
    askable = 80 if grouped else 160
    assert [count for count, _ in curve] == list(range(40, askable + 1, 40))
    assert curve[-1][1] > 0.85
    assert curve == simulate(made, made, setting)


def test_one_lucky_batch_does_not_count_as_reached():
    curve = [(50, 0.2), (100, 0.9), (150, 0.2), (200, 0.6), (250, 0.6), (300, 0.7)]
    assert needed(curve, 0.6) == 300
    assert needed(curve, 0.8) is None
