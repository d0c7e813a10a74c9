"""How many steps a training has, what rate each learns at, and where validations stand."""

import math
from dataclasses import dataclass

from trainer.config import TrainConfig


@dataclass(frozen=True)
class Schedule:
    """The steps of one training. validations: steps, counted within an epoch from 1."""

    steps_per_epoch: int
    total_steps: int
    warmup_steps: int
    validations: frozenset[int]
    decay: str = "linear"  # as in the settings

    @classmethod
    def plan(cls, examples: int, config: TrainConfig) -> "Schedule":
        """The schedule for so many training examples."""
        batches = math.ceil(examples / config.batch_size)
        per_epoch = math.ceil(batches / config.gradient_accumulation)
        parts = min(config.evaluations_per_epoch, per_epoch)
        total = per_epoch * config.epochs
        stops = frozenset(round(per_epoch * part / parts) for part in range(1, parts + 1))
        return cls(per_epoch, total, round(total * config.warmup), stops, config.decay)

    def rate(self, step: int) -> float:
        """Share of the peak learning rate at a step (from 0): linear rise, then the decay to 0.

        cosine: half a wave (Loshchilov and Hutter, 2017, no restarts). none: it stays at its peak.
        """
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        left = (self.total_steps - step) / max(1, self.total_steps - self.warmup_steps)
        if self.decay == "cosine":
            return (1 - math.cos(math.pi * left)) / 2
        return 1.0 if self.decay == "none" else left

    def validates_after(self, step: int) -> bool:
        """Whether a validation follows the step-th step (from 1)."""
        return (step - 1) % self.steps_per_epoch + 1 in self.validations
