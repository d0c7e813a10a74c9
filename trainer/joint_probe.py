"""The probe as a version has it: embeddings and n-grams together, unless these are left out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.callbacks import Callbacks, NullCallbacks
from trainer.config import TrainConfig
from trainer.errors import DataError
from trainer.heads import weigh
from trainer.joining import table_of_counts
from trainer.ngrams import Joint, fit_joint_counts, hashed_counts
from trainer.probe import fit_probe
from trainer.probe_watch import Labelled


def fit_joint_probe(
    data: Labelled,
    labels: int,
    config: TrainConfig,
    *,
    callbacks: Callbacks | None = None,
) -> Joint:
    """Fit embeddings and n-grams together. Raises Cancelled, DataError without texts."""
    if data.texts is None:
        raise DataError("n-grams need the tweets' texts, and only their embeddings are at hand")
    counts = hashed_counts(data.texts.tolist())
    return fit_joint_probe_counts(data, counts, labels, config, callbacks=callbacks)


def fit_joint_probe_counts(
    data: Labelled,
    counts: Any,
    labels: int,
    config: TrainConfig,
    *,
    start: Joint | None = None,
    callbacks: Callbacks | None = None,
) -> Joint:
    """Fit as `fit_joint_probe` does, to `hashed_counts` of the texts.

    start: an earlier fit to nearly the same tweets, from which to go on. Raises Cancelled.
    """
    return fit_joint_counts(
        data.vectors,
        counts,
        data.targets,
        weigh(data.weights.tolist(), data.targets.tolist(), labels, config.class_weights).numpy(),
        labels,
        table=table_of_counts(counts),
        start=start,
        callbacks=callbacks,
    )


def joint_logits(joint: Joint, data: Labelled) -> NDArray[np.float32]:
    """Return a joint probe's logits (n, K). Raises DataError without texts."""
    if data.texts is None:
        raise DataError("n-grams need the tweets' texts, and only their embeddings are at hand")
    return joint.logits(data.vectors, data.texts.tolist())


def probe_logits(
    train: Labelled,
    validation: Labelled | None,
    judged: Labelled,
    label_map: Sequence[str],
    config: TrainConfig,
) -> NDArray[np.float32]:
    """Train a probe as a version's is trained, and return its logits (n, K) on other tweets.

    Where no texts are at hand it does without n-grams.
    """
    if config.joins_ngrams and train.texts is not None:
        return joint_logits(fit_joint_probe(train, len(label_map), config), judged)
    found = fit_probe(train, validation, label_map, config, NullCallbacks())
    return found.logits(judged.vectors)
