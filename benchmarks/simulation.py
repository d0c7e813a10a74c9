"""How many labels each queue order needs, with a labelled file as the oracle.

    python -m benchmarks.simulation FILE [--text-column message --label-column sentiment]
        [--seeds 5] [--most 6000] [--orders random margin ...] [--cache DIR]
        [--checkpoint FILE.jsonl] [--quick]

For each seed the file is split by duplicate group; people then answer tweets of the training
split in batches, and the probe is trained again after each batch and scored on the test split.
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
from dataclasses import dataclass
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
from trainer.callbacks import NullCallbacks
from trainer.config import TrainConfig
from trainer.encoder import Encoder
from trainer.metrics import evaluate
from trainer.predict import embeddings
from trainer.probe import ProbeHead, fit_probe
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
    """The labelled file: embeddings, label positions and duplicate groups of n tweets."""

    data: Labelled
    label_map: list[str]


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
    return Corpus(Labelled(vectors, targets, groups.astype(np.int64), weights), label_map)


def simulate(
    corpus: Corpus, pool: Labelled, test: Labelled, setting: Setting
) -> list[tuple[int, float]]:
    """Return (answers given, test macro-F1) after each batch."""
    askable = (
        _representatives(pool, setting.seed) if setting.grouped else np.arange(len(pool.groups))
    )
    group_of = pool.groups if setting.grouped else np.arange(len(pool.groups))
    asked = askable[in_random_order(len(askable), seed=setting.seed)[: setting.batch]]
    covering = _covering(pool, askable, asked, setting)
    curve: list[tuple[int, float]] = []
    while True:
        known = np.isin(group_of, group_of[asked])
        answered = _as_answered(pool, known, asked, grouped=setting.grouped)
        probe = _probe(answered, corpus.label_map, setting.seed)
        curve.append((len(asked), _score(probe, test, corpus.label_map)))
        open_rows = askable[~known[askable]]
        done = len(asked) >= setting.most or len(open_rows) < setting.batch
        if done or (setting.target is not None and needed(curve, setting.target) is not None):
            return curve
        turn = setting.seed * 100_003 + len(asked)
        if covering is not None:
            chosen = covering[len(asked) - setting.batch :]
        else:
            chosen = open_rows[_next(probe, pool.vectors[open_rows], setting, turn)]
        asked = np.concatenate([asked, chosen[: setting.batch]])


def _covering(
    pool: Labelled, askable: NDArray[np.int64], first: NDArray[np.int64], setting: Setting
) -> NDArray[np.int64] | None:
    """Return the rows that k-center asks after the first batch, which no answer changes."""
    if setting.order != "k_center":
        return None
    rows = np.setdiff1d(askable, first)
    return rows[k_center(pool.vectors[rows], setting.most, known=pool.vectors[first])]


def _next(
    probe: ProbeHead, vectors: NDArray[np.float32], setting: Setting, turn: int
) -> NDArray[np.int64]:
    """Return positions within the open tweets' vectors, the next to ask first."""
    if setting.order == "random":
        return in_random_order(len(vectors), seed=turn)
    probabilities = softmax(probe.logits(vectors))
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


def _representatives(pool: Labelled, seed: int) -> NDArray[np.int64]:
    """Return one row a duplicate group, drawn by `seed`."""
    order = in_random_order(len(pool.groups), seed=seed)
    _, first = np.unique(pool.groups[order], return_index=True)
    return np.sort(order[first])


def _as_answered(
    pool: Labelled, known: NDArray[np.bool_], asked: NDArray[np.int64], *, grouped: bool
) -> Labelled:
    """Return what is known after the answers: copies carry the label that was given."""
    if not grouped:
        return pool.rows(asked)
    answer = dict(zip(pool.groups[asked].tolist(), pool.targets[asked].tolist(), strict=True))
    rows = pool.rows(known)
    targets = np.array([answer[group] for group in rows.groups.tolist()], dtype=np.int64)
    return Labelled(rows.vectors, targets, rows.groups, rows.weights)


def _probe(answered: Labelled, label_map: list[str], seed: int) -> ProbeHead:
    config = TrainConfig(kind="probe", probe_steps=60, seed=seed)
    return fit_probe(answered, None, label_map, config, NullCallbacks())


def _score(probe: ProbeHead, test: Labelled, label_map: list[str]) -> float:
    return evaluate(
        softmax(probe.logits(test.vectors)),
        [label_map[target] for target in test.targets],
        label_map,
        groups=test.groups.tolist(),
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
            full = _score(_probe(pool, corpus.label_map, seed), test, corpus.label_map)
            for order in arguments.orders:
                if (order, grouped, seed) not in done:
                    target = SHARES[-1] * full
                    setting = Setting(order, grouped, seed, arguments.batch, arguments.most, target)
                    found = _measure(corpus, pool, test, setting, full)
                    done[order, grouped, seed] = found
                    _write(arguments.checkpoint, found)
    return {
        "tweets": len(corpus.data.targets),
        "groups": len(np.unique(corpus.data.groups)),
        "most": arguments.most,
        "arms": summary(list(done.values())),
    }


def _split(corpus: Corpus, seed: int) -> tuple[Labelled, Labelled]:
    labels = [corpus.label_map[target] for target in corpus.data.targets]
    splits = np.asarray(
        split_by_group(corpus.data.groups.tolist(), labels, shares=SplitShares(), seed=seed)
    )
    return corpus.data.rows(splits == "train"), corpus.data.rows(splits == "test")


def _measure(
    corpus: Corpus, pool: Labelled, test: Labelled, setting: Setting, full: float
) -> dict[str, Any]:
    started = time.monotonic()
    curve = simulate(corpus, pool, test, setting)
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
