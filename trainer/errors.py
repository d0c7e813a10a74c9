"""Errors of the trainer.

TrainerError
├── ConfigError           a training setting is outside what it may be
├── DataError             examples, labels or texts that nothing can be trained on
│   └── TooFewLabelsError a label has too few examples to train and to judge with
├── DivergedError         a training's loss became no number before there was a model to keep
├── BaseModelError        a base model is missing, unreachable, unsafe or not what it should be
├── ArtifactError         a saved model or checkpoint is damaged or incomplete
└── Cancelled             somebody asked to stop; not a failure
"""


class TrainerError(Exception):
    """Base of all errors of the trainer; the message says what was wrong and what to do next."""


class ConfigError(TrainerError):
    """A training setting is outside what it may be."""


class DataError(TrainerError):
    """Examples, labels or texts that nothing can be trained on."""


class TooFewLabelsError(DataError):
    """A label has too few examples; the message counts them per label."""


class DivergedError(TrainerError):
    """A training's loss became no number before there was a model to keep."""


class BaseModelError(TrainerError):
    """A base model is missing, unreachable, unsafe or not what it should be."""


class ArtifactError(TrainerError):
    """A saved model or checkpoint is damaged or incomplete; the message names the file."""


class Cancelled(TrainerError):
    """The work was stopped on request."""
