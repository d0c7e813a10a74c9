"""Orders of asking, on small arrays."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.strategies import (
    BY_UNCERTAINTY,
    disagreement,
    entropy,
    in_random_order,
    k_center,
    least_confident,
    least_confident_of,
    margin,
    mix,
)

TABLE = np.array([[0.9, 0.1, 0.0], [0.45, 0.45, 0.1], [0.4, 0.3, 0.3], [0.2, 0.7, 0.1]])


def test_the_least_confident_come_first():
    assert least_confident(TABLE).tolist() == [2, 1, 3, 0]


def test_the_smallest_margin_comes_first():
    assert margin(TABLE).tolist() == [1, 2, 3, 0]


def test_the_highest_entropy_comes_first_and_a_zero_is_no_trouble():
    assert entropy(TABLE).tolist() == [2, 1, 3, 0]


def test_only_rows_predicted_as_a_label_are_ordered():
    assert least_confident_of(TABLE, 0).tolist() == [2, 1, 0]
    assert least_confident_of(TABLE, 2).tolist() == []


def test_rows_on_which_two_versions_differ_most_come_first():
    assert disagreement(TABLE, TABLE[[1, 1, 1, 0]]).tolist()[-1] == 1


@given(
    rows=st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), max_size=20),
    name=st.sampled_from(sorted(BY_UNCERTAINTY)),
)
@settings(max_examples=50, deadline=None)
def test_every_order_is_a_permutation(rows, name):
    table = np.array(rows).reshape(-1, 3)
    table = table / table.sum(1, keepdims=True)
    assert sorted(BY_UNCERTAINTY[name](table).tolist()) == list(range(len(rows)))


def test_ties_keep_their_order():
    assert least_confident(np.full((4, 2), 0.5)).tolist() == [0, 1, 2, 3]


def test_k_center_visits_every_cluster_before_it_returns_to_one():
    rng = np.random.default_rng(0)
    centers = rng.normal(scale=20, size=(6, 8))
    cluster = np.repeat(np.arange(6), 30)
    points = centers[cluster] + rng.normal(size=(180, 8))
    assert set(cluster[k_center(points, 6)]) == set(range(6))
    known = points[cluster < 4]
    assert set(cluster[k_center(points, 2, known=known)]) == {4, 5}


def test_k_center_covers_within_twice_the_best_radius():
    points = np.linspace(0, 1, 101)[:, None]
    picked = points[k_center(points, 4)]
    radius = np.abs(points - picked.T).min(1).max()
    assert radius <= 2 * 0.125 + 0.011


def test_k_center_gives_each_row_once_even_among_twins():
    picked = k_center(np.zeros((5, 3)), 9)
    assert sorted(picked.tolist()) == [0, 1, 2, 3, 4]


def test_random_order_repeats_with_its_seed():
    assert (in_random_order(50, seed=1) == in_random_order(50, seed=1)).all()
    assert (in_random_order(50, seed=1) != in_random_order(50, seed=2)).any()


def test_a_mix_holds_its_shares_and_records_them():
    orders = {"uncertain": (range(10_000), 0.9), "random": (range(10_000)[::-1], 0.1)}
    picked = mix(orders, 2000, seed=4)
    counts = Counter(one.reason for one in picked)
    assert counts["random"] == pytest.approx(200, abs=45)
    assert {one.reason: one.probability for one in picked} == {"uncertain": 0.9, "random": 0.1}
    assert mix(orders, 2000, seed=4) == picked


def test_a_mix_never_asks_twice_and_gives_all_there_is():
    picked = mix({"a": ([0, 1, 2], 0.5), "b": ([2, 1, 3], 0.5), "c": ([9], 0.0)}, 10, seed=0)
    assert sorted(one.row for one in picked) == [0, 1, 2, 3]


def test_an_exhausted_order_passes_its_turn():
    picked = mix({"a": ([0], 0.5), "b": ([1, 2, 3], 0.5)}, 4, seed=0)
    assert len(picked) == 4
    assert picked[-1].probability in (0.5, 1.0)
