"""Settings are checked when made, and survive JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config import CHOICES, TrainConfig, notebook_preset
from trainer.errors import ConfigError


def test_settings_survive_json():
    config = TrainConfig(head="mlp", mlp_widths=(64, 32), seed=7)
    assert TrainConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "magic"),
        ("pooling", "max"),
        ("epochs", 0),
        ("epochs", 1.5),
        ("epochs", True),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", "1e-4"),
        ("batch_size", None),
        ("max_length", 100_000),
        ("warmup", 1.1),
        ("mlp_widths", ()),
        ("mlp_widths", (0,)),
        ("base_model", " "),
        ("threads", 0),
        ("seed", -1),
    ],
)
def test_a_wrong_setting_is_refused_by_name_and_value(name, value):
    with pytest.raises(ConfigError, match=name):
        TrainConfig(**{name: value})


def test_a_misspelt_setting_is_refused():
    with pytest.raises(ConfigError, match="epoch;"):
        TrainConfig.from_json({"epoch": 3})


@given(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in CHOICES.items()}))
def test_every_combination_of_choices_is_allowed(values):
    assert TrainConfig(**values).to_json() | values == TrainConfig(**values).to_json()


def test_the_notebooks_settings_are_a_preset_that_can_be_changed():
    preset = notebook_preset(epochs=1)
    assert (preset.optimizer, preset.learning_rate, preset.batch_size) == ("sgd", 5e-4, 64)
    assert (preset.max_length, preset.seed, preset.trained_layers) == (64, 1234, "all")
    assert (preset.class_weights, preset.decay, preset.warmup) == ("none", "none", 0.0)
    assert preset.epochs == 1
