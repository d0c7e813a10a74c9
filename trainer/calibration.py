"""Confidence that means what it says: softmax, and temperature scaling on validation labels."""

from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

LOWEST, HIGHEST = 0.05, 20.0  # a temperature beyond these says that the fit, not the model, is off


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities of logits (n, K), computed in float64 so that rows sum to one."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def apply_temperature(logits: NDArray[Any], temperature: float) -> NDArray[np.float32]:
    """Return softmax(logits / temperature) as (n, K) float32. Raises DataError unless it is > 0."""
    if not temperature > 0:
        raise DataError(f"the temperature is {temperature}; it must be above 0 (1 changes nothing)")
    return softmax(np.asarray(logits, dtype=np.float64) / temperature).astype(np.float32)


def fit_temperature(logits: NDArray[Any], truth_index: NDArray[Any]) -> float:
    """Return the temperature under which the validation labels are most likely.

    One parameter, so the predicted label never changes (Guo et al. 2017, "On calibration of
    modern neural networks"). A weak prior (log T normal around 0, deviation 1) counts like a
    single observation: with a handful of validation labels that are all right the plain fit
    would run off to full certainty. logits (n, K), truth_index (n,) in 0..K-1; 1.0 when n is 0.
    """
    from scipy.optimize import minimize_scalar

    scores = np.asarray(logits, dtype=np.float64)
    truth = np.asarray(truth_index, dtype=np.int64)
    if len(scores) != len(truth):
        raise DataError(f"{len(scores)} rows of logits but {len(truth)} labels; give one each")
    if len(truth) == 0:
        return 1.0
    if not np.isfinite(scores).all():
        raise DataError("the logits hold NaN or infinity; lower the learning rate and train again")
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        scaled = scores / exp(log_temperature)
        highest = scaled.max(axis=1)
        normaliser = np.log(np.exp(scaled - highest[:, None]).sum(axis=1)) + highest
        return float((normaliser - scaled[rows, truth]).sum() + log_temperature**2 / 2)

    found = minimize_scalar(
        loss, bounds=(log(LOWEST), log(HIGHEST)), method="bounded", options={"xatol": 1e-5}
    )
    return float(exp(found.x))
