"""How much a random split would flatter: the same probe, judged on both kinds of split.

Retweets and copies put nearly the same text on both sides of a random split, and a classifier
scores by having seen the answer (Mu et al. 2024, arXiv 2410.03545, find this in twenty
social-media data sets).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.calibration import softmax
from trainer.callbacks import Callbacks, NullCallbacks
from trainer.config import TrainConfig
from trainer.errors import Cancelled
from trainer.joint_probe import probe_logits
from trainer.metrics import evaluate
from trainer.probe_watch import Labelled
from trainer.splits import (
    METHOD,
    RANDOM_METHOD,
    SplitShares,
    split_at_random,
    split_by_group,
    straddling_groups,
)


@dataclass(frozen=True)
class SplitKind:
    """Scores on one kind of split. macro_f1: one a seed; seen: share of test tweets whose
    duplicate group is in training, too (mean over the seeds).
    """

    method: str
    macro_f1: list[float]
    mean: float
    seen: float
    straddling: int


@dataclass(frozen=True)
class Leakage:
    """Both kinds of split side by side; flattery: random minus grouped macro-F1."""

    n: int
    grouped: SplitKind
    random: SplitKind
    flattery: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def measure_leakage(
    data: Labelled,
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    shares: SplitShares | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    callbacks: Callbacks | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Leakage:
    """Train the probe on splits by group and on random splits of all labelled tweets.

    data: embeddings and labels of every split together; the project's own splits stay as they
    are. Raises DataError for nothing to train on, Cancelled when stopped.
    """
    shares, callbacks = shares or SplitShares(), callbacks or NullCallbacks()
    groups = data.groups.tolist()
    labels = [label_map[target] for target in data.targets]
    kinds: list[SplitKind] = []
    callbacks.on_start(2 * len(seeds))
    for method in (METHOD, RANDOM_METHOD):
        scores, seen, straddling = [], [], 0
        for seed in seeds:
            if callbacks.should_stop():
                raise Cancelled("stopped while comparing the splits; nothing was changed")
            if method == METHOD:
                splits = split_by_group(groups, labels, shares=shares, seed=seed)
            else:
                splits = split_at_random(len(groups), shares=shares, seed=seed)
            chosen = np.asarray(splits)
            scores.append(_score(data, chosen, label_map, config))
            if on_progress is not None:
                on_progress(len(kinds) * len(seeds) + len(scores), 2 * len(seeds))
            test = data.groups[chosen == "test"]
            seen.append(float(np.isin(test, data.groups[chosen == "train"]).mean()))
            straddling += len(straddling_groups(groups, splits))
        told = method.format(seed=", ".join(map(str, seeds)))
        mean = float(np.mean(scores))
        kinds.append(SplitKind(told, scores, mean, float(np.mean(seen)), straddling // len(seeds)))
    grouped, random = kinds
    return Leakage(len(groups), grouped, random, flattery=random.mean - grouped.mean)


def _score(
    data: Labelled, splits: NDArray[Any], label_map: Sequence[str], config: TrainConfig
) -> float:
    """Return the test macro-F1 of a probe trained on `splits` (n,)."""
    parts = {split: data.rows(splits == split) for split in ("train", "validation", "test")}
    test = parts["test"]
    return evaluate(
        softmax(probe_logits(parts["train"], parts["validation"], test, label_map, config)),
        [label_map[target] for target in test.targets],
        label_map,
        groups=test.groups.tolist(),
        split="test",
        resamples=0,
    ).macro_f1
