"""Confidence that means what it says: softmax, and temperature scaling on validation labels."""

from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

MIXTURE_PRIOR = (0.5, 0.7)  # a fine-tuned network is too sure of itself, n-grams less so
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


def fit_mixture(
    first: NDArray[Any], second: NDArray[Any], truth_index: NDArray[Any]
) -> tuple[float, float]:
    """Return the factors by which two sets of logits (n, K) make the validation labels likeliest.

    A weighted product of two experts (Heskes 1998, "Selecting weighting factors in logarithmic
    opinion pools"): temperature scaling with one more parameter, under the same weak prior, which
    alone decides when n is 0. truth_index (n,) in 0..K-1.
    """
    from scipy.optimize import minimize

    truth = np.asarray(truth_index, dtype=np.int64)
    rows = np.arange(len(truth))
    tables = [np.asarray(table, dtype=np.float64) for table in (first, second)]
    if any(len(table) != len(truth) for table in tables):
        raise DataError(f"logits for {len(truth)} labels are of another number; give one each")

    def loss(logs: NDArray[np.float64]) -> float:
        away = np.square(logs - np.log(MIXTURE_PRIOR)).sum() / 2
        if len(truth) == 0:
            return float(away)
        mixed = np.exp(logs[0]) * tables[0] + np.exp(logs[1]) * tables[1]
        likely = softmax(mixed)[rows, truth]
        return float(away - np.log(np.maximum(likely, 1e-300)).sum())

    bounds = [(log(0.02), log(10.0))] * 2
    found = minimize(loss, np.log(MIXTURE_PRIOR), method="L-BFGS-B", bounds=bounds)
    return float(exp(found.x[0])), float(exp(found.x[1]))
