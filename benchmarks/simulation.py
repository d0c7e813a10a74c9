"""How many labels each queue order needs, with a labelled file as the oracle.

    python -m benchmarks.simulation FILE [--text-column message --label-column sentiment]
        [--seeds 5] [--most 6000] [--orders random margin ...] [--cache DIR]
        [--checkpoint FILE.jsonl] [--quick]

For each seed the file is split by duplicate group; people then answer tweets of the training
split in batches, and the probe is trained again after each batch and scored on the test split.
It is the product's: embeddings and character n-grams together, the n-grams chosen from the
answered tweets alone. Each fit but the first starts from the one before, which reaches the same
optimum within the solver's tolerance: after 1,500 and 3,000 real answers, 20 fits in a row lay
within 0.002 of the exact logits of unseen tweets (a fit from nothing: 0.004), macro-F1 equal.
With groups on, a person is asked one tweet a group and the answer counts for its copies; off,
every tweet is asked by itself. Prints one JSON object: per order, groups on and off, the answers
needed for 90% and 95% of the macro-F1 of the probe trained on the whole training split (mean
of three batches, so that one lucky batch does not count), null where --most did not suffice.
Runs that are in the checkpoint file already are not done again. The order activeml_margin needs
scikit-activeml (requirements-dev.txt).
"""

import argparse
import csv
import json
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeling.alike import group_texts
from labeling.strategies import (
    BY_UNCERTAINTY,
    in_random_order,
    k_center,
    mix,
)
from trainer.calibration import softmax
from trainer.config import TrainConfig
from trainer.encoder import Encoder
from trainer.joint_probe import fit_joint_probe_counts
from trainer.metrics import evaluate
from trainer.ngrams import Joint, hashed_counts
from trainer.predict import embeddings
from trainer.probe_watch import Labelled
from trainer.splits import SplitShares, split_by_group

SHARES = (0.90, 0.95)
SMOOTHED = 3  # batches
RANDOM_SHARE = 0.1  # of the orders "… + random", as in the product
DIVERSE_POOL = 10  # batches of the least sure tweets among which "margin, diverse" spreads out
ORDERS = (
    "random",
    *BY_UNCERTAINTY,
    "k_center",
    "least_confident+random",
    "margin+random",
    "margin+k_center",
    "activeml_margin",
)


@dataclass(frozen=True)
class Corpus:
    """Labelled tweets: embeddings, label positions and groups of n, and their hashed n-grams.

    counts: sparse (n, BUCKETS), hashed once for all the fits.
    """

    data: Labelled
    counts: Any
    label_map: list[str]

    def rows(self, chosen: NDArray[Any]) -> "Corpus":
        """Return the tweets that a mask (n,) or positions (m,) choose."""
        return Corpus(self.data.rows(chosen), self.counts[chosen], self.label_map)


@dataclass(frozen=True)
class Setting:
    """One simulation: which order, with or without groups, which seed.

    target: the macro-F1 at which to stop, reached by the mean of three batches; None: never.
    """

    order: str
    grouped: bool
    seed: int
    batch: int
    most: int
    target: float | None = None


