"""A classifier in use: order, repeats, progress, stopping, the cache, odd texts, precision."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainer.errors import Cancelled
from trainer.heads import class_weights
from trainer.master import MasterWeights
from trainer.train import train

TEXTS = ["it is a hoax", "act now", "it is a hoax", "scientists report", "the weather", "now"]


@pytest.fixture(scope="module")
def classifiers(tiny_bert, examples, labels, tmp_path_factory):
    from trainer.config import TrainConfig

    root = tmp_path_factory.mktemp("predict")
    config = TrainConfig(
        base_model=str(tiny_bert), epochs=1, batch_size=16, max_length=32, threads=1
    )
    return {
        kind: train(
            examples, labels, replace(config, kind=kind), work=root / kind, cache=root / "cache"
        ).classifier
        for kind in ("fine_tuned", "probe")
    }


@pytest.fixture(params=["fine_tuned", "probe"])
def classifier(request, classifiers):
    return classifiers[request.param]


def test_each_text_has_its_row_wherever_it_stands(classifier):
    rows = classifier.probabilities(TEXTS)
    backwards = classifier.probabilities(TEXTS[::-1])
    assert rows.shape == (6, 4)
    assert rows.dtype == np.float32
    assert (rows[0] == rows[2]).all()
    assert backwards[::-1] == pytest.approx(rows, abs=1e-2)  # bfloat16, in other batches


def test_close_calls_are_computed_exactly(classifiers, monkeypatch):
    """With every text a close call, predictions are the float32 network's own."""
    quick, network = classifiers["fine_tuned"], classifiers["fine_tuned"]._network
    if not network.finer:
        pytest.skip("this machine predicts in one precision")
    rounded = quick.plain_logits(TEXTS)
    with monkeypatch.context() as plain:
        plain.setattr(network, "layers", None)
        plain.setattr(network, "finer", ())
        exact = quick.logits(TEXTS)
    assert not np.allclose(rounded, exact, atol=1e-5)
    monkeypatch.setattr("trainer.close_calls.NEAR", 2.0)
    assert np.allclose(quick.logits(TEXTS), exact, atol=1e-5)


def test_no_text_gives_no_row(classifier):
    assert classifier.probabilities([]).shape == (0, 4)


def test_odd_texts_are_predicted(classifier):
    odd = ["", " ", "\x00", "\ud83d", "😀" * 1000, "[SEP][MASK]", "a" * 100_000]
    rows = classifier.probabilities(odd)
    assert np.isfinite(rows).all()
    assert rows.sum(1) == pytest.approx(np.ones(len(odd)), abs=1e-5)


def test_progress_counts_distinct_texts(classifier):
    told = []
    classifier.probabilities(TEXTS, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (5, 5)


def test_a_prediction_stops_when_asked(classifier):
    with pytest.raises(Cancelled):
        classifier.probabilities(TEXTS, should_stop=lambda: True)


def test_the_embedding_cache_changes_no_prediction(classifiers, tmp_path):
    probe = classifiers["probe"]
    without = probe.probabilities(TEXTS)
    first = probe.probabilities(TEXTS, cache=tmp_path)
    again = probe.probabilities(TEXTS, cache=tmp_path)
    assert (first == without).all()
    assert (again == first).all()
    assert any(tmp_path.iterdir())


def test_rounded_weights_catch_up_with_small_steps_through_their_masters():
    layer = torch.nn.Linear(4, 1).to(torch.bfloat16)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    masters = MasterWeights(layer)
    for _ in range(100):
        loss = layer(torch.ones(1, 4, dtype=torch.bfloat16)).sum()
        masters.add_gradients(torch.autograd.grad(loss, masters.live))
        for master in masters:
            master.data -= 1e-4 * master.grad  # far below bfloat16's spacing of 0.0078
            master.grad = None
        masters.publish()
    assert masters.state()["weight"] == pytest.approx(torch.full((1, 4), 0.99), abs=1e-5)
    assert float(layer.weight.detach()[0, 0]) == pytest.approx(0.99, abs=4e-3)


@pytest.mark.parametrize(("scheme", "ratio"), [("balanced", 9.0), ("root", 3.0)])
def test_rare_labels_weigh_more_and_the_mean_stays_one(scheme, ratio):
    indices = [0] * 90 + [1] * 10
    weights = class_weights(indices, 2, scheme)
    assert float(weights[1] / weights[0]) == pytest.approx(ratio)
    assert float(weights[indices].mean()) == pytest.approx(1.0)
    assert class_weights(indices, 2, "none") is None
