"""What is stored of a prediction, computed from probabilities."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS = 5


def prediction_rows(
    probabilities: NDArray[np.float32], label_map: Sequence[str]
) -> list[dict[str, Any]]:
    """Turn probabilities (n, K) into n rows: label, confidence, margin, entropy, probabilities.

    margin: between the two likeliest labels. entropy: in nats.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    ordered = np.sort(values, axis=1)
    best = values.argmax(axis=1)
    entropy = -(values * np.log(np.clip(values, 1e-12, None))).sum(axis=1)
    return [
        {
            "label": label_map[best[row]],
            "confidence": round(float(ordered[row, -1]), DIGITS),
            "margin": round(float(ordered[row, -1] - ordered[row, -2]), DIGITS),
            "entropy": round(float(entropy[row]), DIGITS),
            "probabilities": [round(float(value), DIGITS) for value in values[row]],
        }
        for row in range(len(values))
    ]
