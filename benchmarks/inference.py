"""Prediction speed: ours against transformers' own pipeline, for a fine-tuned model and a probe.

    python -m benchmarks.inference DATA.csv [--texts OTHER.csv] [--limit 2000] [--out FILE]

The arms take turns within one run: ours in bfloat16 and float32 (all texts in each of its turns;
like lengths together, identical texts once), a cold and a warm embedding cache, transformers'
text-classification pipeline as it comes and with batch_size=64, and the notebook's way (batches of
64, every tweet padded to 64, float32). All but the probe's arms predict with the weights of one
fine-tuning ([CLS] pooled, so that transformers has the same layers), which the benchmark trains
first on a part of the training split. Prints one JSON object: speeds, each arm's macro-F1 and its
share of the rate of a bare bfloat16 matrix product, how far bfloat16 moves a probability and how
many labels it changes.

What is predicted are labelled tweets of no training group. --texts: the tweets of this file
instead, without macro-F1. --agreement N: compare the labels of bfloat16 and float32 on N of them;
the arms work on --limit.
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
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from benchmarks.arithmetic import flops_of_a_text, matrix_rates, mean_rates
from benchmarks.corpus import learn_from_fewer, read_examples
from benchmarks.turns import Arm, Turns
from trainer.artifacts import publish
from trainer.base_model import find_base_model
from trainer.config import BUNDLED_BASE_MODEL, TrainConfig
from trainer.data import Example, of_split
from trainer.families import load_tokenizer
from trainer.package import CardFacts, package
from trainer.precision import gains_from_bf16
from trainer.predict import Classifier, load_classifier
from trainer.quiet import quiet_transformers
from trainer.train import train

TRAINED_ON = 3200
EPOCHS = 2
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


def padded(folder: Path, texts: list[str]) -> Callable[[Arm], Array]:
    """Batches of 64 as they come, padded to 64 tokens, float32; probabilities (n, K)."""

    def work(arm: Arm) -> Array:
        model, tokenizer = loaded(folder)
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
                rows.append(model(**batch).logits.softmax(-1).numpy())
            arm.step(len(texts[start : start + 64]))
        arm.stop_clock()
        return np.concatenate(rows)

    return work


def piped(folder: Path, texts: list[str], **settings: Any) -> Callable[[Arm], Array]:
    """transformers.pipeline as it comes, float32; (n, K) with the score of the label it gives."""

    def work(arm: Arm) -> Array:
        model, tokenizer = loaded(folder)
        classify = pipeline("text-classification", model=model, tokenizer=tokenizer, **settings)
        found = np.zeros((len(texts), model.config.num_labels), dtype=np.float32)
        arm.start_clock()
        answers = classify((text for text in texts), truncation=True)
        for row, answer in zip(found, answers, strict=True):
            row[model.config.label2id[answer["label"]]] = answer["score"]
            arm.step(1)
        arm.stop_clock()
        return found

    return work


def loaded(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer of a packaged folder, by transformers alone."""
    with quiet_transformers():
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
        return model.eval(), AutoTokenizer.from_pretrained(folder)


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


