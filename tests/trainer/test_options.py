"""The options of `trainer run` say what they do, and the documentation says the same."""

import argparse
import re
from dataclasses import fields
from pathlib import Path

import pytest

from trainer.config import TrainConfig, notebook_preset
from trainer.options import (
    HELP,
    add_training_options,
    default_of,
    option,
    read_training_options,
    settings_table,
)

TRAINING = Path(__file__).parents[2] / "docs" / "training.md"
NAMES = [field.name for field in fields(TrainConfig)]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(exit_on_error=False)
    add_training_options(made)
    return made


def test_every_setting_has_a_sentence_and_its_default():
    assert list(HELP) == NAMES
    shown = " ".join(parser().format_help().split())
    for name in NAMES:
        assert f"default: {default_of(name)}" in shown, name
    assert "default: 0.00028" in shown
    assert "default: the project's" in shown


def test_the_documentation_lists_every_setting_as_it_is():
    found = re.search(r"^\| option \|.*?(?=\n\n)", TRAINING.read_text("utf-8"), re.M | re.S)
    assert found is not None
    assert found.group() == settings_table(), "paste trainer.options.settings_table() there"


def test_what_is_given_is_read_and_the_rest_is_the_presets():
    given = parser().parse_args(["--mlp-widths", "256,64", "--warmup", "0.2", "--seed", "7"])
    config = read_training_options(given, base_model="some/where")
    assert config == TrainConfig(mlp_widths=(256, 64), warmup=0.2, seed=7, base_model="some/where")
    given = parser().parse_args(["--preset", "notebook", "--epochs", "1"])
    config = read_training_options(given, base_model="some/where")
    assert config == notebook_preset(epochs=1, base_model="some/where")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mlp_widths", "256;64", "256,64"),
        ("mlp_widths", "", "256,64"),
        ("epochs", "1.5", "whole number"),
        ("dropout", "much", "number"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_is_expected(name, value, expected):
    with pytest.raises(argparse.ArgumentError, match=expected) as refused:
        parser().parse_args([option(name), value])
    assert option(name) in str(refused.value)
    assert "lambda" not in str(refused.value)
