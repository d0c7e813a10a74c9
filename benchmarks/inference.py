"""Prediction speed: ours against transformers' own pipeline, for a fine-tuned model and a probe.

    python -m benchmarks.inference DATA.csv [--texts OTHER.csv] [--limit 2000] [--out FILE]

The arms take turns within one run, each in a process of its own: ours as it comes (in eight-bit
integers where this machine gains from them), in bfloat16 and in float32 (all texts in each of its
turns; like lengths together, identical texts once), a cold and a warm embedding cache,
transformers' text-classification pipeline as it comes and with batch_size=64, and the notebook's
way (batches of 64, every tweet padded to 64, float32). All but the probe's arms and
fine_tuned_mean (the default pooling, of which no layer can be cut short) predict with the weights
of one fine-tuning ([CLS] pooled, so that transformers has the same layers), which the benchmark
trains first on a part of the training split. Prints one JSON object: speeds, each arm's macro-F1
and its share of the rate of a bare bfloat16 matrix product, how far rounding moves a probability
and how many labels it changes.

What is predicted are labelled tweets of no training group. --texts: the tweets of this file
instead, without macro-F1. --agreement N: compare ours as it comes with float32 on N of them;
the arms work on --limit.
"""

import argparse
import csv
import itertools
import json
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from benchmarks.arithmetic import flops_of_a_text, matrix_rates, mean_rates
from benchmarks.corpus import learn_from_fewer, read_examples
from benchmarks.turns import Arm, serve, take_turns
from trainer.artifacts import publish
from trainer.base_model import find_base_model
from trainer.config import BUNDLED_BASE_MODEL, TrainConfig
from trainer.data import Example, of_split
from trainer.eight_bit import EIGHT_BIT_FILE
from trainer.families import load_tokenizer
from trainer.package import CardFacts, package
from trainer.precision import gains_from_bf16
from trainer.predict import Classifier, load_classifier
from trainer.quiet import quiet_transformers
from trainer.train import train

