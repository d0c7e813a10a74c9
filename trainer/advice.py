"""Which kind of training is worth it at so many labels, and on what evidence.

The evidence is a measurement (benchmarks/quality.py, docs/methods.md): macro-F1 on texts unseen
in training, the mean of three draws of public tweets about climate change.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

# labels a class -> macro-F1 of each kind; MANY stands for the whole file (12,600 labels).
MANY = 3000
ENOUGH_BETTER = 0.01  # below that the quicker training is the one to take, while labels are few
MEASURED: dict[int, dict[str, float]] = {
    8: {"probe": 0.399, "fine_tuned": 0.408},
    16: {"probe": 0.432, "fine_tuned": 0.431},
    32: {"probe": 0.474, "fine_tuned": 0.487},
    64: {"probe": 0.511, "fine_tuned": 0.530},
    256: {"probe": 0.568, "fine_tuned": 0.587},
    MANY: {"probe": 0.683, "fine_tuned": 0.713, "fine_tuned_ngrams": 0.723},
}


@dataclass(frozen=True)
class Advice:
    """The kind to train (TrainConfig.kind), and a sentence that says why."""

    kind: str
    sentence: str


def advise(counts: Mapping[str, int]) -> Advice | None:
    """Return what to train with so many training labels of each class; None without a label."""
    if not counts or not sum(counts.values()):
        return None
    each = sum(counts.values()) / len(counts)
    steps = sorted(MEASURED)
    nearest = steps[max(0, bisect_right(steps, each * 1.4) - 1)]
    scores = MEASURED[nearest]
    kind = max(("fine_tuned", "probe"), key=lambda name: scores[name])
    if nearest < MANY and scores["fine_tuned"] - scores["probe"] < ENOUGH_BETTER:
        kind = "probe"
    other = "probe" if kind == "fine_tuned" else "fine_tuned"
    names = {"probe": "a probe", "fine_tuned": "fine-tuning"}
    where = "on 12,600 labels" if nearest == MANY else f"at {nearest} labels a class"
    joined, why = "", ""
    if kind == "probe" and scores["fine_tuned"] - scores["probe"] < ENOUGH_BETTER:
        why = f": within {ENOUGH_BETTER:.2f}, and it takes seconds"
    if nearest == MANY:
        joined = f", with n-grams joined {scores['fine_tuned_ngrams']:.2f}"
    return Advice(
        kind,
        f"With some {round(each):,} training labels a class, {names[kind]} is the one to take: "
        f"{where} of tweets about climate change it reached a macro-F1 of {scores[kind]:.2f}"
        f"{joined}, {names[other]} {scores[other]:.2f}{why} (docs/methods.md).",
    )
