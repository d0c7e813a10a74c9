"""A packaged model gives the same probabilities without this program."""

import importlib.util
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from trainer.artifacts import publish
from trainer.config import TrainConfig
from trainer.errors import ArtifactError
from trainer.package import CardFacts, package
from trainer.predict import load_classifier
from trainer.train import train

CARD = CardFacts(
    project="climate | <b>",
    version=3,
    kind="probe",
    base_model="tiny",
    label_names=["Anti", "Neutral", "Pro", "News"],
    created_at=datetime(2026, 1, 2, tzinfo=UTC),
)
TEXTS = [
    "climate is a hoax",
    "scientists report https://t.co/aB3x9Yz01Q",
    "now! act",
    "a " * 200,
    "weather 😀 today https://t…",
]


def packaged(examples, labels, config, tmp_path):
    trained = train(examples, labels, config, work=tmp_path / "w", cache=tmp_path / "c")
    published = publish(tmp_path / "models", trained.write, {})
    metrics = {split: scores.to_json() for split, scores in trained.metrics.items()}
    card = replace(CARD, metrics=metrics)
    report = package(published.directory, tmp_path / "out", card=card)
    ours = load_classifier(published.directory, precision="fp32").probabilities(TEXTS)
    return report, ours, tmp_path / "out"


def by_transformers(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    batch = tokenizer(TEXTS, truncation=True, padding=True, return_tensors="pt")
    with torch.no_grad():
        return model(**batch).logits.softmax(-1).numpy(), model.config


@pytest.mark.parametrize("base", ["tiny_bert", "tiny_roberta"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("kind", ["fine_tuned", "probe"])
def test_transformers_alone_gives_the_same_probabilities(
    kind, pooling, base, quick, examples, labels, tmp_path, request
):
    directory = str(request.getfixturevalue(base))
    config = replace(
        quick, base_model=directory, kind=kind, pooling=pooling, epochs=2, ngrams="none"
    )
    report, ours, folder = packaged(examples, labels, config, tmp_path)
    theirs, settings = by_transformers(folder)
    assert report.loader == "transformers"
    assert np.abs(ours - theirs).max() < 1e-3
    assert settings.id2label == {0: "Anti", 1: "Neutral", 2: "Pro", 3: "News"}
    assert not list(folder.glob("*.bin"))


def test_a_zero_shot_model_can_be_packaged_too(quick, examples, labels, tmp_path):
    config = replace(quick, kind="zero_shot")
    _, ours, folder = packaged(examples, labels, config, tmp_path)
    assert np.abs(ours - by_transformers(folder)[0]).max() < 1e-3


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("kind", ["fine_tuned", "probe"])
def test_an_mlp_head_brings_its_own_loader(kind, pooling, quick, examples, labels, tmp_path):
    config = replace(quick, kind=kind, head="mlp", pooling=pooling, mlp_activation="tanh")
    report, ours, folder = packaged(examples, labels, config, tmp_path)
    assert report.loader == "load.py"
    assert not report.plain
    assert np.abs(by_load_py(folder) - ours).max() < 1e-3  # embeddings are kept in float16


def by_load_py(folder):
    spec = importlib.util.spec_from_file_location("load", folder / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load(str(folder))(TEXTS).numpy()


@pytest.mark.parametrize("head", ["linear", "mlp"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("kind", ["fine_tuned", "probe"])
def test_ngrams_come_with_the_loader_and_transformers_loads_the_rest(
    kind, pooling, head, quick, examples, labels, tmp_path
):
    config = replace(quick, kind=kind, pooling=pooling, head=head, ngrams="join", epochs=2)
    if kind == "probe" and head == "mlp":
        pytest.skip("n-grams are fitted together with a linear head only")
    report, ours, folder = packaged(examples, labels, config, tmp_path)
    assert (report.loader, report.plain) == ("load.py", head == "linear")
    assert np.abs(by_load_py(folder) - ours).max() < 1e-3
    if report.plain:
        alone, _ = by_transformers(folder)
        assert np.allclose(alone.sum(axis=1), 1.0, atol=1e-5)
        assert "load.py" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_card_tells_scores_and_keeps_names_from_being_markup(quick, examples, labels, tmp_path):
    _, _, folder = packaged(examples, labels, replace(quick, kind="probe"), tmp_path)
    card = (folder / "README.md").read_text()
    assert "AutoModelForSequenceClassification" in card
    assert "| test | 32 |" in card
    assert "95% interval" in card
    assert "<b>" not in card
    assert "trained 2026-01-02" in card


def test_a_directory_that_holds_something_is_not_written_over(quick, examples, labels, tmp_path):
    _, _, folder = packaged(examples, labels, replace(quick, kind="probe"), tmp_path)
    model = next(path for path in (tmp_path / "models").iterdir())
    with pytest.raises(ArtifactError, match="not empty"):
        package(model, folder, card=CARD)
    (tmp_path / "empty").mkdir()
    package(model, tmp_path / "empty", card=CARD)


@pytest.mark.slow
def test_the_bundled_model_is_packaged_with_the_same_probabilities(examples, labels, tmp_path):
    config = TrainConfig(kind="probe", threads=1, ngrams="none")
    _, ours, folder = packaged(examples, labels, config, tmp_path)
    assert np.abs(ours - by_transformers(folder)[0]).max() < 1e-3
