"""Classifiers on a frozen encoder: probes and zero-shot, joined to the embedding cache."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import from_numpy, nn

from trainer.batching import longest_allowed
from trainer.calibration import fit_temperature, softmax
from trainer.callbacks import Callbacks, EpochReport, NullCallbacks
from trainer.config import TrainConfig
from trainer.data import Example, LabelInfo, label_indices, of_split
from trainer.encoder import Encoder
from trainer.errors import Cancelled
from trainer.heads import HeadShape, linear_head, save_head
from trainer.joint_probe import fit_joint_probe, joint_logits
from trainer.metrics import evaluate
from trainer.network import reading_of
from trainer.ngrams import NGRAMS_FILE, Joint
from trainer.predict import Classifier, ClassifierFacts, embeddings
from trainer.probe import ProbeHead, fit_probe
from trainer.probe_watch import Labelled
from trainer.zero_shot import fit_zero_shot

TEXTS_TO_MEASURE = 1000  # more do not move zero-shot's measures
PLAIN_HEAD = "plain_head.safetensors"


@dataclass(frozen=True)
class Frozen:
    """A head on a frozen encoder, as a classifier without temperature.

    plain_head: where n-grams are part of the classifier, the head that does best without them.
    """

    classifier: Classifier
    best_epoch: float
    tweets_per_second: float
    cancelled: bool
    compiled: bool = False  # nothing is trained below the head
    plain_head: nn.Sequential | None = None

    def write(self, directory: Path) -> None:
        """Write head and n-grams; the encoder stays where it is, named by its digest."""
        save_head(self.classifier.head, directory / "head.safetensors")
        if self.classifier.ngrams is not None:
            self.classifier.ngrams.save(directory / NGRAMS_FILE)
        if self.plain_head is not None:
            save_head(self.plain_head, directory / PLAIN_HEAD)


def train_probe(
    examples: Sequence[Example],
    label_map: list[str],
    config: TrainConfig,
    *,
    cache: Path,
    callbacks: Callbacks,
) -> Frozen:
    """Embed the tweets (what the cache holds already costs nothing) and fit a head on them."""
    encoder = Encoder.of(config)
    started = time.monotonic()

    def labelled(split: str) -> Labelled:
        chosen = of_split(examples, split)
        return labelled_vectors(
            encoder, chosen, label_map, config, cache=cache, callbacks=callbacks
        )

    training, validation = labelled("train"), labelled("validation")
    fitted = fit_probe(training, validation, label_map, config, callbacks)
    joint = None
    if config.joins_ngrams and not fitted.cancelled:
        try:
            joint = fit_joint_probe(training, len(label_map), config, callbacks=callbacks)
            _report(joint, validation, label_map, fitted, callbacks)
        except Cancelled:  # the head alone is there already, and worth keeping
            fitted = replace(fitted, cancelled=True)
    rate = len(training.targets) / (time.monotonic() - started)
    found = _frozen(encoder, label_map, config, fitted, rate)
    return found if joint is None else _joined(found, joint, fitted, validation)


def _report(
    joint: Joint,
    validation: Labelled,
    label_map: Sequence[str],
    fitted: ProbeHead,
    callbacks: Callbacks,
) -> None:
    """Report the joint fit as one more validation, after those of the head alone."""
    if not len(validation.targets):
        return
    found = evaluate(
        softmax(joint_logits(joint, validation)),
        [label_map[target] for target in validation.targets],
        label_map,
        groups=validation.groups.tolist(),
        split="validation",
        resamples=0,
    )
    callbacks.on_epoch(
        EpochReport(
            step=fitted.steps + 1,
            epoch=float(fitted.reports + 1),
            training_loss=found.log_loss,
            learning_rate=1.0,
            metrics={**found.to_json(), "loss": found.log_loss},
            seconds=0.0,
        )
    )


def _joined(found: Frozen, joint: Joint, fitted: ProbeHead, validation: Labelled) -> Frozen:
    """Return the classifier with its n-grams; the head without them is kept beside."""
    known = found.classifier
    facts = replace(
        known.facts,
        ngrams=True,
        plain_temperature=fit_temperature(fitted.logits(validation.vectors), validation.targets),
    )
    head = linear_head(from_numpy(joint.weight), from_numpy(joint.bias)).eval()
    classifier = Classifier(facts, head, encoder=known.encoder, ngrams=joint.ngrams)
    last = float(fitted.reports + 1)
    return replace(found, classifier=classifier, best_epoch=last, plain_head=fitted.head)


def labelled_vectors(
    encoder: Encoder,
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    callbacks: Callbacks | None = None,
) -> Labelled:
    """Return what a probe learns from: embeddings, labels, groups, weights and texts."""
    watch = callbacks or NullCallbacks()
    return Labelled(
        vectors=embeddings(
            encoder,
            [example.text for example in examples],
            max_length=config.max_length,
            pooling=reading_of(config),
            cache=cache,
            on_progress=watch.on_prepare,
            should_stop=watch.should_stop,
        ),
        targets=np.asarray(label_indices(examples, label_map), dtype=np.int64),
        groups=np.asarray([example.group for example in examples], dtype=np.int64),
        weights=np.asarray([example.weight for example in examples], dtype=np.float32),
        texts=np.asarray([example.text for example in examples], dtype=object),
    )


def train_zero_shot(
    examples: Sequence[Example],
    labels: Sequence[LabelInfo],
    config: TrainConfig,
    *,
    texts: Sequence[str],
    cache: Path,
    callbacks: Callbacks,
) -> Frozen:
    """Make a head from the labels' descriptions, measured on unlabelled `texts` of the project.

    Without texts, those of the training split are taken; their labels are not looked at.
    """
    encoder = Encoder.of(config)
    started = time.monotonic()
    seen = texts or [example.text for example in of_split(examples, "train")]

    def embed(chosen: Sequence[str]) -> NDArray[np.float32]:
        return embeddings(
            encoder,
            chosen,
            max_length=config.max_length,
            pooling=reading_of(config),
            cache=cache,
            should_stop=callbacks.should_stop,
        )

    callbacks.on_start(1)
    tweets = embed(seen[:TEXTS_TO_MEASURE]) if seen else None
    fitted = fit_zero_shot(labels, embed, tweets=tweets)
    rate = len(seen[:TEXTS_TO_MEASURE]) / (time.monotonic() - started)
    return _frozen(encoder, [label.value for label in labels], config, fitted, rate)


def _frozen(
    encoder: Encoder, label_map: list[str], config: TrainConfig, fitted: ProbeHead, rate: float
) -> Frozen:
    classifier = Classifier(
        _facts(encoder, label_map, config, fitted.shape), fitted.head, encoder=encoder
    )
    return Frozen(classifier, float(fitted.best), rate, fitted.cancelled)


def _facts(
    encoder: Encoder, label_map: list[str], config: TrainConfig, shape: HeadShape
) -> ClassifierFacts:
    return ClassifierFacts(
        kind=config.kind,
        label_map=label_map,
        temperature=1.0,
        base_model=config.base_model,
        base_sha256=encoder.sha256,
        reading=reading_of(config),
        max_length=longest_allowed(encoder.base.config, config.max_length),
        head=shape,
        config=config.to_json(),
    )
