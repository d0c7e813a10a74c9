"""How a training reports what it does, and how it learns that it should stop."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class StepReport:
    """After one optimiser step. loss: mean training loss of the step; seconds since the start."""

    step: int
    total_steps: int
    epoch: float
    loss: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class EpochReport:
    """After one validation. metrics: Metrics.to_json() of validation, with its "loss".

    training_loss: mean since the last validation. epoch: passes over the data so far.
    """

    step: int
    epoch: float
    training_loss: float
    learning_rate: float
    metrics: dict[str, Any]
    seconds: float


class Callbacks(Protocol):
    """What the loop calls; implementations may write to a store or draw on a screen."""

    def on_prepare(self, done: int, total: int) -> None:
        """While tweets are embedded, before the first step: how many of how many texts."""

    def on_ngrams(self, done: int, most: int) -> None:
        """While n-grams are fitted: passes over the data, of how many at most."""

    def on_compile(self) -> None:
        """Before the layers are compiled, which takes up to a minute or two."""

    def on_start(self, total_steps: int) -> None:
        """Before the first step."""

    def on_step(self, report: StepReport) -> None:
        """After each optimiser step."""

    def on_epoch(self, report: EpochReport) -> None:
        """After each validation."""

    def should_stop(self) -> bool:
        """Asked between steps; True ends the training and keeps the best epoch so far."""
        ...


class NullCallbacks:
    """Callbacks that report to nobody and never stop."""

    def on_prepare(self, done: int, total: int) -> None:
        """Do nothing."""

    def on_ngrams(self, done: int, most: int) -> None:
        """Do nothing."""

    def on_compile(self) -> None:
        """Do nothing."""

    def on_start(self, total_steps: int) -> None:
        """Do nothing."""

    def on_step(self, report: StepReport) -> None:
        """Do nothing."""

    def on_epoch(self, report: EpochReport) -> None:
        """Do nothing."""

    def should_stop(self) -> bool:
        """Never."""
        return False
