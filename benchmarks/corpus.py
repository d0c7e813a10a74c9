"""A labelled CSV file as examples: grouped, split and, if wanted, cut down."""

import csv
import random
from pathlib import Path

from labeling.alike import group_texts
from trainer.data import Example, LabelInfo, of_split
from trainer.splits import SplitShares, split_by_group

SHARES = SplitShares(validation=0.1, test=0.1)


def read_examples(
    path: Path, *, text_column: str, label_column: str, limit: int | None, seed: int = 0
) -> tuple[list[Example], list[LabelInfo]]:
    """Read labelled tweets; splits are drawn per duplicate group, stratified by label.

    limit: about so many tweets, in whole groups drawn at random. Rows are never written out.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row[text_column].strip()]
    numbers = group_texts([row[text_column] for row in rows])
    if limit is not None and limit < len(rows):
        share, known = limit / len(rows), sorted(set(numbers))
        kept = set(random.Random(seed).sample(known, round(share * len(known))))
        pairs = [(r, n) for r, n in zip(rows, numbers, strict=True) if n in kept]
        rows, numbers = [row for row, _ in pairs], [number for _, number in pairs]
    truth = [row[label_column] for row in rows]
    splits = split_by_group(numbers, truth, shares=SHARES, seed=seed)
    examples = [
        Example(place, row[text_column], label, split, number)
        for place, (row, label, split, number) in enumerate(
            zip(rows, truth, splits, numbers, strict=True)
        )
    ]
    return examples, [LabelInfo(value, value) for value in sorted(set(truth))]


def learn_from_fewer(examples: list[Example], tweets: int, *, seed: int = 0) -> list[Example]:
    """Keep about so many training tweets, in whole groups; validation and test stay whole."""
    training = of_split(examples, "train")
    known = sorted({example.group for example in training})
    share = min(1.0, tweets / len(training))
    kept = set(random.Random(seed).sample(known, round(share * len(known))))
    return [e for e in examples if e.split != "train" or e.group in kept]
