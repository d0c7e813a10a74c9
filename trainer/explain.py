"""Which words a prediction hangs on: leave each one out and see what happens."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

_WORD = re.compile(r"\S+")
MOST_WORDS = 300  # a tweet has some 20; a pasted page should not take minutes


class Predicts(Protocol):
    """What is asked of a classifier here."""

    @property
    def label_map(self) -> list[str]:
        """Label values in the order of the columns."""
        ...

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities (n, K) of texts."""
        ...


@dataclass(frozen=True)
class WordWeight:
    """One word, text[start:end], and what it adds to the probability of the explained label.

    weight: the probability with the word minus without it, from -1 to 1.
    """

    word: str
    start: int
    end: int
    weight: float


def explain(classifier: Predicts, text: str, *, label: str | None = None) -> list[WordWeight]:
    """Weigh each word of `text` for `label`, by default the predicted one, in reading order.

    Occlusion (Li, Monroe and Jurafsky 2016, "Understanding neural networks through
    representation erasure"): one prediction a word, all in one batch. Words beyond MOST_WORDS
    are not weighed. Raises DataError for a blank text or an unknown label.
    """
    words = list(_WORD.finditer(text))[:MOST_WORDS]
    if not words:
        raise DataError("a blank text has no words to explain")
    if label is not None and label not in classifier.label_map:
        known = ", ".join(map(repr, classifier.label_map))
        raise DataError(f"label {label!r} is not one of the classifier's ({known})")
    without = [text[: word.start()] + text[word.end() :] for word in words]
    probabilities = classifier.probabilities([text, *without])
    whole = probabilities[0]
    column = int(whole.argmax()) if label is None else classifier.label_map.index(label)
    return [
        WordWeight(word.group(), word.start(), word.end(), float(whole[column] - row[column]))
        for word, row in zip(words, probabilities[1:], strict=True)
    ]
