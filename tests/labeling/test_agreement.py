"""Agreement coefficients against the worked examples of the literature."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.agreement import (
    MISSING,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    one_against_rest,
    tabulate,
)
from labeling.errors import NotEnoughLabels

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: four observers,
# twelve units, missing data. Gwet's irrCAC package ships the same table as cac.raw4raters.
FOUR_OBSERVERS = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]
# The example table of Fleiss' kappa in Wikipedia (ten subjects, fourteen raters, five
# categories), which statsmodels tests against, too.
FOURTEEN_RATERS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip

# Fleiss 1971, "Measuring nominal scale agreement among many raters", table 1: thirty patients,
# six psychiatrists each; depression, personality disorder, schizophrenia, neurosis, other. The
# R package irr ships the same counts as `diagnoses`.
THIRTY_PATIENTS = (
    "00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031 "
    "00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"
)
# The worked example of Wikipedia's "Krippendorff's alpha": three coders, fifteen units.
THREE_CODERS = [
    ". . . . . 3 4 1 2 1 1 3 3 . 3",
    "1 . 2 1 3 3 4 3 . . . . . . .",
    ". . 2 1 3 4 4 . 2 1 1 3 3 . 4",
]


def table_of(lines):
    rows = [[MISSING if v == "." else int(v) - 1 for v in line.split()] for line in lines]
    return np.array(rows).T


def four_observers():
    return table_of(FOUR_OBSERVERS)


def two_raters(table):
    cells = [(a, b) for a, row in enumerate(table) for b, n in enumerate(row) for _ in range(n)]
    return np.array(cells).T


def test_cohen_equals_fleiss_levin_and_paiks_table_18_1():
    # Fleiss, Levin & Paik 2003, "Statistical methods for rates and proportions", table 18.1:
    # 100 subjects, psychotic / neurotic / organic, kappa = 0.676.
    first, second = two_raters([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    found = cohen_kappa(first, second, 3)
    assert found.value == pytest.approx(0.676, abs=5e-4)
    assert found.observed == pytest.approx(0.89)
    assert found.items == 100


def test_cohen_equals_cohens_own_example():
    # Cohen 1960, "A coefficient of agreement for nominal scales": 200 patients, kappa = .492.
    first, second = two_raters([[88, 10, 2], [14, 40, 6], [18, 10, 12]])
    found = cohen_kappa(first, second, 3)
    assert found.value == pytest.approx(0.492, abs=5e-4)
    assert found.observed == pytest.approx(0.70)


def test_fleiss_equals_fleiss_own_example():
    ratings = np.array(
        [np.repeat(np.arange(5), [int(n) for n in row]) for row in THIRTY_PATIENTS.split()]
    )
    assert fleiss_kappa(ratings, 5).value == pytest.approx(0.430, abs=5e-4)


def test_alpha_equals_the_three_coders_example():
    found = krippendorff_alpha(table_of(THREE_CODERS), 4)
    assert found.value == pytest.approx(0.691, abs=5e-4)
    assert found.items == 12


def test_fleiss_equals_the_fourteen_raters_example():
    ratings = np.array([np.repeat(np.arange(5), row) for row in FOURTEEN_RATERS])
    found = fleiss_kappa(ratings, 5)
    assert found.value == pytest.approx(0.210, abs=5e-4)
    assert found.observed == pytest.approx(0.378, abs=5e-4)


def test_krippendorffs_alpha_equals_his_example_with_missing_data():
    found = krippendorff_alpha(four_observers(), 5)
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.items == 11


def test_gwets_ac1_and_generalised_fleiss_equal_gwets_own_package():
    # irrCAC's documented results for cac.raw4raters: AC1 0.77544, Fleiss 0.76117.
    assert gwet_ac1(four_observers(), 5).value == pytest.approx(0.77544, abs=5e-6)
    assert fleiss_kappa(four_observers(), 5).value == pytest.approx(0.76117, abs=5e-6)


def test_ac1_stands_where_kappa_falls_into_its_paradox():
    # Gwet 2002, "Kappa statistic is not satisfactory for assessing the extent of agreement",
    # 125 subjects: 118 yes-yes, 5 yes-no, 2 no-yes. Kappa -0.0234, AC1 0.9408.
    first, second = two_raters([[118, 5], [2, 0]])
    assert cohen_kappa(first, second, 2).value == pytest.approx(-0.0234, abs=5e-5)
    both = np.stack([first, second], axis=1)
    assert gwet_ac1(both, 2).value == pytest.approx(0.9408, abs=5e-5)


def test_cohens_kappa_equals_scikit_learns():
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 200)
    second = np.where(rng.random(200) < 0.5, first, rng.integers(0, 4, 200))
    assert cohen_kappa(first, second, 4).value == pytest.approx(cohen_kappa_score(first, second))


def test_intervals_hold_the_value_and_repeat_with_the_seed():
    for coefficient in (fleiss_kappa, krippendorff_alpha, gwet_ac1):
        found = coefficient(four_observers(), 5, seed=3)
        assert found.interval[0] < found.value < found.interval[1]
        assert coefficient(four_observers(), 5, seed=3) == found


def test_ten_times_the_items_narrow_the_interval_by_root_ten():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (2000, 1))
    ratings = np.where(rng.random((2000, 3)) < 0.8, truth, rng.integers(0, 3, (2000, 3)))
    widths = [np.diff(fleiss_kappa(part, 3).interval)[0] for part in (ratings[:200], ratings)]
    assert widths[0] / widths[1] == pytest.approx(10**0.5, rel=0.25)


def test_one_label_only_leaves_kappa_and_alpha_undefined_but_not_ac1():
    ratings = np.zeros((5, 3), dtype=int)
    assert cohen_kappa(ratings[:, 0], ratings[:, 1], 2).value is None
    assert krippendorff_alpha(ratings, 2).value is None
    assert fleiss_kappa(ratings, 2).value is None
    assert gwet_ac1(ratings, 2).value == 1.0


def test_without_items_answered_twice_nothing_is_claimed():
    ratings = np.array([[0, MISSING], [MISSING, 1]])
    for coefficient in (fleiss_kappa, krippendorff_alpha, gwet_ac1):
        assert coefficient(ratings, 2).value is None
    nobody = cohen_kappa(ratings[:, 0], ratings[:, 1], 2)
    assert (nobody.value, nobody.items) == (None, 0)


def test_a_labels_own_agreement_is_that_of_label_or_not():
    ratings = np.array([[0, 0], [1, 2], [2, 1], [0, 0], [1, 1], [2, MISSING]])
    own = one_against_rest(ratings, 0)
    assert own.tolist() == [[1, 1], [0, 0], [0, 0], [1, 1], [0, 0], [0, MISSING]]
    assert krippendorff_alpha(own, 2).value == 1.0


def test_answers_are_tabulated_the_latest_of_a_rater_counting():
    table = tabulate([("t1", "ann", "x"), ("t2", "bob", "y"), ("t1", "ann", "y")], ["x", "y"])
    assert table.ratings.tolist() == [[1, MISSING], [MISSING, 1]]
    assert table.items == ["t1", "t2"]
    assert table.raters == ["ann", "bob"]
    with pytest.raises(NotEnoughLabels, match="'z' is none of the labels"):
        tabulate([("t1", "ann", "z")], ["x", "y"])


@given(
    rows=st.lists(st.lists(st.integers(-1, 2), min_size=3, max_size=3), min_size=1, max_size=25),
    order=st.permutations([0, 1, 2]),
)
@settings(max_examples=80, deadline=None)
def test_coefficients_never_pass_one_and_do_not_care_who_is_who(rows, order):
    ratings = np.array(rows)
    for coefficient in (fleiss_kappa, krippendorff_alpha, gwet_ac1):
        found = coefficient(ratings, 3, resamples=30)
        assert found.value is None or found.value <= 1 + 1e-9
        shuffled = coefficient(ratings[:, order], 3, resamples=30)
        assert (found.value is None) == (shuffled.value is None)
        if found.value is not None:
            assert found.value == pytest.approx(shuffled.value)