TRAINED_ON = 3200
EPOCHS = 2
TURNS = 4  # that each arm gets; ours predicts all texts in each of its own
Array = np.ndarray[Any, Any]
Work = Callable[[Arm], float | None]


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
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=sorted(ARMS), help=argparse.SUPPRESS)
    parser.add_argument("--models", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


class Bench:
    """What is predicted, and the folder where the models lie. truth: None without labels."""

    def __init__(self, arguments: argparse.Namespace, root: Path) -> None:
        self.root = root
        self.examples, self.labels = read_examples(
            arguments.data,
            text_column=arguments.text_column,
            label_column=arguments.label_column,
            limit=None,
        )
        held_back = of_split(self.examples, "test") + of_split(self.examples, "validation")
        self.truth: list[Example] | None = held_back[: arguments.limit]
        self.texts = [example.text for example in self.truth]
        if arguments.texts:
            self.texts = read_texts(arguments.texts, arguments.text_column, arguments.limit)
            self.truth = None
        self.plain = root / "package"
        self.turn = math.ceil(len(self.texts) / TURNS)  # tweets a turn of the others

    def train(self) -> None:
        """Train what the arms predict with, and leave it in the folder."""
        names = [label.value for label in self.labels]
        card = CardFacts("benchmark", 1, "fine_tuned", BUNDLED_BASE_MODEL, names)
        fewer = learn_from_fewer(self.examples, TRAINED_ON)
        examples = of_split(fewer, "train") + of_split(fewer, "validation")
        plain = TrainConfig(epochs=EPOCHS, unlabelled_texts=0)
        configs = {
            "fine_tuned": replace(plain, pooling="cls"),
            "fine_tuned_mean": plain,
            "probe": replace(plain, kind="probe", pooling="cls"),
        }
        for name, config in configs.items():
            work, cache = self.root / "work" / name, self.root / "other"
            made = train(examples, self.labels, config, work=work, cache=cache)
            publish(self.root / name, made.write, {})
        package(self.model("fine_tuned"), self.plain, card=card)

    def model(self, name: str) -> Path:
        """A published model's folder."""
        return next((self.root / name).iterdir())

    def ours(self, name: str, *, precision: str = "auto", cache: str = "") -> Work:
        """Our own prediction, once in each turn.

        cache: a name of a new cache for each time, "" for none, "warm" for one that is filled.
        """

        def work(arm: Arm) -> float | None:
            classifier = load_classifier(self.model(name), precision=precision)
            places = [self.root / f"{cache}{time}" for time in range(TURNS)]
            caches: list[Path | None] = [*places] if cache else [None] * TURNS
            if cache == "warm":
                caches = [self.root / "warm"] * TURNS
                classifier.probabilities(self.texts, cache=caches[0])
            return self.judged(in_whole(classifier, self.texts, caches)(arm))

        return work

    def theirs(self, way: Callable[..., Callable[[Arm], Array]], **settings: Any) -> Work:
        """Another way of predicting with the same weights."""
        return lambda arm: self.judged(way(self.plain, self.texts, **settings)(arm))

    def judged(self, scores: Array) -> float | None:
        """Macro-F1 of the labels of the highest scores (n, K), where the true ones are known."""
        if self.truth is None:
            return None
        values = np.array([label.value for label in self.labels])
        truth = [example.label for example in self.truth]
        return round(float(f1_score(truth, values[scores.argmax(1)], average="macro")), 4)


ARMS: dict[str, Callable[[Bench], Work]] = {
    "fine_tuned": lambda bench: bench.ours("fine_tuned"),
    "fine_tuned_bf16": lambda bench: bench.ours("fine_tuned", precision="bf16"),
    "fine_tuned_fp32": lambda bench: bench.ours("fine_tuned", precision="fp32"),
    "fine_tuned_mean": lambda bench: bench.ours("fine_tuned_mean"),
    "notebook": lambda bench: bench.theirs(padded),
    "probe_cold": lambda bench: bench.ours("probe", cache="cold"),
    "probe_warm": lambda bench: bench.ours("probe", cache="warm"),
    "pipeline": lambda bench: bench.theirs(piped),
    "pipeline_64": lambda bench: bench.theirs(piped, batch_size=64),
}
CACHED = ("probe_warm",)  # nothing is multiplied
THEIRS = ("notebook", "pipeline", "pipeline_64")


def main() -> None:
    """Train briefly, then let the arms predict by turns."""
    arguments = settings()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.only:
        bench = Bench(arguments, arguments.models)
        serve(Arm(arguments.only, ARMS[arguments.only](bench)), turn=bench.turn)
        return
    with tempfile.TemporaryDirectory() as folder:
        report = measure(arguments, Path(folder))
    text = json.dumps(report, indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


def measure(arguments: argparse.Namespace, root: Path) -> dict[str, Any]:
    """The report."""
    bench = Bench(arguments, root)
    bench.train()
    base = find_base_model(BUNDLED_BASE_MODEL)
    work = flops_of_a_text(base.config, load_tokenizer(base.directory, base.config), bench.texts)
    before = matrix_rates(base.config)
    mine = {name: name not in THEIRS for name in ARMS}
    arms = take_turns("benchmarks.inference", mine, [*sys.argv[1:], "--models", str(root)])
    rates = mean_rates(before, matrix_rates(base.config))
    speed = {name: arm["tweets"] / arm["wall"] for name, arm in arms.items()}

    def share(flops: float) -> float:
        return round(flops / 1e9 / rates["bf16"], 3)

    return {
        "texts": len(bench.texts),
        "distinct_texts": len(set(bench.texts)),
        "threads": torch.get_num_threads(),
        "gains_from_bf16": gains_from_bf16(),
        "gemm_gflops": rates,
        **rounding(bench, arguments),
        "speedup": {
            name: round(speed["fine_tuned"] / other, 2)
            for name, other in speed.items()
            if name != "fine_tuned"
        },
        "arms": {
            name: {
                "macro_f1": arm.pop("result"),
                **arm,
                **({} if name in CACHED else {"share_of_bf16_gemm": share(work * speed[name])}),
            }
            for name, arm in arms.items()
        },
    }


def rounding(bench: Bench, arguments: argparse.Namespace) -> dict[str, Any]:
    """What bfloat16 and eight-bit integers change."""
    texts = bench.texts
    if arguments.texts and arguments.agreement:
        texts = read_texts(arguments.texts, arguments.text_column, arguments.agreement)
    fast, slow = (
        load_classifier(bench.model("fine_tuned"), precision=precision).probabilities(texts)
        for precision in ("auto", "fp32")
    )
    moves = np.abs(fast - slow).max(axis=1)
    changed = int((fast.argmax(1) != slow.argmax(1)).sum())
    return {
        "compared": len(texts),
        "eight_bit_products": (bench.model("fine_tuned") / EIGHT_BIT_FILE).exists(),
        "largest_move": float(moves.max()),
        "mean_move": float(moves.mean()),
        "labels_changed": changed,
        "agreement": round(1 - changed / len(texts), 5),
    }


if __name__ == "__main__":
    main()
