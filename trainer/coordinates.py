"""Coordinates in which a head on embeddings converges fast, and the way back."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


@dataclass(frozen=True)
class Coordinates:
    """z = (x - mean) @ axes. mean (width,), axes (width, width)."""

    mean: torch.Tensor
    axes: torch.Tensor

    def of(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return vectors (n, width) in these coordinates."""
        return (vectors - self.mean) @ self.axes

    def folded(self, head: nn.Sequential) -> nn.Sequential:
        """Return a copy of a head fitted on z that reads x instead and gives the same values."""
        copied = copy.deepcopy(head).eval()
        self._fold_into(first_layer(copied))
        return copied

    def _fold_into(self, layer: nn.Linear) -> None:
        with torch.no_grad():
            layer.weight.copy_(layer.weight @ self.axes.T)
            layer.bias.sub_(layer.weight @ self.mean)


def fit_coordinates(vectors: NDArray[np.float32], *, shrink: float | None) -> Coordinates:
    """Return coordinates in which the vectors have about unit variance.

    shrink: whiten, with the covariance shrunk towards a sphere by this many mean variances
    (Ledoit & Wolf 2004 on why: few vectors tell little of a covariance). None: scale each axis.
    """
    table = vectors.astype(np.float64)
    mean, width = table.mean(axis=0), table.shape[1]
    centred = table - mean
    if shrink is None:
        axes = np.diag(1.0 / np.maximum(centred.std(axis=0), 0.05))
    else:
        variances, axes = np.linalg.eigh(centred.T @ centred / len(table))
        average = max(float(variances.mean()), 1e-12)
        axes = axes / np.sqrt(np.maximum(variances, 0.0) / average + shrink)
        axes = axes * np.sqrt(1.0 + shrink)
    return Coordinates(
        torch.from_numpy(mean.astype(np.float32)),
        torch.from_numpy(np.ascontiguousarray(axes, dtype=np.float32).reshape(width, width)),
    )


def first_layer(head: nn.Sequential) -> nn.Linear:
    """Return the layer that reads the vectors."""
    return next(layer for layer in head if isinstance(layer, nn.Linear))
