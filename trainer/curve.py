"""Callbacks that thin a training's curve and hand it on, to whatever keeps it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from trainer.callbacks import EpochReport, StepReport

POINTS = 200


@dataclass
class CurveRecorder:
    """Keeps about 200 points of the loss curve a run and every validation.

    progress(done, total, message) returns whether it was due; points are handed on with it.
    """

    progress: Callable[[int, int, str], bool]
    add_steps: Callable[[Sequence[dict[str, Any]]], None]
    add_epoch: Callable[[dict[str, Any]], None]
    stop: Callable[[], bool]
    points: list[dict[str, Any]] = field(default_factory=list)
    every: int = 1

    def on_prepare(self, done: int, total: int) -> None:
        """Pass on how many tweets are embedded."""
        self.progress(done, total, f"reading the tweets, {done:,} of {total:,}")

    def on_ngrams(self, done: int, most: int) -> None:
        """Pass on how far the n-grams are fitted."""
        self.progress(done, most, f"fitting n-grams, pass {done} of at most {most}")

    def on_compile(self) -> None:
        """Tell why nothing moves for a while."""
        self.progress(0, 0, "compiling the layers, up to two minutes")

    def on_start(self, total_steps: int) -> None:
        """Choose how many steps a point of the curve stands for."""
        self.every = max(1, total_steps // POINTS)
        self.progress(0, total_steps, "training")

    def on_step(self, report: StepReport) -> None:
        """Keep a point now and then, and hand on what was kept when progress is due."""
        if report.step % self.every == 0 or report.step == report.total_steps:
            facts = ("step", "epoch", "loss", "learning_rate")
            self.points.append({name: getattr(report, name) for name in facts})
        message = f"training, step {report.step} of {report.total_steps}"
        if self.progress(report.step, report.total_steps, message):
            self._hand_on()

    def on_epoch(self, report: EpochReport) -> None:
        """Hand on a validation."""
        self._hand_on()
        self.add_epoch(asdict(report))

    def should_stop(self) -> bool:
        """Pass on a cancel."""
        return self.stop()

    def _hand_on(self) -> None:
        self.add_steps(self.points)
        self.points = []
