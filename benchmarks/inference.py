"""Prediction speed: ours against transformers' own pipeline, for a fine-tuned model and a probe.

    python -m benchmarks.inference DATA.csv [--texts OTHER.csv] [--limit 2000] [--out FILE]

The arms take turns within one run: ours in bfloat16 and float32 (all texts in each of its turns;
like lengths together, identical texts once), a cold and a warm embedding cache, transformers'
text-classification pipeline as it comes and with batch_size=64, and the notebook's way (batches of
64, every tweet padded to 64, float32). Prints one JSON object, with how far bfloat16 moves a
probability and how many labels it changes. The head is trained for one epoch on a part of the
data first.

--texts: predict the tweets of this file instead of the labelled ones. --agreement N: compare the
labels of bfloat16 and float32 on N texts; the arms work on --limit of them.
"""

import argparse
import csv
import itertools
import json
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import pipeline

from benchmarks.corpus import read_examples
from benchmarks.turns import Arm, Turns
from trainer.artifacts import publish
from trainer.base_model import BaseModel, find_base_model
from trainer.config import BUNDLED_BASE_MODEL, TrainConfig
from trainer.data import of_split
from trainer.families import FAMILIES, load_tokenizer
from trainer.precision import gains_from_bf16
from trainer.predict import Classifier, load_classifier
from trainer.quiet import quiet_transformers
from trainer.train import train

TRAINED_ON = 800
Array = np.ndarray[Any, Any]


def in_whole(
    classifier: Classifier, texts: list[str], caches: Sequence[Path | None]
) -> Callable[[Arm], Array]:
    """Our own prediction of all texts, once a turn: its batches are computed side by side.

    caches: of embeddings, one for each time.
    """

    def work(arm: Arm) -> Array:
        arm.start_clock()
        for cache in caches:
            probabilities = classifier.probabilities(texts, cache=cache)
            arm.step(len(texts))
        arm.stop_clock()
        return probabilities

    return work


def padded(classifier: Classifier, texts: list[str]) -> Callable[[Arm], Array]:
    """Batches of 64 as they come, padded to 64 tokens, float32."""

    def work(arm: Arm) -> Array:
        encoder, tokenizer = classifier.parts()
        rows = []
        arm.start_clock()
        for start in range(0, len(texts), 64):
            batch = tokenizer(
                texts[start : start + 64],
                padding="max_length",
                truncation=True,
                max_length=64,
                return_tensors="pt",
            )
            with torch.no_grad():
                rows.append(encoder(**batch).last_hidden_state[:, 0].float().numpy())
            arm.step(len(texts[start : start + 64]))
        arm.stop_clock()
        return np.concatenate(rows)

    return work


def piped(
    base: BaseModel, texts: list[str], labels: int, **settings: Any
) -> Callable[[Arm], list[Any]]:
    """transformers.pipeline on a classifier of the same size, in float32."""

    def work(arm: Arm) -> list[Any]:
        with quiet_transformers():
            model = FAMILIES["bert"].classifier.from_pretrained(
                base.directory, num_labels=labels, dtype=torch.float32
            )
            classify = pipeline(
                "text-classification",
                model=model,
                tokenizer=load_tokenizer(base.directory, base.config),
                **settings,
            )
        found = []
        arm.start_clock()
        for answer in classify((text for text in texts), truncation=True):
            found.append(answer)
            arm.step(1)
        arm.stop_clock()
        return found

    return work


def read_texts(path: Path, column: str, limit: int) -> list[str]:
    """The first texts of a file that are not blank."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        found = (row[column] for row in csv.DictReader(stream) if row[column].strip())
        return list(itertools.islice(found, limit))


def settings() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--text-column", default="message")
    parser.add_argument("--label-column", default="sentiment")
    parser.add_argument("--limit", type=int, default=2000, help="tweets to predict")
    parser.add_argument("--texts", type=Path, help="a file of tweets to predict")
    parser.add_argument("--agreement", type=int, default=0, help="texts to compare labels on")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--turn", type=int, default=512, help="tweets a turn of the others")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def main() -> None:
    """Train briefly, then let the arms predict by turns."""
    arguments = settings()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    examples, labels = read_examples(
        arguments.data,
        text_column=arguments.text_column,
        label_column=arguments.label_column,
        limit=arguments.limit,
    )
    texts = [example.text for example in examples]
    if arguments.texts:
        texts = read_texts(arguments.texts, arguments.text_column, arguments.limit)
    base = find_base_model(BUNDLED_BASE_MODEL)
    small = of_split(examples, "train")[:TRAINED_ON] + of_split(examples, "validation")[:200]
    with tempfile.TemporaryDirectory() as folder:
        root, rounds = Path(folder), math.ceil(len(texts) / arguments.turn)
        caches = [root / f"cache{number}" for number in range(rounds)]

        def published(kind: str, precision: str) -> Classifier:
            config = TrainConfig(kind=kind, epochs=1)
            trained = train(small, labels, config, work=root / kind, cache=root / "other")
            return load_classifier(
                publish(root / "models", trained.write, {}).directory, precision=precision
            )

        quick, exact = published("fine_tuned", "auto"), published("fine_tuned", "fp32")
        probe = published("probe", "auto")
        arms = [
            Arm("fine_tuned", in_whole(quick, texts, [None] * rounds)),
            Arm("fine_tuned_fp32", in_whole(exact, texts, [None] * rounds)),
            Arm("notebook", padded(exact, texts)),
            Arm("probe_cold", in_whole(probe, texts, caches)),
            Arm("pipeline", piped(base, texts, len(labels))),
            Arm("pipeline_64", piped(base, texts, len(labels), batch_size=64)),
        ]
        Turns(arms, tweets=arguments.turn).run()
        warm = Arm("probe_warm", in_whole(probe, texts, caches[:1]))
        Turns([warm], tweets=len(texts)).run()
        more = texts
        if arguments.texts and arguments.agreement:
            more = read_texts(arguments.texts, arguments.text_column, arguments.agreement)
        fast, slow = quick.probabilities(more), exact.probabilities(more)
    changed = int((fast.argmax(1) != slow.argmax(1)).sum())
    rate = arms[0].done / arms[0].wall
    report = {
        "texts": len(texts),
        "distinct_texts": len(set(texts)),
        "threads": torch.get_num_threads(),
        "gains_from_bf16": gains_from_bf16(),
        "compared": len(more),
        "largest_move_by_bf16": float(np.abs(fast - slow).max()),
        "labels_changed_by_bf16": changed,
        "agreement": round(1 - changed / len(more), 5),
        "speedup": {
            arm.name: round(rate / (arm.done / arm.wall), 2) for arm in arms[1:] if arm.wall
        },
        "arms": {arm.name: arm.to_json() for arm in [*arms, warm]},
    }
    text = json.dumps(report, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