def read_corpus(path: Path, text_column: str, label_column: str, cache: Path | None) -> Corpus:
    """Read the file and embed its tweets with the bundled model."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = [(row[text_column], row[label_column]) for row in csv.DictReader(handle)]
    texts = [text for text, _ in rows]
    label_map = sorted({label for _, label in rows})
    _, groups = np.unique(group_texts(texts), return_inverse=True)
    config = TrainConfig(kind="probe")
    encoder = Encoder.load(config.base_model)
    vectors = embeddings(
        encoder,
        texts,
        max_length=config.max_length,
        pooling=config.pooling,
        cache=cache,
        on_progress=lambda done, total: _say(f"embedded {done} of {total}"),
    )
    targets = np.array([label_map.index(label) for _, label in rows], dtype=np.int64)
    weights = np.ones(len(rows), dtype=np.float32)
    data = Labelled(vectors, targets, groups.astype(np.int64), weights)
    return Corpus(data, hashed_counts(texts), label_map)


def simulate(pool: Corpus, test: Corpus, setting: Setting) -> list[tuple[int, float]]:
    """Return (answers given, test macro-F1) after each batch."""
    count = len(pool.data.groups)
    group_of = pool.data.groups if setting.grouped else np.arange(count)
    askable = _representatives(group_of, setting.seed) if setting.grouped else np.arange(count)
    asked = askable[in_random_order(len(askable), seed=setting.seed)[: setting.batch]]
    covering = _covering(pool.data, askable, asked, setting)
    curve: list[tuple[int, float]] = []
    joint = None
    while True:
        known = np.isin(group_of, group_of[asked])
        joint = _probe(_as_answered(pool, known, asked, group_of), setting.seed, joint)
        curve.append((len(asked), _score(joint, test)))
        open_rows = askable[~known[askable]]
        done = len(asked) >= setting.most or len(open_rows) < setting.batch
        if done or (setting.target is not None and needed(curve, setting.target) is not None):
            return curve
        turn = setting.seed * 100_003 + len(asked)
        if covering is not None:
            chosen = covering[len(asked) - setting.batch :]
        elif setting.order == "random":
            chosen = open_rows[in_random_order(len(open_rows), seed=turn)]
        else:
            chosen = open_rows[_next(joint, pool.rows(open_rows), setting, turn)]
        asked = np.concatenate([asked, chosen[: setting.batch]])


def _covering(
    pool: Labelled, askable: NDArray[np.int64], first: NDArray[np.int64], setting: Setting
) -> NDArray[np.int64] | None:
    """Return the rows that k-center asks after the first batch, which no answer changes."""
    if setting.order != "k_center":
        return None
    rows = np.setdiff1d(askable, first)
    return rows[k_center(pool.vectors[rows], setting.most, known=pool.vectors[first])]


def _next(joint: Joint, still_open: Corpus, setting: Setting, turn: int) -> NDArray[np.int64]:
    """Return positions within the open tweets, the next to ask first."""
    vectors = still_open.data.vectors
    probabilities = softmax(joint.logits_of_counts(vectors, still_open.counts))
    if setting.order in BY_UNCERTAINTY:
        return BY_UNCERTAINTY[setting.order](probabilities)
    if setting.order == "activeml_margin":
        return _activeml_margin(vectors, probabilities, setting.batch, turn)
    if setting.order == "margin+k_center":
        unsure = BY_UNCERTAINTY["margin"](probabilities)[: DIVERSE_POOL * setting.batch]
        return unsure[k_center(vectors[unsure], setting.batch)]
    order = setting.order.removesuffix("+random")
    orders = {
        order: (BY_UNCERTAINTY[order](probabilities), 1 - RANDOM_SHARE),
        "random": (in_random_order(len(vectors), seed=turn), RANDOM_SHARE),
    }
    return np.array([one.row for one in mix(orders, setting.batch, seed=turn)], dtype=np.int64)


def _activeml_margin(
    vectors: NDArray[np.float32], probabilities: NDArray[np.float32], batch: int, turn: int
) -> NDArray[np.int64]:
    """Let scikit-activeml's margin sampling choose, by the same probe's probabilities."""
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import UncertaintySampling

    table = probabilities.astype(np.float64)
    table /= table.sum(axis=1, keepdims=True)

    class Given(SkactivemlClassifier):  # type: ignore[misc]
        """A fitted classifier whose answers for these very rows are known."""

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Given":
            self.classes_ = np.arange(table.shape[1])
            return self

        def predict_proba(self, X: Any) -> NDArray[np.float64]:
            return table[np.asarray(X)[:, 0].astype(np.int64)]

    places = np.arange(len(vectors), dtype=np.float64)[:, None]
    unknown = np.full(len(vectors), np.nan)
    classifier = Given(classes=list(range(table.shape[1]))).fit(None, None)
    strategy = UncertaintySampling(method="margin_sampling", random_state=turn)
    chosen = strategy.query(places, unknown, classifier, fit_clf=False, batch_size=batch)
    return np.asarray(chosen, dtype=np.int64)


def _representatives(groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return one row a duplicate group, drawn by `seed`."""
    order = in_random_order(len(groups), seed=seed)
    _, first = np.unique(groups[order], return_index=True)
    return np.sort(order[first])


def _as_answered(
    pool: Corpus,
    known: NDArray[np.bool_],
    asked: NDArray[np.int64],
    group_of: NDArray[np.int64],
) -> Corpus:
    """Return what is known after the answers: copies carry the label that was given."""
    answer = dict(zip(group_of[asked].tolist(), pool.data.targets[asked].tolist(), strict=True))
    targets = np.array([answer[group] for group in group_of[known].tolist()], dtype=np.int64)
    rows = pool.rows(known)
    return replace(rows, data=replace(rows.data, targets=targets))


def _probe(answered: Corpus, seed: int, start: Joint | None = None) -> Joint:
    config = TrainConfig(kind="probe", seed=seed)
    labels = len(answered.label_map)
    return fit_joint_probe_counts(answered.data, answered.counts, labels, config, start=start)


def _score(joint: Joint, test: Corpus) -> float:
    return evaluate(
        softmax(joint.logits_of_counts(test.data.vectors, test.counts)),
        [test.label_map[target] for target in test.data.targets],
        test.label_map,
        groups=test.data.groups.tolist(),
        resamples=0,
    ).macro_f1


