"""Character n-grams beside embeddings: what a frozen encoder has forgotten of the spelling.

Handles, hashtags and turns of phrase give a stance away, and mean-pooled embeddings blur them.
A softmax regression on both together beats either at every number of labels (docs/methods.md).
The n-grams are hashed (Weinberger et al. 2009, "Feature hashing for large scale multitask
learning"), so there is no vocabulary to carry: a table of weights is the whole model.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trainer.batching import without_lone_surrogates
from trainer.calibration import softmax
from trainer.callbacks import Callbacks, NullCallbacks
from trainer.errors import ArtifactError, Cancelled

BUCKETS = 2**18
SIZES = (2, 5)  # characters, within words, the space before and after a word included
NGRAMS_FILE = "ngrams.safetensors"
SHARE = 2.0  # length of the n-grams' part beside an embedding of length 1
PENALTY = 1.0  # L2, over the number of tweets
ITERATIONS = 150
MEMORY, MEMORY_NEAR = 10, 30  # L-BFGS's corrections: from nothing (scipy's default), near the end
Array = NDArray[np.float32]


@dataclass(frozen=True)
class NgramTable:
    """Hashed n-grams of texts as rows of length 1, weighed by how rare they are.

    buckets (m,): those that the texts it was fitted on use, sorted; rarity (m,): their idf.
    """

    buckets: NDArray[np.int64]
    rarity: Array

    @classmethod
    def fit_counts(cls, counts: Any, *, rarest: int = 1) -> "NgramTable":
        """Keep the buckets that at least `rarest` of the texts use, and weigh them.

        counts: `hashed_counts` of the texts.
        """
        used = np.asarray(counts.astype(bool).sum(axis=0)).ravel()
        kept = np.flatnonzero(used >= rarest)
        rarity = np.log((1 + counts.shape[0]) / (1 + used[kept])) + 1
        return cls(kept.astype(np.int64), rarity.astype(np.float32))

    def of(self, texts: Sequence[str]) -> Any:
        """Return a sparse matrix (n, m) float32, a row a text, each of length 1 (or 0)."""
        return self.of_counts(hashed_counts(texts))

    def of_counts(self, counts: Any) -> Any:
        """Return the same from `hashed_counts` of the texts, which stay as they are."""
        from sklearn.preprocessing import normalize

        counts = counts[:, self.buckets]
        counts.data = (1 + np.log(counts.data)).astype(np.float32)
        return normalize(counts.multiply(self.rarity).tocsr(), copy=False)


@dataclass(frozen=True)
class NgramPart:
    """The n-grams' part of a classifier: weight (m, K) of a table's columns, and bias (K,)."""

    table: NgramTable
    weight: Array
    bias: Array

    def logits(self, texts: Sequence[str]) -> Array:
        """Return what the n-grams add to the logits (n, K); identical texts are read once."""
        place: dict[str, int] = {}
        rows = [place.setdefault(text, len(place)) for text in texts]
        if not rows:
            return np.zeros((0, len(self.bias)), dtype=np.float32)
        found = self.table.of(list(place)) @ self.weight + self.bias
        return np.asarray(found, dtype=np.float32)[rows]

    def scaled(self, factor: float) -> "NgramPart":
        """Return the part with its logits multiplied."""
        by = np.float32(factor)
        return NgramPart(self.table, self.weight * by, self.bias * by)

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        values = {
            "buckets": torch.from_numpy(self.table.buckets),
            "rarity": torch.from_numpy(self.table.rarity),
            "weight": torch.from_numpy(np.ascontiguousarray(self.weight)),
            "bias": torch.from_numpy(np.ascontiguousarray(self.bias)),
        }
        save_file(values, path)

    @classmethod
    def load(cls, path: Path, *, labels: int) -> "NgramPart":
        """The inverse of `save`. Raises ArtifactError for what does not fit."""
        try:
            values = {name: tensor.numpy() for name, tensor in load_file(path).items()}
            buckets, rarity = values["buckets"], values["rarity"]
            weight, bias = values["weight"], values["bias"]
        except (OSError, KeyError, SafetensorError) as error:
            raise ArtifactError(f"{path.name} cannot be read: {error}") from error
        known = buckets.ndim == 1 and (len(buckets) == 0 or 0 <= buckets.min() <= buckets.max())
        if not known or (len(buckets) and buckets.max() >= BUCKETS):
            raise ArtifactError(f"{path.name} names n-grams that do not exist")
        shapes = (rarity.shape, weight.shape, bias.shape)
        if shapes != (buckets.shape, (len(buckets), labels), (labels,)):
            raise ArtifactError(f"{path.name} does not fit a model of {labels} labels")
        table = NgramTable(buckets, rarity.astype(np.float32))
        return cls(table, weight.astype(np.float32), bias.astype(np.float32))


@dataclass(frozen=True)
class Joint:
    """A softmax regression on embeddings and n-grams together.

    weight (K, width), bias (K,): of the embeddings as they come; ngrams: the rest, no bias.
    """

    weight: Array
    bias: Array
    ngrams: NgramPart

    def logits(self, vectors: Array, texts: Sequence[str]) -> Array:
        """Return logits (n, K) of texts with their embeddings (n, width)."""
        return np.asarray(
            vectors @ self.weight.T + self.bias + self.ngrams.logits(texts), dtype=np.float32
        )

    def logits_of_counts(self, vectors: Array, counts: Any) -> Array:
        """Return the same logits from `hashed_counts` of the texts."""
        part = self.ngrams
        spelling = part.table.of_counts(counts) @ part.weight + part.bias
        return np.asarray(vectors @ self.weight.T + self.bias + spelling, dtype=np.float32)


def fit_joint_counts(
    vectors: Array,
    counts: Any,
    targets: NDArray[np.int64],
    weights: Array,
    labels: int,
    *,
    table: NgramTable,
    start: Joint | None = None,
    callbacks: Callbacks | None = None,
) -> Joint:
    """Fit embeddings (n, width) and n-grams to label positions (n,).

    counts: `hashed_counts` of the texts; weights (n,): of the tweets. Columns are standardised to
    a length of about 1 in all for the embedding and SHARE for the n-grams. L-BFGS; deterministic.
    Raises Cancelled.

    start: an earlier fit to nearly the same tweets, from which to go on. The loss is convex and
    its optimum one (but for a constant in all biases), so it is only reached sooner, within the
    same tolerance.
    """
    from scipy.optimize import minimize

    table_rows = table.of_counts(counts) * np.float32(SHARE)
    mean, spread = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-3)
    scale = 1.0 / (spread * np.sqrt(vectors.shape[1]))
    dense = ((vectors - mean) * scale).astype(np.float32)
    width, columns = dense.shape[1], table_rows.shape[1]
    transposed = table_rows.T.tocsr()
    truth = np.eye(labels, dtype=np.float64)[targets]
    each = (weights / max(float(weights.sum()), 1e-12))[:, None].astype(np.float64)
    penalty = PENALTY / len(targets)
    watch, passes = callbacks or NullCallbacks(), itertools.count(1)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        if watch.should_stop():
            raise Cancelled("stopped while fitting n-grams; nothing was changed")
        table_of = flat.reshape(width + columns + 1, labels)
        slopes = table_of[:-1].astype(np.float32)
        logits = dense @ slopes[:width] + table_rows @ slopes[width:] + table_of[-1]
        found = softmax(logits)
        value = -(each * truth * np.log(np.maximum(found, 1e-12))).sum()
        value += penalty / 2 * float(np.square(table_of[:-1]).sum())
        error = each * (found - truth)
        near = error.astype(np.float32)
        slope = np.vstack([dense.T @ near, transposed @ near, error.sum(axis=0)[None]])
        slope[:-1] += penalty * table_of[:-1]
        return float(value), slope.ravel().astype(np.float64)

    first = np.zeros((width + columns + 1, labels))
    if start is not None:
        _fill(first, start, table, scale, mean)
    best = minimize(
        loss,
        first.ravel(),
        jac=True,
        method="L-BFGS-B",
        callback=lambda _: watch.on_ngrams(next(passes), ITERATIONS),
        options={"maxiter": ITERATIONS, "maxcor": MEMORY if start is None else MEMORY_NEAR},
    )
    fitted = best.x.reshape(width + columns + 1, labels).astype(np.float32)
    weight = (fitted[:width] * scale[:, None]).T
    part = NgramPart(table, fitted[width:-1] * np.float32(SHARE), np.zeros(labels, np.float32))
    return Joint(np.ascontiguousarray(weight), fitted[-1] - weight @ mean, part)


def _fill(
    coefficients: NDArray[np.float64], start: Joint, table: NgramTable, scale: Array, mean: Array
) -> None:
    """Write an earlier fit in the coordinates of a new one; n-grams new to it stay 0."""
    coefficients[: len(scale)] = start.weight.T / scale[:, None]
    _, new, old = np.intersect1d(
        table.buckets, start.ngrams.table.buckets, assume_unique=True, return_indices=True
    )
    coefficients[len(scale) + new] = start.ngrams.weight[old] / SHARE
    coefficients[-1] = start.bias + start.weight @ mean


def hashed_counts(texts: Sequence[str]) -> Any:
    """Return how often each text has each hashed n-gram: sparse (n, BUCKETS) float32."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=SIZES,
        n_features=BUCKETS,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )
    return hashing.transform([without_lone_surrogates(text) for text in texts])
