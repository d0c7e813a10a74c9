"""A classifier before the first label: tweets against what the labels' descriptions say.

Each label is the direction of its name and description among the embeddings (Yin et al. 2019,
"Benchmarking zero-shot text classification"); no label is preferred: where tweets are at hand,
each label's similarity is measured from its mean over them and in its own deviations, because
descriptions differ in how close they lie to everything. The result is a linear head.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data import LabelInfo
from trainer.errors import DataError
from trainer.heads import HeadShape, linear_head
from trainer.probe import ProbeHead

SHARPNESS = 0.3  # logits per deviation: a guess should not look like knowledge
PLAIN_SHARPNESS = 10.0  # logits per unit of cosine, when there are no tweets to measure on
ENOUGH_TWEETS = 50


def descriptions(label: LabelInfo) -> list[str]:
    """Return the texts that stand for a label: the name, and each sentence of its description."""
    sentences = [part.strip() for part in label.description.replace("; ", ". ").split(". ")]
    return [label.name, *(sentence for sentence in sentences if sentence)]


def fit_zero_shot(
    labels: Sequence[LabelInfo],
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
    *,
    tweets: NDArray[np.float32] | None = None,
) -> ProbeHead:
    """Return a linear head made from the labels' names and descriptions alone.

    embed: texts to embeddings (n, width), each of length sqrt(width) as the encoder gives them.
    tweets: embeddings of unlabelled tweets of the project (some hundreds do).
    Raises DataError when two labels read the same: nothing could tell them apart.
    """
    directions = np.stack([_direction(embed(descriptions(label))) for label in labels])
    for place, label in enumerate(labels):
        for other in range(place):
            if np.allclose(directions[place], directions[other], atol=1e-6):
                raise DataError(
                    f"labels {labels[other].value!r} and {label.value!r} have the same name and "
                    "description; give each its own description"
                )
    weight, bias = _measured(directions, tweets)
    head = linear_head(torch.from_numpy(weight), torch.from_numpy(bias)).eval()
    shape = HeadShape(width=weight.shape[1], labels=len(labels))
    return ProbeHead(shape=shape, head=head, best=0, penalty=None, cancelled=False)


def _direction(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the unit vector of the mean of a label's descriptions (m, width)."""
    mean = vectors.astype(np.float64).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _measured(
    directions: NDArray[np.float64], tweets: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the head's weight (K, width) and bias (K,)."""
    if tweets is None or len(tweets) < ENOUGH_TWEETS:
        # Cosine, because the embeddings have the length sqrt(width).
        scale = np.full(len(directions), PLAIN_SHARPNESS / np.sqrt(directions.shape[1]))
        middle = np.zeros(len(directions))
    else:
        similarity = tweets.astype(np.float64) @ directions.T
        # What all labels share (being about the topic at all) says nothing about which it is.
        directions = directions - directions.mean(axis=0)
        similarity = similarity - similarity.mean(axis=1, keepdims=True)
        scale = SHARPNESS / np.maximum(similarity.std(axis=0), 1e-9)
        middle = similarity.mean(axis=0)
    weight = directions * scale[:, None]
    return weight.astype(np.float32), (-middle * scale).astype(np.float32)
