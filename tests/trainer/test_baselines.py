"""The yardsticks, the flattery of a random split, and the learning curve, on small made-up data."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.baselines import baselines, majority_baseline, tfidf_baseline
from trainer.config import TrainConfig
from trainer.data import Example
from trainer.errors import Cancelled, DataError, TooFewLabelsError
from trainer.leakage import measure_leakage
from trainer.learning_curve import (
    PowerLaw,
    fit_power_law,
    growing_counts,
    measure_curve,
)
from trainer.probe_watch import Labelled
from trainer.studies import study_curve, study_fine_tuned_curve, study_leakage

WORDS = {"a": "warm hot summer sun", "b": "cold winter ice snow"}


def examples(n=200, labels="ab"):
    rng = np.random.default_rng(0)
    found = []
    for number in range(n):
        label = labels[int(rng.random() < 0.3) % len(labels)]
        text = " ".join(rng.choice(WORDS[label].split(), 3)) + f" day {number}"
        split = ("train", "train", "train", "validation", "test")[number % 5]
        found.append(Example(number, text, label, split, number))
    return found


def test_the_majority_baseline_answers_one_label():
    found = majority_baseline(examples(), ["a", "b"])
    assert [sum(column) for column in zip(*found.confusion, strict=True)] == [found.n, 0]
    assert found.per_class["b"].recall == 0
    assert found.split == "test"


def test_tfidf_learns_words_and_is_scored_with_intervals():
    found = tfidf_baseline(examples(), ["a", "b"])
    assert found.macro_f1 > 0.95
    assert found.intervals["macro_f1"] is not None
    assert tfidf_baseline(examples(), ["a", "b"]) == found


def test_a_label_that_training_lacks_has_probability_zero():
    known = examples()
    strange = Example(999, "sand", "c", "test", 999)
    found = tfidf_baseline([*known, strange], ["c", "a", "b"])
    assert found.per_class["c"].recall == 0


def test_baselines_say_what_is_missing():
    with pytest.raises(DataError, match="0 in test"):
        majority_baseline([e for e in examples() if e.split != "test"], ["a", "b"])
    with pytest.raises(DataError, match="carry 'a'; label some of another kind"):
        tfidf_baseline(examples(labels="a"), ["a", "b"])


def copies(distinct=120, times=5):
    """Noise whose copies share a label: only having seen a copy helps."""
    rng = np.random.default_rng(1)
    vectors = np.repeat(rng.normal(size=(distinct, 64)), times, axis=0).astype(np.float32)
    targets = np.repeat(rng.integers(0, 2, distinct), times)
    groups = np.repeat(np.arange(distinct), times)
    return Labelled(vectors, targets, groups, np.ones(len(targets), np.float32))


def test_a_random_split_flatters_where_tweets_are_copies():
    config = TrainConfig(kind="probe", probe_l2=1e-4)
    found = measure_leakage(copies(), ["a", "b"], config, seeds=(0, 1))
    assert found.random.mean > found.grouped.mean + 0.2
    assert found.flattery == pytest.approx(found.random.mean - found.grouped.mean)
    assert found.grouped.seen == 0
    assert found.grouped.straddling == 0
    assert found.random.seen > 0.9
    json.dumps(found.to_json(), allow_nan=False)


def saturating(rows, seed):
    return 0.8 - 2.0 * len(rows) ** -0.5 + 0.002 * seed


def test_the_curve_finds_the_law_behind_the_scores_and_foretells_the_gain():
    curve = measure_curve(
        np.arange(2000), saturating, counts=growing_counts(2000, 4), seeds=(0, 1, 2)
    )
    assert curve.law.ceiling == pytest.approx(0.802, abs=0.01)
    truth = saturating(range(2500), 0) - saturating(range(2000), 0)
    gain = curve.gain_from(500)
    assert gain.value == pytest.approx(truth, abs=0.002)
    assert gain.low <= gain.value <= gain.high
    assert curve.score_at(2000).high - curve.score_at(2000).low < 0.01
    stored = json.loads(json.dumps(curve.to_json(), allow_nan=False))
    assert stored["points"][-1]["labels"] == 2000
    assert stored["gain"]["value"] == gain.value


@given(values=st.lists(st.floats(0, 1), min_size=4, max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_scores_give_a_law_that_never_falls_nor_passes_one(values):
    counts = [32 * 2**place for place in range(len(values))]
    law = fit_power_law(counts, values)
    drawn = [law.at(count) for count in [*counts, 10**6]]
    assert drawn == sorted(drawn)
    assert max(drawn) <= 1 + 1e-9


def test_falling_scores_give_a_flat_law():
    law = fit_power_law([10, 20, 40, 80], [0.9, 0.8, 0.7, 0.6])
    assert law == PowerLaw(pytest.approx(0.75), 0.0, 1.0)


def test_duplicates_enter_the_curve_together():
    groups = np.repeat(np.arange(50), 4)
    seen = []
    measure_curve(groups, lambda rows, seed: seen.append(rows) or 0.5, counts=[40], seeds=(7,))
    assert all((groups == group).sum() == 4 for group in groups[seen[0]])
    assert len(set(groups[seen[0]])) == 10


def test_few_points_are_shown_without_a_law():
    curve = measure_curve(np.arange(50), saturating, counts=[20, 50], seeds=(0,))
    assert curve.law is None
    assert curve.gain_from(500) is None
    assert curve.to_json()["gain"] is None


def test_a_curve_beyond_the_labels_is_refused_and_a_stop_is_heard():
    with pytest.raises(TooFewLabelsError, match="there are 10"):
        measure_curve(np.arange(10), saturating, counts=[20])
    with pytest.raises(Cancelled):
        measure_curve(np.arange(10), saturating, counts=[5], should_stop=lambda: True)


def test_counts_grow_to_all_labels():
    assert growing_counts(12_000, 4)[-1] == 12_000
    assert growing_counts(20, 4) == [20]


def test_texts_without_a_word_leave_the_majority_as_the_only_yardstick():
    signs = [replace(e, text="🔥🔥" if e.label == "a" else "🙂") for e in examples()]
    assert list(baselines(signs, ["a", "b"])) == ["majority"]
    assert list(baselines(examples(), ["a", "b"])) == ["majority", "tfidf"]
    only_test = [replace(e, split="test") for e in examples()]
    assert baselines(only_test, ["a", "b"]) == {}


def test_studies_say_what_they_lack(tmp_path, quick):
    asked = {"cache": tmp_path, "seeds": range(3)}
    with pytest.raises(DataError, match="too few to split"):
        study_leakage(examples(10), ["a", "b"], quick, **asked)
    for lacking, name in (("train", "training"), ("validation", "validation")):
        some = [e for e in examples() if e.split != lacking]
        for study in (study_curve, partial(study_fine_tuned_curve, work=tmp_path / "w")):
            with pytest.raises(DataError, match=f"the {name} split holds no label"):
                study(some, ["a", "b"], quick, **asked)
    for study in (study_leakage, study_curve):
        with pytest.raises(DataError, match="seed"):
            study(examples(), ["a", "b"], quick, cache=tmp_path, seeds=range(0))
