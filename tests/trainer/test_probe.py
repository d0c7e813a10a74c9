"""Probes and zero-shot heads on made-up embeddings; no base model is needed."""

import numpy as np
import pytest
import torch

from trainer.callbacks import NullCallbacks
from trainer.config import TrainConfig
from trainer.coordinates import fit_coordinates
from trainer.data import LabelInfo
from trainer.errors import Cancelled, DataError
from trainer.heads import HeadShape, build_head
from trainer.probe import Labelled, fit_probe
from trainer.zero_shot import fit_zero_shot

LABELS = ["-1", "0", "1"]
WIDTH = 16


class Recorder(NullCallbacks):
    def __init__(self, stop_after=10**9):
        self.total, self.steps, self.epochs, self.stop_after = 0, [], [], stop_after

    def on_prepare(self, done, total):
        pass

    def on_start(self, total_steps):
        self.total = total_steps

    def on_step(self, report):
        self.steps.append(report)

    def on_epoch(self, report):
        self.epochs.append(report)

    def should_stop(self):
        return len(self.steps) >= self.stop_after


def labelled(seed, n=300):
    """Three clouds along one coordinate."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 3, n)
    vectors = rng.normal(size=(n, WIDTH)).astype(np.float32)
    vectors[:, 0] += 9 * (targets - 1)
    vectors[:, 2] = 40 + 0.01 * vectors[:, 2]  # one coordinate far off, as encoders have
    return Labelled(vectors, targets, np.arange(n), np.ones(n, np.float32))


def accuracy(head, data):
    return float((head.logits(data.vectors).argmax(1) == data.targets).mean())


def probe(train, validation, recorder=None, **config):
    chosen = TrainConfig(kind="probe", probe_steps=400, **config)
    return fit_probe(train, validation, LABELS, chosen, recorder or NullCallbacks())


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_a_probe_learns_and_reports_a_curve_of_validations(head):
    recorder = Recorder()
    found = probe(labelled(1), labelled(2), recorder, head=head, mlp_widths=(256,))
    assert accuracy(found, labelled(3)) > 0.9
    assert len(recorder.epochs) >= 5
    assert 0 < len(recorder.steps) <= recorder.total
    scores = [report.metrics["macro_f1"] for report in recorder.epochs]
    assert scores[found.best - 1] == max(scores)
    assert {"loss", "per_class", "confusion"} <= set(recorder.epochs[0].metrics)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_one_seed_gives_the_same_head_and_leaves_the_global_dice_alone(head):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    logits = [
        probe(labelled(1), labelled(2), head=head, mlp_widths=(8,), seed=5).logits(
            labelled(3).vectors
        )
        for _ in range(2)
    ]
    assert (logits[0] == logits[1]).all()
    assert torch.equal(before, torch.get_rng_state())


def test_folding_back_keeps_the_values():
    data = labelled(1)
    for shrink in (None, 0.5):
        where = fit_coordinates(data.vectors, shrink=shrink)
        head = build_head(HeadShape(width=WIDTH, labels=3, hidden=(5,), dropout=0.5)).eval()
        vectors = torch.from_numpy(data.vectors)
        with torch.inference_mode():
            apart = where.folded(head)(vectors) - head(where.of(vectors))
        assert float(apart.abs().max()) < 1e-3


def test_a_few_tweets_of_each_label_are_enough_to_fit():
    train = labelled(1, n=9)
    found = probe(train, None)
    assert accuracy(found, train) == 1.0


def test_without_validation_the_curve_has_no_scores_but_the_last_head_is_kept():
    recorder = Recorder()
    found = probe(labelled(1), None, recorder, head="mlp", mlp_widths=(8,))
    assert found.best == len(recorder.epochs)
    assert recorder.epochs[0].metrics == {}


def test_a_given_penalty_is_the_only_one_tried():
    recorder = Recorder()
    assert probe(labelled(1), labelled(2), recorder, probe_l2=0.25).penalty == 0.25
    assert len(recorder.epochs) == 1


def test_balanced_weights_find_more_of_a_rare_label():
    data = labelled(1, n=2000)
    rng = np.random.default_rng(0)
    blurred = data.vectors + rng.normal(scale=5, size=data.vectors.shape).astype(np.float32)
    keep = (data.targets != 0) | (rng.random(2000) < 0.05)
    rare = Labelled(blurred[keep], data.targets[keep], data.groups[keep], data.weights[keep])
    found = {
        scheme: (probe(rare, None, class_weights=scheme).logits(rare.vectors).argmax(1) == 0).sum()
        for scheme in ("none", "root", "balanced")
    }
    assert found["none"] < found["root"] < found["balanced"]


def test_a_tweet_of_weight_zero_teaches_nothing():
    data = labelled(1, n=60)
    wrong = np.where(np.arange(60) < 20, (data.targets + 1) % 3, data.targets)
    weights = (np.arange(60) >= 20).astype(np.float32)
    ignoring = probe(Labelled(data.vectors, wrong, data.groups, weights), None, probe_l2=0.001)
    assert accuracy(ignoring, labelled(3)) > 0.9
    with pytest.raises(DataError, match="weight 0"):
        probe(Labelled(data.vectors, wrong, data.groups, weights * 0), None)


@pytest.mark.parametrize("head, enough", [("linear", 60), ("mlp", 150)])
def test_a_stop_keeps_the_best_so_far_and_before_the_first_validation_nothing(head, enough):
    more = {"head": head, "mlp_widths": (8,)}
    found = probe(labelled(1), labelled(2), Recorder(stop_after=enough), **more)
    assert found.best >= 1
    with pytest.raises(Cancelled, match="before the first validation"):
        probe(labelled(1), labelled(2), Recorder(stop_after=1), **more)


def test_nothing_to_train_on_is_said():
    with pytest.raises(DataError, match="no training tweet has a label"):
        probe(labelled(1, n=0), None)
    with pytest.raises(DataError, match="give one of each"):
        Labelled(np.zeros((3, 2), np.float32), np.zeros(2), np.zeros(3), np.zeros(3))


INFOS = [LabelInfo("a", "Cats", "About cats. They purr."), LabelInfo("b", "Dogs", "About dogs.")]


def embed_by_topic(texts):
    """Stands where the encoder stands: cats along one axis, dogs along another."""
    rng = np.random.default_rng(len(texts))
    vectors = rng.normal(scale=0.1, size=(len(texts), WIDTH)) + 1
    for row, text in enumerate(texts):
        vectors[row, 0] += 3 * ("cat" in text.lower() or "purr" in text)
        vectors[row, 1] += 3 * ("dog" in text.lower())
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths * np.sqrt(WIDTH)).astype(np.float32)


@pytest.mark.parametrize("with_tweets", [True, False])
def test_zero_shot_follows_the_descriptions(with_tweets):
    texts = ["my cat", "a dog"] * 40
    tweets = embed_by_topic(texts) if with_tweets else None
    found = fit_zero_shot(INFOS, embed_by_topic, tweets=tweets)
    assert found.logits(embed_by_topic(texts)).argmax(1).tolist() == [0, 1] * 40


def test_labels_that_read_the_same_are_refused():
    twins = [LabelInfo("a", "Cats"), LabelInfo("b", "Cats")]
    with pytest.raises(DataError, match="'a' and 'b' have the same name"):
        fit_zero_shot(twins, embed_by_topic)
