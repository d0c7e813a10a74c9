"""A labelled CSV file as examples: grouped, split and, if wanted, cut down."""

import csv
import random
from pathlib import Path

from labeling.grouping import text_key
from trainer.data import Example, LabelInfo
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
    keys = [text_key(row[text_column]) for row in rows]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    if limit is not None and limit < len(rows):
        share = limit / len(rows)
        kept = set(random.Random(seed).sample(sorted(numbers), round(share * len(numbers))))
        rows = [row for row, key in zip(rows, keys, strict=True) if key in kept]
        keys = [key for key in keys if key in kept]
    truth = [row[label_column] for row in rows]
    splits = split_by_group([numbers[key] for key in keys], truth, shares=SHARES, seed=seed)
    examples = [
        Example(number, row[text_column], label, split, numbers[key])
        for number, (row, label, split, key) in enumerate(
            zip(rows, truth, splits, keys, strict=True)
        )
    ]
    return examples, [LabelInfo(value, value) for value in sorted(set(truth))]