class Bench:
    """The models, and what they predict. truth: None for texts without labels."""

    def __init__(self, arguments: argparse.Namespace, root: Path) -> None:
        examples, self.labels = read_examples(
            arguments.data,
            text_column=arguments.text_column,
            label_column=arguments.label_column,
            limit=None,
        )
        held_back = (of_split(examples, "test") + of_split(examples, "validation"))[
            : arguments.limit
        ]
        self.texts = [example.text for example in held_back]
        self.truth: list[Example] | None = held_back
        if arguments.texts:
            self.texts = read_texts(arguments.texts, arguments.text_column, arguments.limit)
            self.truth = None
        fewer = learn_from_fewer(examples, TRAINED_ON)
        self._examples = of_split(fewer, "train") + of_split(fewer, "validation")
        self._root = root
        self.base = find_base_model(BUNDLED_BASE_MODEL)

    def trained(self, kind: str) -> Path:
        """A published model's folder."""
        config = TrainConfig(kind=kind, epochs=EPOCHS, pooling="cls", unlabelled_texts=0)
        made = train(
            self._examples, self.labels, config, work=self._root / kind, cache=self._root / "other"
        )
        return publish(self._root / "models", made.write, {}).directory

    def packaged(self, model: Path) -> Path:
        """The same model as transformers loads it."""
        names = [label.value for label in self.labels]
        card = CardFacts("benchmark", 1, "fine_tuned", BUNDLED_BASE_MODEL, names)
        package(model, self._root / "package", card=card)
        return self._root / "package"

    def judged(self, scores: Array) -> float | None:
        """Macro-F1 of the labels of the highest scores (n, K), where the true ones are known."""
        if self.truth is None:
            return None
        values = np.array([label.value for label in self.labels])
        truth = [example.label for example in self.truth]
        return round(float(f1_score(truth, values[scores.argmax(1)], average="macro")), 4)

    def gigaflops(self) -> float:
        """Of a text, computed once even if it is there twice."""
        tokenizer = load_tokenizer(self.base.directory, self.base.config)
        return flops_of_a_text(self.base.config, tokenizer, self.texts) / 1e9


def main() -> None:
    """Train briefly, then let the arms predict by turns."""
    arguments = settings()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        report = measure(arguments, Path(folder))
    text = json.dumps(report, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def measure(arguments: argparse.Namespace, root: Path) -> dict[str, Any]:
    """The report."""
    bench = Bench(arguments, root)
    texts, rounds = bench.texts, math.ceil(len(bench.texts) / arguments.turn)
    caches = [root / f"cache{number}" for number in range(rounds)]
    model = bench.trained("fine_tuned")
    plain = bench.packaged(model)
    quick, exact = load_classifier(model), load_classifier(model, precision="fp32")
    probe = load_classifier(bench.trained("probe"))
    arms = [
        Arm("fine_tuned", in_whole(quick, texts, [None] * rounds)),
        Arm("fine_tuned_fp32", in_whole(exact, texts, [None] * rounds)),
        Arm("notebook", padded(plain, texts)),
        Arm("probe_cold", in_whole(probe, texts, caches)),
        Arm("pipeline", piped(plain, texts)),
        Arm("pipeline_64", piped(plain, texts, batch_size=64)),
    ]
    before = matrix_rates(bench.base.config)
    Turns(arms, tweets=arguments.turn).run()
    rates = mean_rates(before, matrix_rates(bench.base.config))
    warm = Arm("probe_warm", in_whole(probe, texts, caches[:1]))
    Turns([warm], tweets=len(texts)).run()
    more = texts
    if arguments.texts and arguments.agreement:
        more = read_texts(arguments.texts, arguments.text_column, arguments.agreement)
    fast, slow = quick.probabilities(more), exact.probabilities(more)
    changed = int((fast.argmax(1) != slow.argmax(1)).sum())
    work, speed = bench.gigaflops(), {arm.name: arm.done / arm.wall for arm in [*arms, warm]}
    return {
        "texts": len(texts),
        "distinct_texts": len(set(texts)),
        "threads": torch.get_num_threads(),
        "gains_from_bf16": gains_from_bf16(),
        "gemm_gflops": rates,
        "compared": len(more),
        "largest_move_by_bf16": float(np.abs(fast - slow).max()),
        "labels_changed_by_bf16": changed,
        "agreement": round(1 - changed / len(more), 5),
        "speedup": {arm.name: round(speed["fine_tuned"] / speed[arm.name], 2) for arm in arms[1:]},
        "arms": {
            arm.name: {
                **arm.to_json(),
                "share_of_bf16_gemm": round(work * speed[arm.name] / rates["bf16"], 3),
                "macro_f1": bench.judged(arm.result),
            }
            for arm in arms
        }
        | {"probe_warm": {**warm.to_json(), "macro_f1": bench.judged(warm.result)}},
    }


if __name__ == "__main__":
    main()
