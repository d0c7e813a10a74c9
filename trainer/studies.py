"""What can be asked of a project's gold labels, with the probe: does a split leak, do more help.

Both use the cached embeddings, so that they cost seconds once a probe has been trained.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.calibration import softmax
from trainer.callbacks import NullCallbacks
from trainer.config import TrainConfig
from trainer.data import Example
from trainer.encoder import Encoder
from trainer.errors import DataError
from trainer.frozen import labelled_vectors
from trainer.leakage import Leakage, measure_leakage
from trainer.learning_curve import LearningCurve, growing_counts, measure_curve
from trainer.metrics import evaluate
from trainer.probe import fit_probe


def study_leakage(
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    seeds: Sequence[int],
) -> Leakage:
    """Compare splits by duplicate group with random ones on all labelled tweets."""
    encoder = Encoder.load(config.base_model, precision=config.precision, threads=config.threads)
    data = labelled_vectors(encoder, examples, label_map, config, cache=cache)
    return measure_leakage(data, label_map, config, seeds=seeds)


def study_curve(
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    seeds: Sequence[int],
    on_progress: Callable[[int, int], None] | None = None,
) -> LearningCurve:
    """Score probes on growing shares of the training labels, on the validation split.

    Validation, not test: the curve is there to decide what to label next.
    Raises DataError when the validation split holds no label.
    """
    encoder = Encoder.load(config.base_model, precision=config.precision, threads=config.threads)
    data = labelled_vectors(encoder, examples, label_map, config, cache=cache)
    splits = np.asarray([example.split for example in examples])
    train, judged = data.rows(splits == "train"), data.rows(splits == "validation")
    if not len(judged.targets):
        raise DataError("the validation split holds no label yet; label more tweets")
    truth = [label_map[target] for target in judged.targets]

    def score(rows: NDArray[np.int64], seed: int) -> float:
        chosen = TrainConfig.from_json({**config.to_json(), "seed": seed})
        found = fit_probe(train.rows(rows), None, label_map, chosen, NullCallbacks())
        return evaluate(
            softmax(found.logits(judged.vectors)),
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
    )
