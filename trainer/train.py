"""Train a classifier: the one function that jobs, the command line and notebooks call.

trained = train(examples, labels, TrainConfig(kind="probe"), work=Path("w"), cache=Path("c"))
trained.metrics["test"].macro_f1
trained.classifier.probabilities(["the climate is changing"])
publish(Path("models"), trained.write, {})
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.artifacts import FACTS
from trainer.calibration import apply_temperature, fit_temperature
from trainer.callbacks import Callbacks, NullCallbacks
from trainer.config import TrainConfig
from trainer.data import Example, LabelInfo, check_labels, check_trainable, label_indices, of_split
from trainer.durable import write_json
from trainer.errors import ConfigError
from trainer.finetune import FineTuned, fine_tune
from trainer.frozen import Frozen, train_probe, train_zero_shot
from trainer.metrics import Metrics, evaluate
from trainer.notebook_split import method, split_like_the_notebook
from trainer.precision import own_threads
from trainer.predict import Classifier, facts_to_json
from trainer.starting import Start

JUDGED = ("validation", "test")
SPLIT_METHOD = "drawn per duplicate group, stratified by label"


@dataclass(frozen=True)
class SplitPredictions:
    """Calibrated probabilities (n, K) float32 of one split's examples, in their order."""

    tweet_ids: list[int]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Trained:
    """A trained classifier, what it scores, and how it came about.

    metrics, predictions: by split, "validation" and "test"; absent where a split has no labels.
    best_epoch: the epoch whose weights were kept (0 for zero_shot). cancelled: stopped early on
    request, so the best epoch is the best of those that were run. compiled: whether the encoder's
    layers were, for the training.
    """

    config: TrainConfig
    label_map: list[str]
    temperature: float
    metrics: dict[str, Metrics]
    predictions: dict[str, SplitPredictions]
    best_epoch: float
    seconds: float
    tweets_per_second: float
    cancelled: bool
    compiled: bool
    classifier: Classifier
    write_weights: Callable[[Path], None]

    def write(self, directory: Path) -> None:
        """Write the model's files into an existing directory; see `artifacts.publish`."""
        self.write_weights(directory)
        write_json(directory / FACTS, facts_to_json(self.classifier.facts))


@own_threads()
def train(
    examples: Sequence[Example],
    labels: Sequence[LabelInfo],
    config: TrainConfig,
    *,
    work: Path,
    cache: Path,
    callbacks: Callbacks | None = None,
    split_method: str = SPLIT_METHOD,
    texts: Sequence[str] = (),
    start: Start | None = None,
) -> Trained:
    """Train on the train split, choose and calibrate on validation, report on test.

    work: checkpoints of this training; it is resumed from the last complete one there.
    cache: embeddings of frozen encoders. texts: unlabelled tweets of the project, none of them of
    a duplicate group that is judged: a zero_shot classifier is measured on them, a fine-tuned one
    learns from them while labels are few. start: the version to go on from, where
    config.start_from is "current". Raises TooFewLabelsError, DataError, ConfigError,
    BaseModelError, ArtifactError; Cancelled when stopped before there is anything to keep.
    """
    started = time.monotonic()
    if config.split == "random":
        examples = split_like_the_notebook(examples, seed=config.seed)
        split_method = method(config.seed)
    watch = callbacks or NullCallbacks()
    learned = _learn(examples, labels, config, work, cache, watch, texts, start)
    classifier, label_map = learned.classifier, learned.classifier.label_map
    texts_of = {split: [e.text for e in of_split(examples, split)] for split in JUDGED}
    logits = {
        split: classifier.logits(chosen, cache=cache)
        for split, chosen in texts_of.items()
        if chosen
    }
    truth = label_indices(of_split(examples, "validation"), label_map)
    temperature = 1.0
    if truth:
        temperature = fit_temperature(logits["validation"], np.asarray(truth))
    classifier.facts = replace(classifier.facts, temperature=temperature)
    ids = {split: [example.tweet_id for example in of_split(examples, split)] for split in logits}
    predictions = {
        split: SplitPredictions(ids[split], apply_temperature(values, temperature))
        for split, values in logits.items()
    }
    metrics = {
        split: _score(of_split(examples, split), answers, label_map, split, split_method, config)
        for split, answers in predictions.items()
    }
    return Trained(
        config=config,
        label_map=label_map,
        temperature=temperature,
        metrics=metrics,
        predictions=predictions,
        best_epoch=learned.best_epoch,
        seconds=time.monotonic() - started,
        tweets_per_second=learned.tweets_per_second,
        cancelled=learned.cancelled,
        compiled=learned.compiled,
        classifier=classifier,
        write_weights=learned.write,
    )


def _learn(
    examples: Sequence[Example],
    labels: Sequence[LabelInfo],
    config: TrainConfig,
    work: Path,
    cache: Path,
    callbacks: Callbacks,
    texts: Sequence[str],
    start: Start | None,
) -> FineTuned | Frozen:
    if config.kind == "zero_shot":
        check_labels(examples, labels)
        return train_zero_shot(
            examples, labels, config, texts=texts, cache=cache, callbacks=callbacks
        )
    if (config.start_from == "current") != (start is not None):
        raise ConfigError(
            "start_from says where to start: 'current' goes with `start`, 'base' without"
        )
    check_trainable(examples, labels)
    label_map = [label.value for label in labels]
    if config.kind == "probe":
        return train_probe(examples, label_map, config, cache=cache, callbacks=callbacks)
    return fine_tune(
        examples,
        label_map,
        config,
        work=work,
        cache=cache,
        callbacks=callbacks,
        texts=texts,
        start=start,
    )


def _score(
    examples: Sequence[Example],
    answers: SplitPredictions,
    label_map: list[str],
    split: str,
    split_method: str,
    config: TrainConfig,
) -> Metrics:
    return evaluate(
        answers.probabilities,
        [example.label for example in examples],
        label_map,
        groups=[example.group for example in examples],
        split=split,
        split_method=split_method,
        seed=config.seed,
    )
