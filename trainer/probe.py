"""A head on frozen embeddings: the classifier that trains in seconds.

A linear head is a softmax regression with an L2 penalty, fitted by L-BFGS along a path from the
strongest penalty to the weakest, each fit starting from the last; validation macro-F1 chooses.
An MLP head is trained by AdamW in small batches; validation macro-F1 chooses the moment.
Both are fitted in standardised coordinates, in which they converge several times faster, and
folded back: the result is a plain head on the embeddings themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainer.callbacks import Callbacks
from trainer.config import TrainConfig
from trainer.coordinates import first_layer, fit_coordinates
from trainer.errors import DataError
from trainer.heads import HeadShape, build_head, weigh
from trainer.probe_watch import Labelled, Watch

PATH = (3.0, 1.0, 0.3, 0.1, 0.03)  # penalties, times width (the squared length) / tweets
MIDDLE = 0.3  # taken when validation is too small to choose
LABELS_TO_CHOOSE = 10  # validation tweets per label below which a choice would be luck
VALIDATIONS = 10  # of an MLP head
PASSES = 8  # over the training data, which sets an MLP's batch size
MLP_RATE, MLP_DECAY = 1e-3, 1e-2  # of AdamW; a head takes more than an encoder


@dataclass(frozen=True)
class ProbeHead:
    """A fitted head. best: which report was kept (from 1); penalty: of a linear head.

    reports, steps: how many there were.
    """

    shape: HeadShape
    head: nn.Sequential
    best: int
    penalty: float | None
    cancelled: bool
    reports: int = 0
    steps: int = 0

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (n, K) of embeddings (n, width)."""
        with torch.inference_mode():
            return np.asarray(self.head(torch.from_numpy(np.ascontiguousarray(vectors))).numpy())


def fit_probe(
    train: Labelled,
    validation: Labelled | None,
    label_map: Sequence[str],
    config: TrainConfig,
    callbacks: Callbacks,
) -> ProbeHead:
    """Fit the head that `config` asks for; each report is one validation.

    config: head, mlp_*, class_weights, probe_steps (at most), probe_l2 (0: chosen), seed.
    Without validation tweets the middle penalty, or the last moment, is taken. Deterministic
    for one seed and thread count. A stop keeps the best report so far; before the first one it
    raises Cancelled. Raises DataError for nothing to train on.
    """
    if len(train.targets) == 0:
        raise DataError("no training tweet has a label; label some tweets of the training split")
    shape = HeadShape.from_config(config, width=train.vectors.shape[1], labels=len(label_map))
    if validation is not None and len(validation.targets) == 0:
        validation = None
    watch = Watch(validation, label_map, callbacks)
    fit = _fit_linear if shape.is_linear else _fit_mlp
    with torch.random.fork_rng(devices=[]):  # new layers and dropout draw from the global dice
        torch.manual_seed(config.seed)
        head, penalty = fit(train, shape, config, watch)
    return ProbeHead(
        shape, head, watch.best, penalty, watch.stopped, reports=watch.reports, steps=watch.step
    )


def _fit_linear(
    train: Labelled, shape: HeadShape, config: TrainConfig, watch: Watch
) -> tuple[nn.Sequential, float | None]:
    count, vectors = len(train.targets), torch.from_numpy(train.vectors)
    # The fewer the tweets, the less their covariance is to be trusted.
    where = fit_coordinates(train.vectors, shrink=min(max(4 * shape.width / count, 0.05), 100.0))
    inputs, targets = where.of(vectors), torch.from_numpy(train.targets)
    weights = _weigh(train, shape, config)
    penalties = _penalties(config, watch.validation, shape, count)
    head = build_head(shape)
    layer = first_layer(head)
    nn.init.zeros_(layer.weight)
    cap = max(1, config.probe_steps // len(penalties))
    watch.start(cap * len(penalties))
    for number, penalty in enumerate(penalties):

        def loss(penalty: float = penalty) -> torch.Tensor:
            fit = nn.functional.cross_entropy(layer(inputs), targets, reduction="none") @ weights
            return fit / count + penalty / 2 * layer.weight.square().sum()

        def report(value: float, share: float, number: int = number) -> None:
            watch.stepped(value, 1.0, number + share)

        _minimise(loss, list(layer.parameters()), cap, report, watch.stop)
        if watch.stopped and (watch.kept is not None or number == 0):
            break
        watch.validate(where.folded(head), penalty, 1.0)
    return watch.result()


def _minimise(
    loss: Callable[[], torch.Tensor],
    weights: list[nn.Parameter],
    cap: int,
    report: Callable[[float, float], None],
    stop: Callable[[], bool],
) -> None:
    """Minimise `loss` by L-BFGS, one reported iteration at a time, until it stands still."""
    optimiser = torch.optim.LBFGS(
        weights, max_iter=1, history_size=20, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    before = float("inf")
    for number in range(cap):
        if stop():
            return
        value = float(optimiser.step(closure).detach())  # type: ignore[no-untyped-call]
        report(value, (number + 1) / cap)
        if before - value < 1e-6 * max(1.0, abs(value)):
            return
        before = value


def _fit_mlp(
    train: Labelled, shape: HeadShape, config: TrainConfig, watch: Watch
) -> tuple[nn.Sequential, float | None]:
    count, steps = len(train.targets), config.probe_steps
    where = fit_coordinates(train.vectors, shrink=None)
    inputs = where.of(torch.from_numpy(train.vectors))
    targets, weights = torch.from_numpy(train.targets), _weigh(train, shape, config)
    batch = min(count, max(32, round(PASSES * count / steps)))
    dice = torch.Generator().manual_seed(config.seed)
    every = max(1, steps // VALIDATIONS)
    head = build_head(shape, generator=dice)
    optimiser = torch.optim.AdamW(head.parameters(), lr=MLP_RATE, weight_decay=MLP_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, MLP_RATE, total_steps=steps + 1)
    order = torch.empty(0, dtype=torch.long)
    watch.start(steps)
    for step in range(1, steps + 1):
        if watch.stop():
            break
        if len(order) < batch:
            order = torch.randperm(count, generator=dice)
        rows, order = order[:batch], order[batch:]
        head.train()
        losses = nn.functional.cross_entropy(
            head(inputs[rows]),
            targets[rows],
            reduction="none",
            label_smoothing=config.label_smoothing,
        )
        loss = (losses * weights[rows]).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        rate = float(schedule.get_last_lr()[0])
        watch.stepped(float(loss.detach()), rate, step * batch / count)
        if step % every == 0 or step == steps:
            watch.validate(where.folded(head), None, rate)
            patience = config.early_stopping_patience
            if patience and watch.reports - watch.best >= patience:
                break
    return watch.result()


def _weigh(train: Labelled, shape: HeadShape, config: TrainConfig) -> torch.Tensor:
    """Return each tweet's weight in the loss, mean 1: its own times its label's."""
    if not float(train.weights.sum()) > 0:
        raise DataError("all training tweets have weight 0; give some of them a weight above 0")
    return weigh(train.weights.tolist(), train.targets.tolist(), shape.labels, config.class_weights)


def _penalties(
    config: TrainConfig, validation: Labelled | None, shape: HeadShape, count: int
) -> list[float]:
    """Return the L2 penalties to try, the strongest first."""
    if config.probe_l2 > 0:
        return [config.probe_l2]
    if validation is None or len(validation.targets) < LABELS_TO_CHOOSE * shape.labels:
        return [MIDDLE * shape.width / count]
    return [strength * shape.width / count for strength in PATH]
