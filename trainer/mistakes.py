"""The judged tweets that a version gets wrong, its most confident errors first.

A confident error is either a hard tweet or a wrong label; both are worth a look (Northcutt,
Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels").
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.data import Example, label_indices

if TYPE_CHECKING:
    from trainer.train import SplitPredictions

MOST = 200  # of a split: more than anybody reads


def mistakes(
    predictions: Mapping[str, "SplitPredictions"],
    examples: Sequence[Example],
    label_map: Sequence[str],
) -> dict[str, list[dict[str, Any]]]:
    """Return per split: tweet, truth, predicted and confidence of each error, at most MOST."""
    by_id = {example.tweet_id: example for example in examples}
    found = {}
    for split, answers in predictions.items():
        judged = [by_id[tweet_id] for tweet_id in answers.tweet_ids]
        truth = np.asarray(label_indices(judged, label_map), dtype=np.int64)
        chosen, surest = answers.probabilities.argmax(axis=1), answers.probabilities.max(axis=1)
        wrong = np.flatnonzero(chosen != truth)
        ordered = wrong[np.argsort(-surest[wrong], kind="stable")][:MOST]
        found[split] = [
            {
                "tweet": judged[row].tweet_id,
                "truth": judged[row].label,
                "predicted": label_map[chosen[row]],
                "confidence": round(float(surest[row]), 4),
            }
            for row in ordered.tolist()
        ]
    return found
