"""The words a prediction hangs on are found."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.errors import DataError
from trainer.explain import explain
from trainer.train import train


class OneWord:
    """Certain of "yes" when the text says so."""

    label_map = ("no", "yes")

    def probabilities(self, texts):
        yes = np.array([0.9 if "good" in text.split() else 0.2 for text in texts])
        return np.stack([1 - yes, yes], axis=1).astype(np.float32)


def test_the_word_that_decides_has_the_weight():
    weights = explain(OneWord(), "a good  day")
    assert [(w.word, w.start, w.end) for w in weights] == [
        ("a", 0, 1),
        ("good", 2, 6),
        ("day", 8, 11),
    ]
    assert [round(w.weight, 3) for w in weights] == [0, 0.7, 0]


def test_another_label_can_be_asked_about():
    classifier = OneWord()
    classifier.label_map = ["no", "yes"]
    assert explain(classifier, "good", label="no")[0].weight == pytest.approx(-0.7)
    with pytest.raises(DataError, match="'maybe' is not one of"):
        explain(classifier, "good", label="maybe")


def test_a_blank_text_is_refused():
    with pytest.raises(DataError, match="blank"):
        explain(OneWord(), " \n")


def test_a_trained_classifier_is_explained_by_its_own_words(quick, examples, labels, tmp_path):
    config = replace(quick, kind="probe")
    trained = train(examples, labels, config, work=tmp_path, cache=tmp_path)
    weights = explain(trained.classifier, "the climate hoax is a scam lie")
    assert len(weights) == 7
    assert all(-1 <= weight.weight <= 1 for weight in weights)
