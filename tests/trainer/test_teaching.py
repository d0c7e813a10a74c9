"""While labels are few, the quick model's opinion of unlabelled tweets is learnt, too."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_models import make_examples

from trainer.callbacks import NullCallbacks
from trainer.config import LABELS_ENOUGH
from trainer.finetune import KNOWN_SHARE, known_share
from trainer.teaching import SURE, sharpened, teach
from trainer.train import train

VALUES = ["-1", "0", "1", "2"]


@pytest.fixture
def few():
    """Two labels of a class to learn from, and plenty to be judged on."""
    known = make_examples(200, seed=5)
    training = [replace(e, split="train") for e in known[:8]]
    judged = [replace(e, split="test") for e in known[8:]]
    return [*training, *judged], [e.text for e in make_examples(400, seed=9)]


def test_a_hesitant_teacher_speaks_up_without_changing_its_mind():
    logits = np.random.default_rng(0).normal(0, 0.05, (500, 4)).astype(np.float32)
    told = sharpened(logits)
    assert (told.argmax(1) == logits.argmax(1)).all()
    assert told.max(axis=1).mean() == pytest.approx(SURE, abs=0.01)
    assert np.allclose(told.sum(axis=1), 1.0, atol=1e-5)


def test_a_sure_teacher_is_left_as_it_is():
    logits = np.eye(4, dtype=np.float32).repeat(5, axis=0) * 20
    assert sharpened(logits).max(axis=1).mean() > 0.99


def test_with_few_labels_unlabelled_tweets_teach(quick, few, labels, tmp_path):
    examples, texts = few
    config = replace(quick, epochs=6)

    def score(unlabelled, name):
        trained = train(
            examples,
            labels,
            config,
            work=tmp_path / name,
            cache=tmp_path / "cache",
            texts=unlabelled,
        )
        return trained.metrics["test"].macro_f1

    assert score(texts, "taught") > score([], "alone") + 0.05


def test_nobody_is_taught_with_labels_enough_or_nothing_to_read(quick, few, tmp_path):
    examples, texts = few
    known = [e for e in examples if e.split == "train"]
    asked = {"cache": tmp_path, "callbacks": NullCallbacks()}
    assert teach(known, VALUES, quick, [], **asked) is None
    assert teach(known, VALUES, replace(quick, unlabelled_texts=0), texts, **asked) is None
    enough = known * (LABELS_ENOUGH * len(VALUES) // len(known))
    assert teach(enough, VALUES, quick, texts, **asked) is None
    lessons = teach(known, VALUES, replace(quick, unlabelled_texts=7), texts, **asked)
    assert lessons is not None
    assert len(lessons.texts) == 7
    assert lessons.probabilities.shape == (7, 4)


def test_a_few_lessons_weigh_little_and_many_most():
    """However many are labelled: three tweets that are left over must not be all that is learnt."""
    assert known_share(1500, 3) > 0.99999
    assert known_share(100, 100) == pytest.approx(100 / 110)
    assert known_share(1500, 50) > 0.99
    for labelled in (32, 256, 1600):
        assert known_share(labelled, 4000) == KNOWN_SHARE
    shares = [known_share(400, lessons) for lessons in (1, 10, 100, 1000, 4000)]
    assert shares == sorted(shares, reverse=True)


def test_the_last_unlabelled_tweets_do_not_spoil_a_training(quick, few, labels, tmp_path):
    known = make_examples(200, seed=5)
    examples = [replace(e, split="train" if n < 100 else "test") for n, e in enumerate(known)]
    _, texts = few
    scores = {}
    for count in (0, 3, 30):
        trained = train(
            examples,
            labels,
            replace(quick, epochs=6),
            work=tmp_path / str(count),
            cache=tmp_path / "cache",
            texts=texts[:count],
        )
        scores[count] = trained.metrics["test"].macro_f1
    assert min(scores[3], scores[30]) > scores[0] - 0.05, scores
