"""The course notebook's random split: one arm of a comparison, never a fair score.

It ignores duplicate groups and the project's own splits, which stay as they are. Its fifth of
the tweets chooses the epoch and is what the score is read off, so the score is flattered twice;
`split_method` says so wherever the score goes. Such a version has seen tweets of the project's
test split: it gets no test score, and the gate never lets it pass.
"""

from collections.abc import Sequence
from dataclasses import replace

from trainer.data import Example
from trainer.splits import RANDOM_METHOD, SplitShares, split_at_random

SHARE = 0.2
REASON = "it learned from a random split that holds test tweets, so no fair comparison is possible"


def split_like_the_notebook(examples: Sequence[Example], *, seed: int) -> list[Example]:
    """The labelled tweets, four in five for training and the rest for validation, at random.

    Each tweet counts as a group of its own, as it did there. Answers without a gold label stay
    in training: nothing is scored on them.
    """
    golds = [example for example in examples if example.source != "answers"]
    shares = SplitShares(validation=SHARE, test=0.0)
    splits = iter(split_at_random(len(golds), shares=shares, seed=seed))
    return [
        replace(
            example,
            group=place,
            split=example.split if example.source == "answers" else next(splits),
        )
        for place, example in enumerate(examples)
    ]


def method(seed: int) -> str:
    """How the split was made, in the words that go with the score."""
    return RANDOM_METHOD.format(seed=seed)
