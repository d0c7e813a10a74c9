"""What a probe learns from, and the watch on its fitting: reports, stop, the best so far."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainer.calibration import softmax
from trainer.callbacks import Callbacks, EpochReport, StepReport
from trainer.errors import Cancelled, DataError
from trainer.metrics import evaluate


@dataclass(frozen=True)
class Labelled:
    """Embeddings (n, width) float32, label positions (n,), duplicate groups and weights (n,).

    texts (n,): for n-grams; None where only embeddings are at hand.
    """

    vectors: NDArray[np.float32]
    targets: NDArray[np.int64]
    groups: NDArray[np.int64]
    weights: NDArray[np.float32]
    texts: NDArray[np.object_] | None = None

    def __post_init__(self) -> None:
        sizes = {len(part) for part in (self.vectors, self.targets, self.groups, self.weights)}
        sizes |= set() if self.texts is None else {len(self.texts)}
        if len(sizes) != 1 or self.vectors.ndim != 2:
            raise DataError(
                f"embeddings of the shape {self.vectors.shape} for {len(self.targets)} labels, "
                f"{len(self.groups)} groups and {len(self.weights)} weights; give one of each"
            )

    def rows(self, chosen: NDArray[Any]) -> "Labelled":
        """Return the rows that a mask (n,) or positions (m,) choose."""
        return Labelled(
            self.vectors[chosen],
            self.targets[chosen],
            self.groups[chosen],
            self.weights[chosen],
            None if self.texts is None else self.texts[chosen],
        )


class Watch:
    """Reports steps and validations, and keeps the head of the best validation."""

    def __init__(
        self, validation: Labelled | None, label_map: Sequence[str], callbacks: Callbacks
    ) -> None:
        self.validation, self.label_map, self.callbacks = validation, label_map, callbacks
        self.best, self.reports, self.step, self.total = 0, 0, 0, 0
        self.score = -1.0
        self.kept: tuple[nn.Sequential, float | None] | None = None
        self.stopped = False
        self._start, self._losses = time.monotonic(), list[float]()

    def start(self, total_steps: int) -> None:
        """Tell how many steps there are at most."""
        self.total = total_steps
        self.callbacks.on_start(total_steps)

    def stop(self) -> bool:
        """Ask whether somebody wants an end."""
        self.stopped = self.stopped or self.callbacks.should_stop()
        return self.stopped

    def stepped(self, loss: float, rate: float, epoch: float) -> None:
        """Report an optimiser step."""
        self.step += 1
        self._losses.append(loss)
        seconds = time.monotonic() - self._start
        self.callbacks.on_step(StepReport(self.step, self.total, epoch, loss, rate, seconds))

    def validate(self, head: nn.Sequential, penalty: float | None, rate: float) -> None:
        """Report a validation; keep the head if it is the best, the first on a tie."""
        metrics = self._metrics(head)
        self.reports += 1
        score = metrics.get("macro_f1")
        if score is None or score > self.score:
            self.score = -1.0 if score is None else score
            self.best, self.kept = self.reports, (head, penalty)
        loss = float(np.mean(self._losses)) if self._losses else 0.0
        self._losses = []
        self.callbacks.on_epoch(
            EpochReport(
                step=self.step,
                epoch=float(self.reports),
                training_loss=loss,
                learning_rate=rate,
                metrics=metrics,
                seconds=time.monotonic() - self._start,
            )
        )

    def result(self) -> tuple[nn.Sequential, float | None]:
        """Return the best head and its penalty. Raises Cancelled when there is none."""
        if self.kept is None:
            raise Cancelled("stopped before the first validation; there is no head to keep")
        return self.kept

    def _metrics(self, head: nn.Sequential) -> dict[str, Any]:
        if self.validation is None:
            return {}
        with torch.inference_mode():
            logits = head(torch.from_numpy(self.validation.vectors)).numpy()
        found = evaluate(
            softmax(logits),
            [self.label_map[target] for target in self.validation.targets],
            self.label_map,
            groups=self.validation.groups.tolist(),
            split="validation",
            resamples=0,
        )
        return {**found.to_json(), "loss": found.log_loss}
