"""Splits: fixed per group, stratified, near their shares, the same for one seed."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.errors import DataError
from trainer.splits import (
    SplitDrawer,
    SplitShares,
    check_shares,
    split_at_random,
    split_by_group,
    straddling_groups,
)

keys = st.lists(
    st.tuples(st.text(max_size=6), st.sampled_from(["-1", "0", None])), max_size=80,
    unique_by=lambda pair: pair[0],
)  # fmt: skip


@given(groups=keys, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_draw_depends_on_the_keys_and_the_seed_not_on_their_order(groups, seed):
    forward = SplitDrawer(seed, SplitShares()).draw(groups)
    backward = SplitDrawer(seed, SplitShares()).draw(groups[::-1])
    assert forward == backward[::-1]


@given(
    groups=keys, validation=st.floats(0.0, 0.4), test=st.floats(0.0, 0.4), part=st.integers(0, 80)
)
@settings(max_examples=60, deadline=None)
def test_every_stratum_keeps_within_a_group_or_so_of_its_shares(groups, validation, test, part):
    shares = SplitShares(validation, test)
    drawer = SplitDrawer(1, shares)
    drawer.draw(groups[:part])
    drawer.draw(groups[part:])
    for counts in drawer.counts.values():
        total = sum(counts.values())
        for split, have in counts.items():
            assert abs(have - shares.of(split) * total) < 2


def test_a_later_draw_tops_up_what_earlier_imports_hold():
    drawer = SplitDrawer(1, SplitShares(), {"1": {"train": 100, "validation": 0, "test": 0}})
    drawn = Counter(drawer.draw([(str(n), "1") for n in range(25)]))
    assert drawn["validation"] >= 12
    assert drawn["test"] >= 12


def test_a_repeated_key_is_one_group():
    drawer = SplitDrawer(1, SplitShares())
    drawn = drawer.draw([("a", "1"), ("b", "1"), ("a", "1")])
    assert drawn[0] == drawn[2]
    assert sum(drawer.counts["1"].values()) == 2


def test_another_seed_draws_other_groups():
    groups = [(str(n), None) for n in range(100)]
    assert SplitDrawer(1, SplitShares()).draw(groups) != SplitDrawer(2, SplitShares()).draw(groups)


def test_a_share_of_zero_gets_nothing():
    drawn = SplitDrawer(1, SplitShares(validation=0.0, test=0.3)).draw(
        [(str(n), None) for n in range(50)]
    )
    assert Counter(drawn) == {"train": 35, "test": 15}


def test_groups_never_straddle_and_labels_are_stratified():
    groups = [n // 3 for n in range(900)]
    labels = ["0" if n % 10 else "1" for n in range(900)]
    splits = split_by_group(groups, labels, shares=SplitShares(), seed=3)
    assert straddling_groups(groups, splits) == []
    shares = Counter(zip(labels, splits, strict=True))
    assert shares["0", "test"] == pytest.approx(81, abs=6)


def test_a_random_split_straddles_groups():
    groups = [n // 3 for n in range(900)]
    assert straddling_groups(groups, split_at_random(900, shares=SplitShares(), seed=3))


def test_shares_that_leave_no_training_are_refused():
    with pytest.raises(DataError, match="leave no share for training"):
        SplitShares(0.5, 0.5)


def test_shares_that_are_off_are_named():
    counts = {
        "1": {"train": 80, "validation": 10, "test": 10},
        "2": {"train": 95, "validation": 0, "test": 5},
        None: {"train": 4, "validation": 1, "test": 0},
    }
    problems = check_shares(counts, SplitShares(), tolerance=0.06)
    assert [problem.split(":")[0] for problem in problems] == [
        "label '2'", "label '2'", "unlabelled groups"
    ]  # fmt: skip
