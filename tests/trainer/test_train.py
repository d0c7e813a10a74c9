"""The facade, end to end on a tiny real BERT: train, publish, load, predict."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.artifacts import publish
from trainer.base_model import find_base_model
from trainer.data import Example
from trainer.errors import Cancelled, ConfigError, DataError, TooFewLabelsError
from trainer.families import load_tokenizer
from trainer.finetune import training_set
from trainer.metrics import Metrics
from trainer.predict import load_classifier
from trainer.train import train


@pytest.mark.parametrize("kind", ["fine_tuned", "probe", "zero_shot"])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_a_loaded_classifier_says_what_the_trained_one_said(
    kind, head, quick, examples, labels, tmp_path
):
    config = replace(quick, kind=kind, head=head)
    trained = train(examples, labels, config, work=tmp_path / "w", cache=tmp_path / "c")
    published = publish(tmp_path / "models", trained.write, {"run": 1})
    loaded = load_classifier(
        published.directory, manifest_sha256=published.manifest_sha256, precision="fp32"
    )
    test = [example for example in examples if example.split == "test"]
    probabilities = loaded.probabilities([example.text for example in test])
    assert loaded.kind == kind
    assert loaded.label_map == trained.label_map == ["-1", "0", "1", "2"]
    assert loaded.temperature == trained.temperature
    assert trained.predictions["test"].tweet_ids == [example.tweet_id for example in test]
    assert probabilities == pytest.approx(trained.predictions["test"].probabilities, abs=1e-6)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(1) == pytest.approx(np.ones(len(test)), abs=1e-5)


@pytest.fixture
def choosing(monkeypatch):
    """Let as few validation labels as there are here choose the epoch."""
    monkeypatch.setattr("trainer.finetune.LABELS_TO_CHOOSE", 8)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("trained_layers", ["all", "no_embeddings", "last_k"])
@pytest.mark.usefixtures("choosing")
def test_fine_tuning_learns_what_the_words_say(
    pooling, trained_layers, quick, examples, labels, tmp_path, recorder
):
    config = replace(quick, pooling=pooling, trained_layers=trained_layers, last_k=1, epochs=8)
    seen = recorder()
    trained = train(examples, labels, config, work=tmp_path, cache=tmp_path, callbacks=seen)
    assert trained.metrics["test"].macro_f1 > 0.5  # by chance: 0.25
    assert seen.total == len(seen.steps) == 8 * 12
    assert [report.epoch for report in seen.epochs] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert seen.epochs[-1].metrics["loss"] == seen.epochs[-1].metrics["log_loss"]
    best = max(seen.epochs, key=lambda report: report.metrics["macro_f1"])
    assert trained.best_epoch == best.epoch
    assert trained.metrics["validation"].macro_f1 == pytest.approx(best.metrics["macro_f1"])
    assert isinstance(trained.metrics["test"], Metrics)
    assert trained.tweets_per_second > 0


def test_a_few_validation_labels_choose_no_epoch(quick, examples, labels, tmp_path, recorder):
    seen = recorder()
    config = replace(quick, epochs=8)
    trained = train(examples, labels, config, work=tmp_path, cache=tmp_path, callbacks=seen)
    best = max(seen.epochs, key=lambda report: report.metrics["macro_f1"])
    assert best.epoch < trained.best_epoch == 8


def test_training_the_head_alone_leaves_the_encoder_as_it_was(quick, examples, labels, tmp_path):
    config = replace(quick, trained_layers="head", epochs=1)
    trained = train(examples, labels, config, work=tmp_path, cache=tmp_path)
    probe = train(examples, labels, replace(quick, kind="probe"), work=tmp_path, cache=tmp_path)
    ours, base = trained.classifier.parts()[0], probe.classifier.encoder.model
    after = ours.state_dict()
    assert all((after[name] == weight).all() for name, weight in base.state_dict().items())


def test_labels_short_of_examples_are_counted_in_the_refusal(quick, examples, labels, tmp_path):
    few = [example for example in examples if example.label != "2" or example.split != "train"]
    with pytest.raises(TooFewLabelsError, match=r"News \(2\): 0"):
        train(few, labels, quick, work=tmp_path, cache=tmp_path)


def test_a_young_project_trains_without_validation_or_test(quick, examples, labels, tmp_path):
    only = [example for example in examples if example.split == "train"]
    for kind in ("fine_tuned", "probe"):
        config = replace(quick, kind=kind)
        trained = train(only, labels, config, work=tmp_path / kind, cache=tmp_path / "c")
        assert trained.metrics == {}
        assert trained.temperature == 1.0
        assert trained.best_epoch > 0


def test_a_zero_shot_classifier_needs_no_example(quick, labels, tmp_path):
    config = replace(quick, kind="zero_shot")
    texts = ["it is a hoax", "scientists report", "act now", "the weather"] * 20
    trained = train([], labels, config, work=tmp_path, cache=tmp_path, texts=texts)
    assert trained.metrics == {}
    assert trained.classifier.probabilities(texts[:3]).shape == (3, 4)


def test_an_unknown_label_a_blank_text_and_a_straddling_group_are_refused(
    quick, examples, labels, tmp_path
):
    wrong = {
        "'7' is not one of": replace(examples[0], label="7"),
        "blank text": replace(examples[0], text=" "),
        "lies in two splits": replace(examples[0], split="test", group=examples[1].group),
        "weight nan": replace(examples[0], weight=float("nan")),
        "split 'dev'": replace(examples[0], split="dev"),
    }
    for message, example in wrong.items():
        with pytest.raises(DataError, match=message):
            train([*examples[1:], example], labels, quick, work=tmp_path, cache=tmp_path)


def test_more_layers_than_there_are_is_a_refused_setting(quick, examples, labels, tmp_path):
    config = replace(quick, trained_layers="last_k", last_k=3)
    with pytest.raises(ConfigError, match="has 2 layers"):
        train(examples, labels, config, work=tmp_path, cache=tmp_path)


def test_a_cancel_keeps_the_best_epoch_so_far(quick, examples, labels, tmp_path, recorder):
    stopping = recorder(stop_after=20)  # an epoch has 12 steps
    trained = train(examples, labels, quick, work=tmp_path, cache=tmp_path, callbacks=stopping)
    assert trained.cancelled
    assert trained.best_epoch == 1
    assert len(stopping.steps) == 20


def test_a_cancel_before_the_first_validation_leaves_no_model(
    quick, examples, labels, tmp_path, recorder
):
    with pytest.raises(Cancelled, match="before the first validation"):
        train(examples, labels, quick, work=tmp_path, cache=tmp_path, callbacks=recorder(3))


@pytest.mark.usefixtures("choosing")
def test_early_stopping_ends_a_training_that_gains_nothing(
    quick, examples, labels, tmp_path, recorder
):
    config = replace(
        quick, learning_rate=1e-8, epochs=20, early_stopping_patience=2, evaluations_per_epoch=2
    )
    seen = recorder()
    trained = train(examples, labels, config, work=tmp_path, cache=tmp_path, callbacks=seen)
    assert len(seen.epochs) == 3
    assert trained.best_epoch == 0.5
    assert not trained.cancelled
    later = recorder()  # as after a kill between the stop and the version
    again = train(examples, labels, config, work=tmp_path, cache=tmp_path, callbacks=later)
    assert later.steps == []
    assert again.best_epoch == 0.5


def test_examples_of_weight_zero_teach_nothing(quick, examples, labels, tmp_path):
    def log_loss(weight):
        lied = [
            replace(e, label="-1", weight=weight) if e.split == "train" and e.label == "0" else e
            for e in examples
            if e.tweet_id % 8 != 5 or e.split != "train"
        ]
        lied += [e for e in examples if e.tweet_id % 8 == 5 and e.split == "train"]
        config = replace(quick, epochs=6, class_weights="none")
        trained = train(lied, labels, config, work=tmp_path / str(weight), cache=tmp_path)
        return trained.metrics["test"].log_loss

    assert log_loss(0.0) < log_loss(1.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"gradient_accumulation": 3},
        {"class_weights": "balanced", "label_smoothing": 0.1},
        {"optimizer": "sgd", "learning_rate": 0.1, "gradient_clip": 0.0},
        {"precision": "bf16"},
        {"dropout": 0.0, "head": "mlp", "mlp_widths": (16, 8), "mlp_activation": "relu"},
    ],
)
def test_every_setting_trains(changes, quick, examples, labels, tmp_path):
    config = replace(quick, **{"epochs": 4, **changes})
    trained = train(examples, labels, config, work=tmp_path, cache=tmp_path)
    assert trained.metrics["validation"].log_loss < 1.38  # of guessing


def test_one_seed_gives_one_model_and_another_seed_another(quick, examples, labels, tmp_path):
    def probabilities(name, seed):
        config = replace(quick, epochs=1, seed=seed)
        trained = train(examples, labels, config, work=tmp_path / name, cache=tmp_path)
        return trained.predictions["test"].probabilities

    first = probabilities("a", 1)
    assert (first == probabilities("b", 1)).all()
    assert (first != probabilities("c", 2)).any()


def test_tweets_of_the_same_text_and_label_are_one_row_of_their_joint_weight(quick, tiny_bert):
    base = find_base_model(str(tiny_bert))
    told = [("a", "0"), ("a", "0"), ("a", "1"), ("the", "1")]
    tweets = [Example(n, text, label, "train", n) for n, (text, label) in enumerate(told)]
    data = training_set(
        tweets,
        ["0", "1"],
        replace(quick, class_weights="none"),
        tokenizer=load_tokenizer(base.directory, base.config),
        max_length=16,
    )
    assert data.targets.tolist() == [0, 1, 1]
    assert data.counts.tolist() == [2, 1, 1]
    assert data.weights.tolist() == [1.5, 0.75, 0.75]
