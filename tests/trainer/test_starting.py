"""Going on from the version in use: same weights at first, and a refusal where it cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from trainer.artifacts import publish
from trainer.config import TrainConfig
from trainer.errors import ArtifactError, ConfigError
from trainer.starting import Start, check_start, start_from_json, with_start
from trainer.train import train

TEXTS = ["climate is a hoax", "scientists report", "act now", "coffee today"]


@pytest.fixture
def begun(quick, examples, labels, tmp_path):
    """A published fine-tuned version: its classifier, and where to start from."""
    trained = train(examples, labels, quick, work=tmp_path / "first", cache=tmp_path / "c")
    published = publish(tmp_path / "models", trained.write, {})
    return trained, Start(4, published.directory, published.manifest_sha256)


def go_on(quick, examples, labels, tmp_path, start, **changes):
    config = replace(quick, start_from="current", **changes)
    return train(
        examples, labels, config, work=tmp_path / "next", cache=tmp_path / "c", start=start
    )


def test_it_goes_on_from_the_versions_weights(begun, quick, examples, labels, tmp_path):
    before, start = begun
    after = go_on(quick, examples, labels, tmp_path, start, learning_rate=1e-8, epochs=1)
    ours = before.classifier.logits(TEXTS)
    assert np.allclose(after.classifier.logits(TEXTS), ours, atol=1e-3)
    anew = train(
        examples,
        labels,
        replace(quick, learning_rate=1e-8, epochs=1),
        work=tmp_path / "anew",
        cache=tmp_path / "c",
    )
    assert not np.allclose(anew.classifier.logits(TEXTS), ours, atol=1e-1)


def test_another_pooling_or_a_damaged_version_is_refused(begun, quick, examples, labels, tmp_path):
    _, start = begun
    with pytest.raises(ConfigError, match=r"version 4 has another head or pooling"):
        go_on(quick, examples, labels, tmp_path, start, pooling="cls")
    with pytest.raises(ArtifactError):
        go_on(quick, examples, labels, tmp_path, replace(start, manifest_sha256="0" * 64))


def test_a_training_is_told_apart_by_what_it_started_from(tmp_path):
    start = Start(1, tmp_path / "models" / "a", "a" * 64)
    assert with_start("digest", None) == "digest"
    other = replace(start, manifest_sha256="b" * 64)
    assert len({with_start("digest", one) for one in (None, start, other)}) == 3
    stored = {**start.to_json(), "directory": "models/a"}
    assert start_from_json(stored, tmp_path) == start
    assert start_from_json(None, tmp_path) is None


@pytest.mark.parametrize(
    ("kind", "base", "known", "reason"),
    [
        ("probe", "b", ["0", "1"], "not fine-tuned"),
        ("fine_tuned", "other", ["0", "1"], "grew out of 'other'"),
        ("fine_tuned", "b", ["0"], "the project has 0, 1 now"),
    ],
)
def test_a_version_of_another_kind_base_or_label_set_is_refused(kind, base, known, reason):
    config = TrainConfig(base_model="b", start_from="current")
    with pytest.raises(ConfigError, match=reason):
        check_start(config, kind, base, known, ["0", "1"])
    check_start(config, "fine_tuned", "b", ["0", "1"], ["0", "1"])


def test_a_probe_cannot_go_on_from_a_version(quick, examples, labels, tmp_path):
    probe = replace(quick, kind="probe", start_from="current")
    with pytest.raises(ConfigError, match="starts anew"):
        check_start(probe, "fine_tuned", "b", ["0", "1"], ["0", "1"])
    with pytest.raises(ConfigError, match="goes with"):
        train(examples, labels, probe, work=tmp_path / "w", cache=tmp_path / "c")


def test_a_version_that_has_seen_test_tweets_is_no_start(quick, examples, labels, tmp_path):
    config = replace(quick, split="random", epochs=1)
    trained = train(examples, labels, config, work=tmp_path / "first", cache=tmp_path / "c")
    published = publish(tmp_path / "models", trained.write, {})
    start = Start(4, published.directory, published.manifest_sha256)
    with pytest.raises(ConfigError, match="version 4 has learned from tweets of the test split"):
        go_on(quick, examples, labels, tmp_path, start)


def test_labels_in_another_order_are_said_to_be_so():
    config = TrainConfig(base_model="b", start_from="current")
    with pytest.raises(ConfigError, match="another order"):
        check_start(config, "fine_tuned", "b", ["1", "0"], ["0", "1"])
