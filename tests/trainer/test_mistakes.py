"""Errors are named with truth, prediction and confidence, the most confident first."""

from pathlib import Path

import numpy as np

from trainer.config import TrainConfig
from trainer.data import Example
from trainer.mistakes import MOST, mistakes
from trainer.studies import study_fine_tuned_curve
from trainer.train import SplitPredictions

LABELS = ["a", "b"]


def examples_of(count: int) -> list[Example]:
    return [
        Example(number, f"t {number}", LABELS[number % 2], "test", number)
        for number in range(count)
    ]


def test_the_surest_error_comes_first_and_right_answers_are_left_out():
    said = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9]], dtype=np.float32)
    found = mistakes({"test": SplitPredictions([0, 1, 2, 3], said)}, examples_of(4), LABELS)
    assert found == {
        "test": [
            {"tweet": 2, "truth": "a", "predicted": "b", "confidence": 0.8},
            {"tweet": 1, "truth": "b", "predicted": "a", "confidence": 0.6},
        ]
    }


def test_no_more_are_kept_than_anybody_reads():
    said = np.tile(np.array([[0.9, 0.1]], dtype=np.float32), (1000, 1))
    predictions = {"test": SplitPredictions(list(range(1000)), said)}
    assert len(mistakes(predictions, examples_of(1000), LABELS)["test"]) == MOST


def test_a_fine_tuned_curve_trains_on_growing_shares_and_judges_on_validation(
    quick: TrainConfig, examples: list[Example], tmp_path: Path
):
    steps = []
    curve = study_fine_tuned_curve(
        examples,
        ["-1", "0", "1", "2"],
        quick,
        cache=tmp_path / "c",
        work=tmp_path / "w",
        seeds=[0],
        on_progress=lambda done, total: steps.append((done, total)),
    )
    assert curve.points[-1].labels == sum(example.split == "train" for example in examples)
    assert steps[-1][0] == steps[-1][1] == len(curve.points)
