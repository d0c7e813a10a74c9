"""Character n-grams joined to a fine-tuned network: fitted apart, weighed on validation.

Fine-tuning leaves signal in the spelling behind; both experts' logits are added, each times a
factor that makes the validation labels likeliest.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trainer.calibration import fit_mixture, fit_temperature
from trainer.callbacks import Callbacks
from trainer.config import TrainConfig
from trainer.data import Example, label_indices
from trainer.heads import weigh
from trainer.ngrams import NgramPart, NgramTable, fit_joint_counts, hashed_counts
from trainer.predict import Classifier

FEW = 200  # texts below which an n-gram that only one of them has is kept


def table_of_counts(counts: Any) -> NgramTable:
    """Return the table for training texts from their `hashed_counts`.

    N-grams of a single text are left out of many.
    """
    return NgramTable.fit_counts(counts, rarest=1 if counts.shape[0] < FEW else 2)


def fit_ngrams(
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    callbacks: Callbacks | None = None,
) -> NgramPart:
    """Fit n-grams alone to the examples. Raises Cancelled."""
    counts = hashed_counts([example.text for example in examples])
    targets = np.asarray(label_indices(examples, label_map), dtype=np.int64)
    fitted = fit_joint_counts(
        np.zeros((len(examples), 0), dtype=np.float32),
        counts,
        targets,
        weigh(
            [example.weight for example in examples],
            targets.tolist(),
            len(label_map),
            config.class_weights,
        ).numpy(),
        len(label_map),
        table=table_of_counts(counts),
        callbacks=callbacks,
    )
    return replace(fitted.ngrams, bias=fitted.bias)


def join_ngrams(
    classifier: Classifier,
    training: Sequence[Example],
    validation: Sequence[Example],
    config: TrainConfig,
    *,
    callbacks: Callbacks | None = None,
) -> None:
    """Give a fine-tuned classifier its n-grams, fitted on training, weighed on validation."""
    part = fit_ngrams(training, classifier.label_map, config, callbacks=callbacks)
    texts = [example.text for example in validation]
    truth = np.asarray(label_indices(validation, classifier.label_map), dtype=np.int64)
    network = classifier.plain_logits(texts)
    share, factor = fit_mixture(network, part.logits(texts), truth)
    classifier.ngrams = part.scaled(factor)
    classifier.facts = replace(
        classifier.facts,
        ngrams=True,
        network_share=share,
        plain_temperature=fit_temperature(network, truth),
    )
