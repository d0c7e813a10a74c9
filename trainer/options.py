"""Command-line options for every training setting, made from TrainConfig itself."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from trainer.config import CHOICES, TrainConfig, notebook_preset, notebook_random_preset

# A sentence for each setting; --help and the table in docs/training.md add the defaults.
HELP = {
    "kind": "fine_tuned: encoder and head learn; probe: a head on the frozen encoder; zero_shot: "
    "from the labels' names and descriptions alone",
    "base_model": "the encoder: the bundled name, a local directory or a hub name",
    "epochs": "passes of a fine-tuning over the training data",
    "learning_rate": "peak learning rate of a fine-tuning",
    "batch_size": "tweets a batch of a fine-tuning, before gradient accumulation",
    "max_length": "tokens kept of a text, [CLS] and [SEP] among them",
    "links": "short: each t.co link is one word to the model; whole: links as they are",
    "warmup": "share of the steps, 0 to 1, in which the learning rate rises",
    "decay": "how the learning rate falls to 0 after the warm-up; none: it stays at its peak",
    "weight_decay": "the optimiser's weight decay, on matrices only",
    "optimizer": "what changes the weights in a fine-tuning",
    "head": "linear, or mlp: hidden layers before the labels",
    "mlp_widths": "units of each hidden layer of an MLP head, the first one first, such as 256,64",
    "mlp_dropout": "share of the values dropped before each layer of an MLP head",
    "mlp_activation": "activation of an MLP head",
    "pooling": "what the head reads: the mean of the tokens, or the [CLS] token (cls)",
    "dropout": "share of the values dropped inside the encoder in a fine-tuning",
    "trained_layers": "what learns of the encoder: all, all but the embeddings (no_embeddings), "
    "the top --last-k layers (last_k), nothing (head)",
    "last_k": "top layers that learn with --trained-layers last_k",
    "gradient_accumulation": "batches a step",
    "gradient_clip": "largest norm of a step's gradient; 0: no limit",
    "class_weights": "how much more rare labels weigh: by their inverse frequency (balanced), its "
    "root, or not at all (none)",
    "label_smoothing": "share of the target that is spread over all labels",
    "early_stopping_patience": "validations without gain after which a training stops; 0: never, "
    "nor does a fine-tuning with fewer than 25 validation labels a label",
    "evaluations_per_epoch": "validations in each epoch, with a checkpoint at each",
    "precision": "auto: bf16 where this machine gains from it, else fp32",
    "compiled": "auto: compile the encoder's layers in a long training, where that is measured to "
    "be faster",
    "probe_steps": "most optimiser steps of a probe without n-grams (--ngrams none, or an MLP "
    "head)",
    "probe_l2": "L2 penalty of a linear probe without n-grams (--ngrams none); 0: chosen on "
    "validation from 10 validation labels a label on",
    "ngrams": "character n-grams beside the encoder: auto (with a linear probe), none, or join "
    "(with a fine-tuned model too, from 400 training labels a label on)",
    "unlabelled_texts": "most unlabelled tweets from which a fine-tuning learns with fewer than "
    "400 training labels a label; 0: none",
    "labels_used": "gold, or gold_and_single: also answers that are not gold yet",
    "start_from": "base: the base model; current: go on from the fine-tuned version in use",
    "split": "project: the project's; random: 80/20 as in the course notebook, which leaks, to "
    "compare only",
    "seed": "number from which everything random follows",
    "threads": "processor threads",
}
# Where the setting's own default says nothing to a reader.
_DEFAULTS = {"base_model": "the project's", "threads": "torch's own choice"}
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
        help="changes the defaults of the other options; notebook: the course notebook's recipe, "
        "its slips mended (docs/training.md lists its values); notebook_random_split: the same on "
        "its leaking random split, to compare only; default: default, whose values stand below",
    )
    for field in fields(TrainConfig):
        read, form = _reader(field.type)
        parser.add_argument(
            option(field.name),
            choices=CHOICES.get(field.name),
            type=read,
            default=None,
            metavar=None if field.name in CHOICES else form,
            help=f"{HELP[field.name]}; default: {default_of(field.name)}",
        )


def option(name: str) -> str:
    """Return a setting's name as an option."""
    return "--" + name.replace("_", "-")


def default_of(name: str, config: TrainConfig | None = None) -> str:
    """Return a setting's default as people write it; config: a preset's, else TrainConfig's."""
    value = getattr(config or TrainConfig(), name)
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    if value is None:
        return "the base model's"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def settings_table() -> str:
    """Return the table of all settings that stands in docs/training.md; a test compares."""
    notebook = notebook_preset()
    lines = ["| option | default | notebook | meaning |", "|---|---|---|---|"]
    for field in fields(TrainConfig):
        default, other = default_of(field.name), default_of(field.name, notebook)
        cells = (f"`{option(field.name)}`", default, "" if other == default else other)
        lines.append(f"| {' | '.join(cells)} | {HELP[field.name]} |")
    return "\n".join(lines)


def _reader(kind: Any) -> tuple[Callable[[str], Any], str]:
    """Return what reads a setting of this type, and the form to show."""
    name = str(kind)
    if "tuple" in name:
        return _whole_numbers, "N,N"
    if "int" in name:
        return _whole_number, "N"
    return (_number, "X") if "float" in name else (str, "NAME")


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not whole numbers with commas between them, such as 256,64"
        ) from None


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number, such as 0.1") from None


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
