"""A model directory is used whole and unchanged, or refused with the file's name."""

import json
import os
import random
from dataclasses import replace

import pytest

from trainer.artifacts import publish, verify
from trainer.errors import ArtifactError
from trainer.files import file_sha256
from trainer.predict import load_classifier
from trainer.train import train


@pytest.fixture(scope="module")
def published(tiny_bert, examples, labels, tmp_path_factory):
    from trainer.config import TrainConfig

    root = tmp_path_factory.mktemp("published")
    config = TrainConfig(
        base_model=str(tiny_bert), epochs=1, batch_size=16, max_length=32, threads=1
    )
    trained = train(examples, labels, config, work=root / "work", cache=root / "cache")
    return publish(root / "models", trained.write, {"run": 3, "snapshot": "abc"})


@pytest.fixture
def copy(published, tmp_path):
    import shutil

    return shutil.copytree(published.directory, tmp_path / "model")


def republish(directory):
    """Make the manifest agree with whatever the directory now holds."""
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"] = {
        path.name: {"sha256": file_sha256(path), "bytes": path.stat().st_size}
        for path in directory.iterdir()
        if path.name != "manifest.json"
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))


def test_the_manifest_lists_every_file_and_the_facts(published):
    manifest = verify(published.directory, published.manifest_sha256)
    assert manifest["facts"] == {"run": 3, "snapshot": "abc"}
    names = {path.name for path in published.directory.iterdir()}
    assert set(manifest["files"]) == names - {"manifest.json"}
    assert "model.safetensors" in names


def test_each_of_a_hundred_flipped_bits_is_found(published, copy):
    dice = random.Random(0)
    files = sorted(path for path in copy.iterdir())
    for _ in range(100):
        path = dice.choice(files)
        good = path.read_bytes()
        bad = bytearray(good)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        path.write_bytes(bad)
        with pytest.raises(ArtifactError, match=path.name):
            verify(copy, published.manifest_sha256)
        path.write_bytes(good)
    verify(copy, published.manifest_sha256)


def test_a_missing_an_added_and_a_linked_file_are_named(copy, tmp_path):
    for change, name in [
        (lambda: (copy / "config.json").unlink(), "config.json"),
        (lambda: (copy / "extra.py").write_text("print()"), "extra.py"),
        (lambda: _link(copy / "head.safetensors", tmp_path), "head.safetensors"),
        (lambda: _pipe(copy / "tokenizer.json"), "tokenizer.json"),
    ]:
        kept = {path: path.read_bytes() for path in copy.iterdir()}
        change()
        with pytest.raises(ArtifactError, match=name):
            load_classifier(copy)
        for path in copy.iterdir():
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)


def _link(path, elsewhere):
    path.rename(elsewhere / "moved")
    path.symlink_to(elsewhere / "moved")


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


def test_a_manifest_that_points_outside_is_refused(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["../secret"] = {"sha256": "0", "bytes": 1}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="outside"):
        verify(copy)


def test_a_directory_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        load_classifier(tmp_path)


def change_weights(path, change):
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


def test_weights_that_are_missing_left_over_or_misshapen_are_refused(copy):
    for file, change in [
        ("head.safetensors", lambda w: w.pop("0.bias")),
        ("head.safetensors", lambda w: w.update(extra=w["0.bias"].clone())),
        ("head.safetensors", lambda w: w.update({"0.weight": w["0.weight"][:3].clone()})),
        ("model.safetensors", lambda w: w.pop("encoder.layer.0.output.dense.bias")),
        ("model.safetensors", lambda w: w.pop("pooler.dense.weight")),
        ("model.safetensors", lambda w: w.update(extra=w["pooler.dense.bias"].clone())),
    ]:
        good = (copy / file).read_bytes()
        change_weights(copy / file, change)
        republish(copy)
        with pytest.raises(ArtifactError):
            load_classifier(copy)
        (copy / file).write_bytes(good)
    republish(copy)
    load_classifier(copy)


def test_label_counts_that_disagree_are_refused(copy):
    facts = json.loads((copy / "classifier.json").read_text())
    facts["label_map"].append("9")
    (copy / "classifier.json").write_text(json.dumps(facts))
    republish(copy)
    with pytest.raises(ArtifactError, match="5 labels"):
        load_classifier(copy)


def test_a_probe_holds_its_head_and_names_its_base_by_digest(
    quick, examples, labels, tmp_path, tiny_bert
):
    import shutil

    base = shutil.copytree(tiny_bert, tmp_path / "base")
    config = replace(quick, kind="probe", base_model=str(base))
    trained = train(examples, labels, config, work=tmp_path / "w", cache=tmp_path / "c")
    published = publish(tmp_path / "models", trained.write, {})
    names = {path.name for path in published.directory.iterdir()}
    assert names == {
        "manifest.json",
        "classifier.json",
        "head.safetensors",
        "ngrams.safetensors",
        "plain_head.safetensors",
    }
    change_weights(base / "model.safetensors", lambda w: w["pooler.dense.bias"].add_(1))
    with pytest.raises(ArtifactError, match="not the one that this model was"):
        load_classifier(published.directory).probabilities(["some text"])
