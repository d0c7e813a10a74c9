"""What a classifier learns from: labels, examples, and whether there are enough of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.errors import DataError, TooFewLabelsError

SPLITS = ("train", "validation", "test")
MINIMUM_TRAIN = 2


@dataclass(frozen=True)
class LabelInfo:
    """One class. value: as it stands in files; name and description: what people read."""

    value: str
    name: str
    description: str = ""


@dataclass(frozen=True)
class Example:
    """One labelled tweet.

    label: a LabelInfo.value. split: train, validation or test, fixed per duplicate group.
    source: where the gold label comes from. weight: how much it counts in the training loss.
    """

    tweet_id: int
    text: str
    label: str
    split: str
    group: int
    source: str = "imported"
    weight: float = 1.0
    external_id: str = ""


def of_split(examples: Sequence[Example], split: str) -> list[Example]:
    """The examples of one split, in their order."""
    return [example for example in examples if example.split == split]


def label_indices(examples: Sequence[Example], label_map: Sequence[str]) -> list[int]:
    """Position of each example's label in `label_map`. Raises DataError for a label not in it."""
    position = {value: index for index, value in enumerate(label_map)}
    try:
        return [position[example.label] for example in examples]
    except KeyError as error:
        raise DataError(
            f"label {error.args[0]!r} is not one of the project's labels "
            f"({', '.join(map(repr, label_map))}); add the label or correct the tweets"
        ) from None


def check_labels(examples: Sequence[Example], labels: Sequence[LabelInfo]) -> None:
    """Refuse malformed labels or examples, whatever their number. Raises DataError."""
    values = [label.value for label in labels]
    if len(set(values)) != len(values):
        raise DataError(f"label values repeat: {', '.join(map(repr, values))}; make them distinct")
    if len(values) < 2:
        raise DataError(
            f"{len(values)} label leaves no choice; give the project at least two labels"
        )
    _check_examples(examples)
    label_indices(examples, values)


def check_trainable(examples: Sequence[Example], labels: Sequence[LabelInfo]) -> None:
    """Refuse data from which no classifier can be trained and judged.

    Each label needs MINIMUM_TRAIN training examples. Validation may lack a label, or be empty in
    a young project: the last epoch is then kept and the temperature stays 1.
    Raises TooFewLabelsError with the counts per label, or DataError for what is malformed.
    """
    check_labels(examples, labels)
    counts = Counter((example.split, example.label) for example in examples)
    short = any(counts["train", label.value] < MINIMUM_TRAIN for label in labels)
    if short:
        had = "; ".join(
            f"{label.name} ({label.value}): {counts['train', label.value]}" for label in labels
        )
        raise TooFewLabelsError(
            f"too few labels to train, in the training split: {had}. Each label needs at least "
            f"{MINIMUM_TRAIN}; label more tweets of the short ones, "
            "or deactivate a label that nobody uses"
        )


def _check_examples(examples: Sequence[Example]) -> None:
    home: dict[int, str] = {}
    for example in examples:
        if example.split not in SPLITS:
            raise DataError(
                f"tweet {example.tweet_id} is in split {example.split!r}; "
                f"it must be one of {', '.join(SPLITS)}"
            )
        if not example.text.strip():
            raise DataError(f"tweet {example.tweet_id} has a blank text; take it out")
        if not (0 <= example.weight < float("inf")):
            raise DataError(
                f"tweet {example.tweet_id} has weight {example.weight}; it must be 0 or more"
            )
        if home.setdefault(example.group, example.split) != example.split:
            raise DataError(
                f"duplicate group {example.group} lies in two splits "
                f"({home[example.group]} and {example.split}); scores would be flattered"
            )
