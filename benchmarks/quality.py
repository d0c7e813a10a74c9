"""Which kind of classifier wins at which number of labels, judged on texts unseen in training.

    python -m benchmarks.quality DATA.csv --counts 8 16 32 64 all --out FILE

For every seed the duplicate groups are split anew; so many labels a class (one tweet a group) are
drawn from the training split, a quarter as many from validation, and the rest of the training
split counts as unlabelled. Arms: TF-IDF with logistic regression as scikit-learn comes (tfidf)
and with balanced label weights (tfidf_balanced); the probe without and with n-grams; the
fine-tuned network, and the same network joined with n-grams. One JSON line a result is appended
to FILE, so that a run can be stopped and gone on with; the table is printed as one JSON object.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from benchmarks.corpus import SHARES, read_examples
from trainer.baselines import tfidf_baseline
from trainer.calibration import apply_temperature
from trainer.config import TrainConfig
from trainer.data import Example, LabelInfo, of_split
from trainer.metrics import evaluate
from trainer.splits import split_by_group
from trainer.train import train

Scores = dict[str, float]


def main() -> None:
    """Measure what FILE does not hold yet, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--text-column", default="message")
    parser.add_argument("--label-column", default="sentiment")
    parser.add_argument("--counts", nargs="+", default=["8", "16", "32", "64", "all"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=sorted(ARMS), default=list(ARMS))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--cache", type=Path, help="embeddings kept between runs")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines, appended to")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    examples, labels = read_examples(
        arguments.data,
        text_column=arguments.text_column,
        label_column=arguments.label_column,
        limit=None,
    )
    with tempfile.TemporaryDirectory() as folder:
        cache = arguments.cache or Path(folder)
        for count in arguments.counts:
            for seed in arguments.seeds:
                measure(arguments, examples, labels, count, seed, cache)
    print(json.dumps(table(read_lines(arguments.out)), indent=1))


def measure(
    arguments: argparse.Namespace,
    examples: Sequence[Example],
    labels: list[LabelInfo],
    count: str,
    seed: int,
    cache: Path,
) -> None:
    """Append one line for each arm of (count, seed) that the file lacks."""
    done = {(row["labels"], row["seed"], row["arm"]) for row in read_lines(arguments.out)}
    chosen, unlabelled = draw(examples, count, seed)
    for arm in arguments.arms:
        if (count, seed, arm) in done:
            continue
        started = time.monotonic()
        for name, scores in ARMS[arm](chosen, labels, unlabelled, seed, cache).items():
            line = {
                "labels": count,
                "seed": seed,
                "arm": name,
                "train": len(of_split(chosen, "train")),
                "test": len(of_split(chosen, "test")),
                "seconds": round(time.monotonic() - started, 1),
                **scores,
            }
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def draw(examples: Sequence[Example], count: str, seed: int) -> tuple[list[Example], list[str]]:
    """Split anew; keep `count` labels a class for training ("all": every one).

    Returns the labelled examples of all splits, and texts of the training split without label.
    """
    splits = split_by_group(
        [e.group for e in examples], [e.label for e in examples], shares=SHARES, seed=seed
    )
    drawn = [replace(e, split=split) for e, split in zip(examples, splits, strict=True)]
    if count == "all":
        return drawn, []
    dice = np.random.default_rng(seed)
    training, validation = of_split(drawn, "train"), of_split(drawn, "validation")
    kept: list[Example] = []
    for label in sorted({e.label for e in examples}):
        one_a_group = list({e.group: e for e in training if e.label == label}.values())
        kept += [one_a_group[place] for place in dice.permutation(len(one_a_group))[: int(count)]]
    few = dice.permutation(len(validation))[: max(8, len(kept) // 4)]
    groups = {e.group for e in kept}
    rest = [e.text for e in training if e.group not in groups]
    unlabelled = [rest[place] for place in dice.permutation(len(rest))]
    return [*kept, *(validation[place] for place in few), *of_split(drawn, "test")], unlabelled


def tfidf(
    chosen: list[Example], labels: list[LabelInfo], unlabelled: list[str], seed: int, cache: Path
) -> dict[str, Scores]:
    """TF-IDF of words and characters, logistic regression, everything as scikit-learn comes."""
    del unlabelled, cache
    training, test = of_split(chosen, "train"), of_split(chosen, "test")
    model = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2)),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)),
        ),
        LogisticRegression(max_iter=300, random_state=seed),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit([e.text for e in training], [e.label for e in training])
    probabilities = model.predict_proba([e.text for e in test])
    return {"tfidf": judged(probabilities, test, list(model.classes_))}


def tfidf_balanced(
    chosen: list[Example], labels: list[LabelInfo], unlabelled: list[str], seed: int, cache: Path
) -> dict[str, Scores]:
    """The baseline that stands beside every version: sublinear, balanced label weights."""
    del unlabelled, cache
    found = tfidf_baseline(chosen, [label.value for label in labels], seed=seed)
    return {"tfidf_balanced": {"macro_f1": found.macro_f1, "log_loss": found.log_loss}}


def ours(config: TrainConfig, *names: str) -> Callable[..., dict[str, Scores]]:
    """One of our trainings; two names: what it scores without its n-grams, and with them."""

    def work(
        chosen: list[Example],
        labels: list[LabelInfo],
        unlabelled: list[str],
        seed: int,
        cache: Path,
    ) -> dict[str, Scores]:
        with tempfile.TemporaryDirectory() as folder:
            trained = train(
                chosen,
                labels,
                replace(config, seed=seed, threads=torch.get_num_threads()),
                work=Path(folder),
                cache=cache,
                texts=unlabelled,
            )
        test, classifier = of_split(chosen, "test"), trained.classifier
        whole = trained.metrics["test"]
        scores = {names[-1]: {"macro_f1": whole.macro_f1, "log_loss": whole.log_loss}}
        if len(names) == 2:
            plain = scores[names[-1]]
            if classifier.ngrams is not None:
                logits = classifier.plain_logits([e.text for e in test])
                calibrated = apply_temperature(logits, classifier.facts.plain_temperature)
                plain = judged(calibrated, test, trained.label_map)
            scores[names[0]] = plain
        return scores

    return work


def judged(probabilities: Any, test: Sequence[Example], label_map: Sequence[str]) -> Scores:
    """Macro-F1 and log loss on the test split."""
    found = evaluate(
        probabilities,
        [e.label for e in test],
        label_map,
        groups=[e.group for e in test],
        resamples=0,
    )
    return {"macro_f1": found.macro_f1, "log_loss": found.log_loss}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """What has been measured so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and range of macro-F1 over the seeds, by number of labels and arm."""
    found: dict[str, Any] = {}
    for row in rows:
        found.setdefault(row["labels"], {}).setdefault(row["arm"], []).append(row["macro_f1"])
    return {
        count: {
            arm: {
                "mean": round(statistics.mean(scores), 4),
                "low": round(min(scores), 4),
                "high": round(max(scores), 4),
                "seeds": len(scores),
            }
            for arm, scores in arms.items()
        }
        for count, arms in found.items()
    }


ARMS: dict[str, Callable[..., dict[str, Scores]]] = {
    "tfidf": tfidf,
    "tfidf_balanced": tfidf_balanced,
    "probe_plain": ours(TrainConfig(kind="probe", ngrams="none"), "probe_plain"),
    "probe": ours(TrainConfig(kind="probe"), "probe"),
    "fine_tuned": ours(TrainConfig(ngrams="join"), "fine_tuned", "fine_tuned_ngrams"),
}

if __name__ == "__main__":
    main()
