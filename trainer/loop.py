"""The training loop: examples in, the weights of the best validation out.

It knows no store and no screen; it reports through callbacks, and it can be killed at any
point and resumed from the last complete checkpoint to the same weights.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import nn

from trainer.batching import TokenIds, shares, training_batches
from trainer.bert_layers import drops_out
from trainer.callbacks import Callbacks, EpochReport, StepReport
from trainer.checkpoints import Checkpoints, Progress, Weights
from trainer.compiling import settle_layers
from trainer.config import TrainConfig
from trainer.errors import Cancelled, DivergedError
from trainer.faults import fault_point
from trainer.master import MasterWeights
from trainer.memory import give_back
from trainer.network import TextClassifier, batch_of, choose_trained
from trainer.schedule import Schedule
from trainer.side_by_side import side_by_side
from trainer.together import Together

SHARE = 16  # texts of a batch that a thread learns from at least
TIDY_EVERY = 10  # steps between two looks for memory to give back
TRIAL = 3  # batches by which it is measured whether to compile
Gradients = tuple[torch.Tensor | None, ...]  # of what is trained, in its order


@dataclass(frozen=True)
class TrainingSet:
    """Tokenised texts (n), their targets, loss weights (n,) with mean 1.

    targets: label positions (n,), or shares of the labels (n, K) where some are only believed.
    counts (n,): how many tweets each text stands for.
    """

    ids: Sequence[TokenIds]
    targets: torch.Tensor
    weights: torch.Tensor
    counts: NDArray[np.int64]
    pad_id: int


@dataclass(frozen=True)
class Validation:
    """One validation: its metrics as JSON (with "loss"), and the score that chooses the best.

    score: None where there are too few labels to choose by; the last weights are kept then.
    """

    metrics: dict[str, Any]
    score: float | None


@dataclass(frozen=True)
class Fitted:
    """How a training ended. weights: the trained ones, float32, of the best validation.

    compiled: whether the encoder's layers were.
    """

    weights: Weights
    best_epoch: float
    steps: int
    seconds: float
    tweets_per_second: float
    cancelled: bool
    compiled: bool


class Loop:
    """One training under way. All state that a checkpoint keeps hangs on this object."""

    def __init__(
        self,
        network: TextClassifier,
        data: TrainingSet,
        config: TrainConfig,
        *,
        validate: Callable[[], Validation | None],
        checkpoints: Checkpoints,
        callbacks: Callbacks,
    ) -> None:
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available())
        self.together = Together(self.accelerator)
        choose_trained(network, config)
        self.network = network.to(self.accelerator.device)
        self.data, self.config = data, config
        self.lengths = [len(row) for row in data.ids]
        self.validate, self.checkpoints, self.callbacks = validate, checkpoints, callbacks
        self.weights = MasterWeights(self.network)
        self.optimizer = make_optimizer(self.weights, config)
        self.schedule = Schedule.plan(len(data.ids), config)
        self.progress = Progress()
        self.compiled = False

    def run(self) -> Fitted:
        """Train to the end, an early stop, a cancel, or until the loss is no number any more.

        Raises Cancelled, or DivergedError, if nothing is worth keeping yet.
        """
        torch.manual_seed(self.config.seed)
        self._settle_layers(wanted=self._resume())
        first, started = self.progress, time.monotonic()
        self.callbacks.on_start(self.schedule.total_steps)
        losses: list[float] = []
        cancelled, diverged, tweets, stepping = False, False, 0, 0.0
        for step, batches in self._steps(first.step):
            if self._waited_enough():  # also of a training that was killed after it stopped
                break
            if self.together.any(self.callbacks.should_stop()):
                cancelled = True
                break
            began = time.monotonic()
            losses.append(self._step(step, batches))
            if diverged := self._diverged(step, losses[-1]):
                break
            stepping += time.monotonic() - began
            tweets += sum(int(self.data.counts[batch].sum()) for batch in batches)
            fault_point("step")
            seconds = first.seconds + time.monotonic() - started
            self.progress = replace(self.progress, step=step, seconds=seconds)
            if step % TIDY_EVERY == 0:
                give_back()
            if self.together.first:
                self.callbacks.on_step(self._report(step, losses[-1], seconds))
            if self.schedule.validates_after(step):
                self._validate(losses)
                losses = []
        if diverged and self.progress.best_step < 0:
            raise DivergedError(
                f"the training diverged at step {step}: its loss is no number any more; lower the "
                f"learning rate ({self.config.learning_rate:g} now) or clip gradients harder"
            )
        if self.progress.best_step < 0:
            raise Cancelled("stopped before the first validation; there is no model to keep")
        return Fitted(
            weights=self.checkpoints.best(self.progress),
            best_epoch=self.progress.best_step / self.schedule.steps_per_epoch,
            steps=self.progress.step,
            seconds=first.seconds + time.monotonic() - started,
            tweets_per_second=tweets / stepping if stepping else 0.0,
            cancelled=cancelled,
            compiled=self.compiled,
        )

    def _waited_enough(self) -> bool:
        return 0 < self.config.early_stopping_patience <= self.progress.waited

    def _diverged(self, step: int, loss: float) -> bool:
        """Whether a step's loss, or before a validation what it made of the weights, is no number.

        What was validated before is kept.
        """
        judged = self.schedule.validates_after(step)
        whole = not judged or all(bool(weight.isfinite().all()) for weight in self.weights)
        return not (math.isfinite(loss) and whole)

    def _steps(self, done: int) -> Iterator[tuple[int, list[NDArray[np.int64]]]]:
        """(step from 1, its batches of positions), going on after `done` steps."""
        per_epoch, group = self.schedule.steps_per_epoch, self.config.gradient_accumulation
        for epoch in range(done // per_epoch, self.config.epochs):
            batches = training_batches(
                self.lengths, self.config.batch_size, seed=self.config.seed, epoch=epoch
            )
            for place in range(per_epoch):
                step = epoch * per_epoch + place + 1
                if step > done:
                    yield step, batches[place * group : (place + 1) * group]

    def _step(self, step: int, batches: list[NDArray[np.int64]]) -> float:
        """One optimiser step over its batches; returns the mean loss of their examples."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * self.schedule.rate(step - 1)
        self.network.train()
        total = self._learn(batches, self.weights.add_gradients)
        self.together.sum_gradients(self.weights)
        if self.config.gradient_clip:
            nn.utils.clip_grad_norm_(self.weights, self.config.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.weights.publish()
        return self.together.sum(total)

    def _learn(self, batches: list[NDArray[np.int64]], add: Callable[[Gradients], object]) -> float:
        """The batches' mean loss as far as this process has it; `add` gets its gradients."""
        examples, total = sum(map(len, batches)), 0.0
        threads = self._threads()
        work = [
            share
            for batch in map(self.together.share_of, batches)
            for share in shares(batch, self.lengths, threads)
        ]
        learn = partial(self._gradients, examples=examples)
        with closing(side_by_side(learn, work, threads=threads)) as learnt:
            for loss, gradients in learnt:
                total += loss
                add(gradients)
        return total

    def _threads(self) -> int:
        """How many threads learn side by side; 1 where random numbers have an order, or a share
        would be too small to fill a core."""
        threads = torch.get_num_threads()
        apart = self.accelerator.device.type == "cpu" and not drops_out(self.network)
        return threads if apart and self.config.batch_size >= SHARE * threads else 1

    def _gradients(self, batch: NDArray[np.int64], *, examples: int) -> tuple[float, Gradients]:
        """What a share adds to the step's mean loss, and to the gradients of what is trained."""
        loss = self._loss(batch) / examples
        gradients = torch.autograd.grad(loss, self.weights.live, allow_unused=True)
        return float(loss.detach()), gradients

    def _loss(self, batch: NDArray[np.int64]) -> torch.Tensor:
        """Sum over the batch of weighted cross-entropy, smoothed as the settings say."""
        device = self.accelerator.device
        positions = torch.from_numpy(batch)
        rows = [self.data.ids[place] for place in batch]
        losses = nn.functional.cross_entropy(
            self.network(batch_of(self.network.encoder, rows, self.data.pad_id)),
            self.data.targets[positions].to(device),
            reduction="none",
            label_smoothing=self.config.label_smoothing,
        )
        return (losses * self.data.weights[positions].to(device)).sum()

    def _validate(self, losses: Sequence[float]) -> None:
        """Score the weights as they stand, and put them on disk."""
        self.network.eval()
        validation = self.validate()
        fault_point("evaluate")
        before = self.progress
        chosen_by = None if validation is None else validation.score
        score = float(before.step) if chosen_by is None else chosen_by
        better = score > before.best_score
        self.progress = replace(
            before,
            best_step=before.step if better else before.best_step,
            best_score=score if better else before.best_score,
            waited=0 if better else before.waited + 1,
        )
        if self.together.first:
            self.checkpoints.save(self.weights.state(), self._state(), self.progress)
            self.callbacks.on_epoch(self._validated(losses, before, validation))
        self.together.wait()

    def _validated(
        self, losses: Sequence[float], before: Progress, validation: Validation | None
    ) -> EpochReport:
        return EpochReport(
            step=before.step,
            epoch=before.step / self.schedule.steps_per_epoch,
            training_loss=float(np.mean(losses)),
            learning_rate=float(self.optimizer.param_groups[0]["lr"]),
            metrics={} if validation is None else validation.metrics,
            seconds=before.seconds,
        )

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"optimizer": self.optimizer.state_dict()}
        state["compiled"] = self.compiled
        state["random"] = torch.get_rng_state()
        if torch.cuda.is_available():
            state["cuda"] = torch.cuda.get_rng_state_all()
        return state

    def _settle_layers(self, *, wanted: str) -> None:
        """Compile the layers where a training of this length gains from it; no number is drawn.

        wanted: as in the settings. The processes compute alike, and so does a resumed training.
        """
        batches = training_batches(self.lengths, self.config.batch_size, seed=0, epoch=0)[:TRIAL]
        remaining = self.schedule.total_steps - self.progress.step
        times = remaining * self.config.gradient_accumulation / len(batches)
        settle = partial(
            settle_layers,
            self.network.encoder,
            partial(self._try, batches),
            times=times,
            on_compile=self.callbacks.on_compile,
        )
        device = self.accelerator.device
        self.network.train()
        with torch.random.fork_rng([] if device.type == "cpu" else [device]):
            here = settle(wanted=wanted)
            self.compiled = self.together.any(here)
            if self.compiled and not here:
                settle(wanted="yes")

    def _try(self, batches: list[NDArray[np.int64]]) -> None:
        """Learn from batches as a step does, and forget it."""
        for batch in batches:
            self._learn([batch], lambda _: None)

    def _resume(self) -> str:
        """Go on from the last checkpoint, if there is one; return whether to compile."""
        found = self.checkpoints.latest()
        fault_point("load")
        if found is None:
            return self.config.compiled
        state = found.state()
        self.weights.load(found.weights())
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        if "cuda" in state and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(state["cuda"])
        self.progress = found.progress
        return "yes" if state.get("compiled") else "no"

    def _report(self, step: int, loss: float, seconds: float) -> StepReport:
        return StepReport(
            step=step,
            total_steps=self.schedule.total_steps,
            epoch=step / self.schedule.steps_per_epoch,
            loss=loss,
            learning_rate=float(self.optimizer.param_groups[0]["lr"]),
            seconds=seconds,
        )


def make_optimizer(weights: MasterWeights, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (fused) or plain SGD; weight decay on matrices only, as is usual for BERT."""
    groups = [
        {"params": [w for w in weights if w.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate)
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
