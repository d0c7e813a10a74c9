"""What can be asked of a project's gold labels: does a split leak, do more help.

With the probe both use the cached embeddings, so that they cost seconds once one was trained.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.calibration import softmax
from trainer.callbacks import Callbacks, NullCallbacks
from trainer.config import TrainConfig
from trainer.data import Example, LabelInfo, of_split
from trainer.encoder import Encoder
from trainer.errors import DataError
from trainer.frozen import labelled_vectors
from trainer.joint_probe import probe_logits
from trainer.leakage import Leakage, measure_leakage
from trainer.learning_curve import LearningCurve, growing_counts, measure_curve
from trainer.metrics import evaluate

FINE_TUNED_POINTS = 5
FEWEST_GROUPS = 20  # of which a tenth is two to judge on


def study_leakage(
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    seeds: Sequence[int],
    callbacks: Callbacks | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Leakage:
    """Compare splits by duplicate group with random ones on all labelled tweets.

    Raises DataError where there are too few to split, or no seed.
    """
    _check_seeds(seeds)
    groups = len({example.group for example in examples})
    if groups < FEWEST_GROUPS:
        raise DataError(
            f"{groups} labelled texts are too few to split in two ways; label {FEWEST_GROUPS}"
        )
    encoder = Encoder.of(config)
    data = labelled_vectors(encoder, examples, label_map, config, cache=cache, callbacks=callbacks)
    return measure_leakage(
        data, label_map, config, seeds=seeds, callbacks=callbacks, on_progress=on_progress
    )


def study_curve(
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    seeds: Sequence[int],
    on_progress: Callable[[int, int], None] | None = None,
    callbacks: Callbacks | None = None,
) -> LearningCurve:
    """Score probes on growing shares of the training labels, on the validation split.

    Validation, not test: the curve is there to decide what to label next.
    Raises DataError when the training or the validation split holds no label, or without a seed.
    """
    _check_seeds(seeds)
    _check_labels(examples)
    encoder = Encoder.of(config)
    data = labelled_vectors(encoder, examples, label_map, config, cache=cache, callbacks=callbacks)
    splits = np.asarray([example.split for example in examples])
    train, judged = data.rows(splits == "train"), data.rows(splits == "validation")
    truth = [label_map[target] for target in judged.targets]

    def score(rows: NDArray[np.int64], seed: int) -> float:
        chosen = TrainConfig.from_json({**config.to_json(), "seed": seed})
        found = probe_logits(train.rows(rows), None, judged, label_map, chosen)
        return evaluate(
            softmax(found),
            truth,
            label_map,
            groups=judged.groups.tolist(),
            split="validation",
            resamples=0,
        ).macro_f1

    return measure_curve(
        train.groups,
        score,
        counts=growing_counts(len(train.targets), len(label_map)),
        seeds=seeds,
        on_progress=on_progress,
        should_stop=callbacks.should_stop if callbacks else None,
    )


def _check_seeds(seeds: Sequence[int]) -> None:
    if not len(seeds):
        raise DataError("no seed to draw by; give at least one")


def _check_labels(examples: Sequence[Example]) -> None:
    for split, name in (("train", "training"), ("validation", "validation")):
        if not of_split(examples, split):
            raise DataError(f"the {name} split holds no label yet; label more tweets")


class _Stoppable(NullCallbacks):
    """Callbacks that only pass on a cancel."""

    def __init__(self, should_stop: Callable[[], bool] | None) -> None:
        self._should_stop = should_stop

    def should_stop(self) -> bool:
        """Pass it on."""
        return self._should_stop is not None and self._should_stop()


def study_fine_tuned_curve(
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    work: Path,
    seeds: Sequence[int],
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> LearningCurve:
    """Fine-tune on growing shares of the training labels; judged as `study_curve` judges.

    Nothing is chosen on the validation tweets here: they are what the score is read off. Slow:
    a whole training for each point and seed. work: an empty directory for checkpoints.
    Raises DataError without validation labels, TooFewLabelsError where a share lacks a label.
    """
    from trainer.train import train

    _check_seeds(seeds)
    _check_labels(examples)
    known, judged = of_split(examples, "train"), of_split(examples, "validation")
    held_out = [replace(example, split="test") for example in judged]
    labels = [LabelInfo(value, value) for value in label_map]
    watch = _Stoppable(should_stop)

    def score(rows: NDArray[np.int64], seed: int) -> float:
        trained = train(
            [*(known[row] for row in rows.tolist()), *held_out],
            labels,
            replace(config, kind="fine_tuned", seed=seed),
            work=work / f"{seed}-{len(rows)}",
            cache=cache,
            callbacks=watch,
        )
        return trained.metrics["test"].macro_f1

    total = len(known)
    first = min(total, max(32 * len(label_map), total // 8))
    return measure_curve(
        np.asarray([example.group for example in known], dtype=np.int64),
        score,
        counts=sorted({round(n) for n in np.geomspace(first, total, FINE_TUNED_POINTS)}),
        seeds=seeds,
        on_progress=on_progress,
        should_stop=should_stop,
    )
