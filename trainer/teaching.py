"""While labels are few, a quick model teaches the network what it thinks of unlabelled tweets.

A handful of labels tells a network with millions of weights next to nothing, and fine-tuning on
them ends below the quick model. Learning its probabilities on some thousand unlabelled tweets
(Hinton et al. 2015, "Distilling the knowledge in a neural network"; on few labels: Chen et al.
2020, "Big self-supervised models are strong semi-supervised learners") starts where it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.calibration import softmax
from trainer.callbacks import Callbacks
from trainer.config import TrainConfig
from trainer.data import Example
from trainer.encoder import Encoder
from trainer.frozen import labelled_vectors
from trainer.joint_probe import fit_joint_probe
from trainer.predict import embeddings

SURE = 0.8  # the teacher's mean confidence on the unlabelled tweets, as it is taught


@dataclass(frozen=True)
class Taught:
    """Texts and what the teacher thinks of them: probabilities (m, K)."""

    texts: list[str]
    probabilities: NDArray[np.float32]


def teach(
    training: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    texts: Sequence[str],
    *,
    cache: Path,
    callbacks: Callbacks,
) -> Taught | None:
    """Return the lessons for a network, or None where there are labels enough or no texts.

    texts: unlabelled tweets, none of them of a duplicate group that is judged. Takes a minute at
    most and is not broken off: a resumed training that is cancelled meanwhile has an epoch to keep.
    """
    chosen = list(dict.fromkeys(texts))
    chosen = chosen[: config.lessons(len(training), len(label_map), len(chosen))]
    if not chosen:
        return None
    encoder = Encoder.of(config)
    read = replace(config, kind="probe", pooling="mean")
    known = labelled_vectors(encoder, training, label_map, read, cache=cache)
    teacher = fit_joint_probe(known, len(label_map), config)
    vectors = embeddings(
        encoder,
        chosen,
        max_length=config.max_length,
        pooling="mean",
        cache=cache,
        on_progress=callbacks.on_prepare,
    )
    return Taught(chosen, sharpened(teacher.logits(vectors, chosen)))


def sharpened(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of logits (m, K), scaled until they are SURE on average.

    A teacher that saw eight labels of a class hardly prefers one to another; a network that
    learns so little a preference ends with none. Which label is likeliest stays as it was, and
    validation sets the confidence afterwards.
    """
    low, high = 1.0, 1000.0
    for _ in range(40):  # the mean grows with the scale: halve the interval
        middle = (low * high) ** 0.5
        sure = float(softmax(logits * np.float32(middle)).max(axis=1).mean())
        low, high = (middle, high) if sure < SURE else (low, middle)
    return softmax(logits * np.float32(low)).astype(np.float32)