def needed(curve: list[tuple[int, float]], target: float) -> int | None:
    """Return the answers at which the mean of three batches first reaches `target`."""
    scores = [score for _, score in curve]
    for place in range(SMOOTHED - 1, len(curve)):
        if np.mean(scores[place - SMOOTHED + 1 : place + 1]) >= target:
            return curve[place][0]
    return None


def run(corpus: Corpus, arguments: argparse.Namespace) -> dict[str, Any]:
    """Simulate every order with every seed, first all with groups, seeds taking turns."""
    done = _read(arguments.checkpoint)
    for grouped in (True, False):
        for seed in range(arguments.seeds):
            pool, test = _split(corpus, seed)
            left = [one for one in arguments.orders if (one, grouped, seed) not in done]
            full = _score(_probe(pool, seed), test) if left else 0.0
            for order in left:
                target = SHARES[-1] * full
                setting = Setting(order, grouped, seed, arguments.batch, arguments.most, target)
                found = _measure(pool, test, setting, full)
                done[order, grouped, seed] = found
                _write(arguments.checkpoint, found)
    return {
        "tweets": len(corpus.data.targets),
        "groups": len(np.unique(corpus.data.groups)),
        "most": arguments.most,
        "arms": summary(list(done.values())),
    }


def _split(corpus: Corpus, seed: int) -> tuple[Corpus, Corpus]:
    labels = [corpus.label_map[target] for target in corpus.data.targets]
    splits = np.asarray(
        split_by_group(corpus.data.groups.tolist(), labels, shares=SplitShares(), seed=seed)
    )
    return corpus.rows(splits == "train"), corpus.rows(splits == "test")


def _measure(pool: Corpus, test: Corpus, setting: Setting, full: float) -> dict[str, Any]:
    started = time.monotonic()
    curve = simulate(pool, test, setting)
    found: dict[str, Any] = {
        "order": setting.order,
        "groups": setting.grouped,
        "seed": setting.seed,
        "full_macro_f1": round(full, 4),
        "needed": {f"{share:.0%}": needed(curve, share * full) for share in SHARES},
        "curve": [[count, round(score, 4)] for count, score in curve],
        "seconds": round(time.monotonic() - started, 1),
    }
    _say(json.dumps({key: value for key, value in found.items() if key != "curve"}))
    return found


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each order, groups on and off: median, least and most answers needed.

    Null stands for more than --most. The macro-F1 after 1,000 answers is the mean over seeds.
    """
    arms: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for one in runs:
        arms.setdefault((one["order"], one["groups"]), []).append(one)
    table = []
    for (order, grouped), found in arms.items():
        row: dict[str, Any] = {"order": order, "groups": grouped, "seeds": len(found)}
        for share in (f"{share:.0%}" for share in SHARES):
            counts = sorted(
                (one["needed"][share] for one in found),
                key=lambda count: float("inf") if count is None else count,
            )
            row[share] = {"median": _median(counts), "least": counts[0], "most": counts[-1]}
        early = [score for one in found for count, score in one["curve"] if count == 1000]
        row["macro_f1_at_1000"] = round(float(np.mean(early)), 4) if early else None
        row["full_macro_f1"] = round(float(np.mean([one["full_macro_f1"] for one in found])), 4)
        table.append(row)
    return table


def _read(checkpoint: Path | None) -> dict[tuple[str, bool, int], dict[str, Any]]:
    if checkpoint is None or not checkpoint.exists():
        return {}
    runs = [json.loads(line) for line in checkpoint.read_text(encoding="utf-8").splitlines()]
    return {(one["order"], one["groups"], one["seed"]): one for one in runs}


def _write(checkpoint: Path | None, found: dict[str, Any]) -> None:
    if checkpoint is not None:
        with checkpoint.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(found) + "\n")


def _median(found: list[int | None]) -> float | None:
    """Return the median, null when half the seeds or more never got there."""
    ordered = sorted(float("inf") if one is None else float(one) for one in found)
    middle = float(np.median(ordered)) if ordered[len(ordered) // 2] != float("inf") else None
    return middle


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main() -> int:
    """Read the arguments, simulate, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="a labelled CSV")
    parser.add_argument("--text-column", default="message")
    parser.add_argument("--label-column", default="sentiment")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=50, help="answers between two trainings")
    parser.add_argument("--most", type=int, default=6000, help="answers after which to give up")
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=list(ORDERS))
    parser.add_argument("--cache", type=Path, help="a directory that keeps the embeddings")
    parser.add_argument("--checkpoint", type=Path, help="a JSON lines file of finished runs")
    parser.add_argument("--quick", action="store_true", help="one seed, 600 answers, two orders")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds, arguments.most = 1, 600
        arguments.orders = ["random", "least_confident"]
    corpus = read_corpus(
        arguments.file, arguments.text_column, arguments.label_column, arguments.cache
    )
    found = {"machine": {"cpus": os.cpu_count()}, **run(corpus, arguments)}
    print(json.dumps(found, allow_nan=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
