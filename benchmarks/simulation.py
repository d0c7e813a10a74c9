"""How many labels each queue order needs, with a labelled file as the oracle.

    python -m benchmarks.simulation FILE [--text-column message --label-column sentiment]
        [--seeds 5] [--most 3000] [--orders random margin ...] [--cache DIR] [--quick]

For each seed the file is split by duplicate group; people then answer tweets of the training
split in batches, and the probe is trained again after each batch and scored on the test split.
With groups on, a person is asked one tweet a group and the answer counts for its copies; off,
every tweet is asked by itself. Prints one JSON object: per order, groups on and off, the answers
needed for 90% and 95% of the macro-F1 of the probe trained on the whole training split (mean
of three batches, so that one lucky batch does not count), null where --most did not suffice.
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

from labeling.grouping import text_key
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
RANDOM_SHARE = 0.1  # in the order "default": the product's own mix
ORDERS = ("random", *BY_UNCERTAINTY, "k_center", "default")


@dataclass(frozen=True)
class Corpus:
    """The labelled file: embeddings, label positions and duplicate groups of n tweets."""

    data: Labelled
    label_map: list[str]


@dataclass(frozen=True)
class Setting:
    """One simulation: which order, with or without groups, which seed."""

    order: str
    grouped: bool
    seed: int
    batch: int
    most: int


def read_corpus(path: Path, text_column: str, label_column: str, cache: Path | None) -> Corpus:
    """Read the file and embed its tweets with the bundled model."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = [(row[text_column], row[label_column]) for row in csv.DictReader(handle)]
    texts = [text for text, _ in rows]
    label_map = sorted({label for _, label in rows})
    keys = [text_key(text) for text in texts]
    _, groups = np.unique(keys, return_inverse=True)
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
    curve: list[tuple[int, float]] = []
    while True:
        known = np.isin(group_of, group_of[asked])
        answered = _as_answered(pool, known, asked, grouped=setting.grouped)
        probe = _probe(answered, corpus.label_map, setting.seed)
        curve.append((len(asked), _score(probe, test, corpus.label_map)))
        open_rows = askable[~known[askable]]
        if len(asked) >= setting.most or len(open_rows) < setting.batch:
            return curve
        turn = setting.seed * 100_003 + len(asked)
        chosen = _next(probe, pool, open_rows, pool.vectors[asked], setting, turn)
        asked = np.concatenate([asked, open_rows[chosen[: setting.batch]]])


def _next(
    probe: ProbeHead,
    pool: Labelled,
    open_rows: NDArray[np.int64],
    known: NDArray[np.float32],
    setting: Setting,
    turn: int,
) -> NDArray[np.int64]:
    """Return positions within open_rows, the next to ask first."""
    vectors = pool.vectors[open_rows]
    if setting.order == "random":
        return in_random_order(len(open_rows), seed=turn)
    if setting.order == "k_center":
        return k_center(vectors, setting.batch, known=known)
    probabilities = softmax(probe.logits(vectors))
    if setting.order in BY_UNCERTAINTY:
        return BY_UNCERTAINTY[setting.order](probabilities)
    orders = {
        "least_confident": (BY_UNCERTAINTY["least_confident"](probabilities), 1 - RANDOM_SHARE),
        "random": (in_random_order(len(open_rows), seed=turn), RANDOM_SHARE),
    }
    return np.array([one.row for one in mix(orders, setting.batch, seed=turn)], dtype=np.int64)


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
    """Simulate every order with every seed, orders taking turns within a seed."""
    arms: dict[str, dict[str, Any]] = {}
    full: list[float] = []
    for seed in range(arguments.seeds):
        labels = [corpus.label_map[target] for target in corpus.data.targets]
        splits = np.asarray(
            split_by_group(corpus.data.groups.tolist(), labels, shares=SplitShares(), seed=seed)
        )
        pool, test = corpus.data.rows(splits == "train"), corpus.data.rows(splits == "test")
        full.append(_score(_probe(pool, corpus.label_map, seed), test, corpus.label_map))
        for order in arguments.orders:
            for grouped in (True, False):
                setting = Setting(order, grouped, seed, arguments.batch, arguments.most)
                started = time.monotonic()
                curve = simulate(corpus, pool, test, setting)
                name = f"{order}, groups {'on' if grouped else 'off'}"
                arm = arms.setdefault(
                    name, {"order": order, "groups": grouped, "curves": [], "needed": {}}
                )
                arm["curves"].append([[count, round(score, 4)] for count, score in curve])
                for share in SHARES:
                    found = needed(curve, share * full[-1])
                    arm["needed"].setdefault(f"{share:.0%}", []).append(found)
                took = time.monotonic() - started
                _say(f"seed {seed}, {name}: {arm['needed']} in {took:.0f} s")
    for arm in arms.values():
        arm["median"] = {share: _median(found) for share, found in arm["needed"].items()}
        arm["final_macro_f1"] = float(np.mean([curve[-1][1] for curve in arm["curves"]]))
    return {
        "tweets": len(corpus.data.targets),
        "groups": len(np.unique(corpus.data.groups)),
        "full_macro_f1": full,
        "arms": arms,
    }


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
    parser.add_argument("--most", type=int, default=3000, help="answers after which to give up")
    parser.add_argument("--orders", nargs="+", choices=ORDERS, default=list(ORDERS))
    parser.add_argument("--cache", type=Path, help="a directory that keeps the embeddings")
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
