"""Command-line options for every training setting, made from TrainConfig itself."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from trainer.config import CHOICES, TrainConfig, notebook_preset, notebook_random_preset

_HELP = {
    "epochs": "passes over the training data",
    "learning_rate": "peak learning rate",
    "batch_size": "tweets a step",
    "max_length": "tokens kept of a text",
    "links": "short: t.co and its random letters are one word to the model",
    "seed": "seed of everything random",
    "labels_used": "gold_and_single: train also on answers that are not gold yet",
    "start_from": "current: go on from the version in use",
    "compiled": "auto: compile the layers in a long training, where that is measured to be faster",
    "split": "random: 80/20 as in the course notebook; it leaks, to compare only",
}
PRESETS: dict[str, Callable[..., TrainConfig]] = {
    "default": TrainConfig,
    "notebook": notebook_preset,
    "notebook_random_split": notebook_random_preset,
}


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add --kind, --base-model, --epochs and the rest; what is not given takes its default."""
    parser.add_argument(
        "--preset",
        choices=list(PRESETS),
        default="default",
        help="notebook: the course notebook's recipe, its slips mended; notebook_random_split: "
        "on its leaking random split, to compare only",
    )
    for field in fields(TrainConfig):
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            choices=CHOICES.get(field.name),
            type=_reader(field.type),
            default=None,
            help=_HELP.get(field.name, f"default: {field.default}"),
        )


def _reader(kind: Any) -> Any:
    name = str(kind)
    if "tuple" in name or "list" in name:
        return lambda text: tuple(int(part) for part in text.split(","))
    if "int" in name:
        return int
    return float if "float" in name else str


def read_training_options(arguments: argparse.Namespace, *, base_model: str) -> TrainConfig:
    """Build the configuration from parsed options; base_model: the project's, if none is given.

    Raises ConfigError for values outside what they may be.
    """
    given = {
        field.name: getattr(arguments, field.name)
        for field in fields(TrainConfig)
        if getattr(arguments, field.name) is not None
    }
    given.setdefault("base_model", base_model)
    return PRESETS[arguments.preset](**given)
