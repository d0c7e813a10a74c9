"""Character n-grams: fitted, saved, read again, and joined to what an encoder says."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_models import make_examples

from trainer.calibration import fit_mixture, softmax
from trainer.callbacks import NullCallbacks
from trainer.config import TrainConfig
from trainer.errors import ArtifactError, Cancelled
from trainer.joining import fit_ngrams, table_of_counts
from trainer.joint_probe import fit_joint_probe, fit_joint_probe_counts
from trainer.ngrams import (
    ITERATIONS,
    NgramPart,
    NgramTable,
    fit_joint_counts,
    hashed_counts,
)
from trainer.probe_watch import Labelled

VALUES = ["-1", "0", "1", "2"]


@pytest.fixture(scope="module")
def fitted():
    return fit_ngrams(make_examples(160), VALUES, TrainConfig())


def test_ngrams_alone_learn_what_the_words_say(fitted):
    unseen = make_examples(80, seed=3)
    found = fitted.logits([e.text for e in unseen]).argmax(1)
    assert np.mean([VALUES[row] == e.label for row, e in zip(found, unseen, strict=True)]) > 0.9


def test_rows_have_length_one_and_do_not_depend_on_their_neighbours():
    table = NgramTable.fit_counts(hashed_counts(["climate change", "a hoax", "climate hoax"]))
    rows = table.of(["climate change", "", "CLIMATE change", "zzz"]).toarray()
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 0, 1, 0], abs=1e-6)
    assert np.array_equal(rows[0], rows[2])
    assert np.allclose(table.of(["a hoax"]).toarray(), table.of(["x", "a hoax"]).toarray()[1:])


def test_what_is_saved_is_read_again(fitted, tmp_path):
    fitted.save(tmp_path / "ngrams.safetensors")
    again = NgramPart.load(tmp_path / "ngrams.safetensors", labels=4)
    texts = ["climate hoax", "", "a study says", "\ud83d"]
    assert np.array_equal(fitted.logits(texts), again.logits(texts))
    with pytest.raises(ArtifactError, match="3 labels"):
        NgramPart.load(tmp_path / "ngrams.safetensors", labels=3)
    (tmp_path / "ngrams.safetensors").write_bytes(b"no")
    with pytest.raises(ArtifactError, match="cannot be read"):
        NgramPart.load(tmp_path / "ngrams.safetensors", labels=4)


def test_embeddings_and_ngrams_are_fitted_together():
    """Each holds half of the answer; only both together have it."""
    dice = np.random.default_rng(1)
    side, word = dice.integers(0, 2, 400), dice.integers(0, 2, 400)
    vectors = dice.normal(0, 1, (400, 8)).astype(np.float32)
    vectors[:, 0] += 4 * side
    texts = [("hoax" if flag else "study") + f" {number}" for number, flag in enumerate(word)]
    targets = (2 * side + word).astype(np.int64)
    counts = hashed_counts(texts)
    joint = fit_joint_counts(
        vectors, counts, targets, np.ones(400, np.float32), 4, table=table_of_counts(counts)
    )
    assert (joint.logits(vectors, texts).argmax(1) == targets).mean() > 0.95
    assert (joint.ngrams.logits(texts).argmax(1) == targets).mean() < 0.8


class Watch(NullCallbacks):
    def __init__(self, stop_after=10**9):
        self.passes, self.stop_after = [], stop_after

    def on_ngrams(self, done, most):
        self.passes.append((done, most))

    def should_stop(self):
        return len(self.passes) >= self.stop_after


def sample():
    dice = np.random.default_rng(4)
    examples = make_examples(300)
    texts = [example.text for example in examples]
    targets = np.array([VALUES.index(example.label) for example in examples])
    return dice.normal(0, 1, (300, 8)).astype(np.float32), texts, targets


def test_counts_hashed_once_give_the_very_same_fit_as_texts():
    vectors, texts, targets = sample()
    counts, rows = hashed_counts(texts), np.arange(0, 300, 2)
    before = counts.copy()
    chosen = [texts[row] for row in rows]
    data = Labelled(
        vectors[rows], targets[rows], rows, np.ones(150, np.float32), np.array(chosen, object)
    )
    plain = fit_joint_probe(data, 4, TrainConfig())
    counted = fit_joint_probe_counts(data, counts[rows], 4, TrainConfig())
    for part in ("weight", "bias"):
        assert np.array_equal(getattr(plain, part), getattr(counted, part))
    assert np.array_equal(plain.ngrams.weight, counted.ngrams.weight)
    assert np.array_equal(
        plain.ngrams.table.buckets, table_of_counts(hashed_counts(chosen)).buckets
    )
    assert np.array_equal(plain.ngrams.table.rarity, counted.ngrams.table.rarity)
    found = counted.logits_of_counts(vectors, counts)
    assert found == pytest.approx(plain.logits(vectors, texts), abs=1e-6)
    assert (counts != before).nnz == 0


def test_going_on_from_an_earlier_fit_reaches_the_same_optimum_sooner():
    vectors, texts, targets = sample()
    counts, weights = hashed_counts(texts), np.ones(300, np.float32)

    def fit(many, start=None):
        watch = Watch()
        few, table = counts[:many], table_of_counts(counts[:many])
        args = vectors[:many], few, targets[:many], weights[:many], 4
        found = fit_joint_counts(*args, table=table, start=start, callbacks=watch)
        return found, len(watch.passes)

    earlier, _ = fit(290)
    cold, passes = fit(300)
    warm, fewer = fit(300, earlier)
    assert fewer < passes
    assert warm.logits_of_counts(vectors, counts) == pytest.approx(
        cold.logits_of_counts(vectors, counts), abs=0.02
    )


def test_fitting_tells_how_far_it_is_and_can_be_stopped():
    examples, watch = make_examples(40), Watch()
    fit_ngrams(examples, VALUES, TrainConfig(), callbacks=watch)
    assert len(watch.passes) > 2
    assert watch.passes == [(number, ITERATIONS) for number in range(1, len(watch.passes) + 1)]
    stopped = Watch(stop_after=2)
    with pytest.raises(Cancelled):
        fit_ngrams(examples, VALUES, TrainConfig(), callbacks=stopped)
    assert len(stopped.passes) == 2


def test_the_better_expert_gets_the_larger_share():
    dice = np.random.default_rng(2)
    truth = dice.integers(0, 4, 600)
    good = np.eye(4)[truth] * 3 + dice.normal(0, 1, (600, 4))
    noise = dice.normal(0, 1, (600, 4))
    first, second = fit_mixture(good, noise, truth)
    assert first > 5 * second

    def loss(a, b):
        likely = softmax(a * good + b * noise)[np.arange(600), truth]
        return -np.log(likely).mean()

    assert loss(first, second) <= min(loss(1, 1), loss(1, 0.05), loss(0.5, 0.05)) + 1e-3


def test_without_validation_the_shares_are_the_usual_ones():
    empty = np.zeros((0, 4))
    assert fit_mixture(empty, empty, np.zeros(0, int)) == pytest.approx((0.5, 0.7))


def test_an_mlp_probe_has_no_ngrams(quick):
    assert replace(quick, kind="probe").joins_ngrams
    assert not replace(quick, kind="probe", head="mlp").joins_ngrams
    assert not quick.joins_ngrams
    assert replace(quick, ngrams="join").joins_ngrams
