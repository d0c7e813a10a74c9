"""What the train page recommends follows from what was measured."""

import pytest

from trainer.advice import MANY, MEASURED, advise


def test_without_labels_there_is_nothing_to_recommend():
    assert advise({}) is None
    assert advise({"1": 0, "2": 0}) is None


@pytest.mark.parametrize("each", [1, 8, 20, 64, 300, 5000])
def test_the_sentence_names_the_better_kind_and_both_scores(each):
    advice = advise({"-1": each, "1": each})
    assert advice is not None
    nearest = max((n for n in MEASURED if n <= each * 1.4), default=min(MEASURED))
    scores = MEASURED[nearest]
    assert scores[advice.kind] >= max(scores["probe"], scores["fine_tuned"]) - 0.011
    assert f"{scores['probe']:.2f}" in advice.sentence
    assert f"{scores['fine_tuned']:.2f}" in advice.sentence


@pytest.mark.parametrize(("each", "close"), [(8, True), (16, True), (32, False), (5000, False)])
def test_a_close_call_is_said_to_be_one(each, close):
    advice = advise({"-1": each, "1": each})
    assert advice is not None
    assert (advice.kind == "probe") is close
    assert ("within 0.01, and it takes seconds" in advice.sentence) is close


def test_the_measurement_covers_few_labels_and_many():
    assert min(MEASURED) == 8
    assert max(MEASURED) == MANY
    assert all({"probe", "fine_tuned"} <= set(scores) for scores in MEASURED.values())
