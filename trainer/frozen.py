"""Classifiers on a frozen encoder: probes and zero-shot, joined to the embedding cache."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.batching import longest_allowed
from trainer.callbacks import Callbacks, NullCallbacks
from trainer.config import TrainConfig
from trainer.data import Example, LabelInfo, label_indices, of_split
from trainer.encoder import Encoder
from trainer.heads import HeadShape, save_head
from trainer.network import reading_of
from trainer.predict import Classifier, ClassifierFacts, embeddings
from trainer.probe import ProbeHead, fit_probe
from trainer.probe_watch import Labelled
from trainer.zero_shot import fit_zero_shot

TEXTS_TO_MEASURE = 1000  # more do not move zero-shot's measures


@dataclass(frozen=True)
class Frozen:
    """A head on a frozen encoder, as a classifier without temperature."""

    classifier: Classifier
    best_epoch: float
    tweets_per_second: float
    cancelled: bool

    def write(self, directory: Path) -> None:
        """Write the head; the encoder stays where it is, named by its digest."""
        save_head(self.classifier.head, directory / "head.safetensors")


def train_probe(
    examples: Sequence[Example],
    label_map: list[str],
    config: TrainConfig,
    *,
    cache: Path,
    callbacks: Callbacks,
) -> Frozen:
    """Embed the tweets (what the cache holds already costs nothing) and fit a head on them."""
    encoder = Encoder.load(config.base_model, precision=config.precision, threads=config.threads)
    started = time.monotonic()

    def labelled(split: str) -> Labelled:
        chosen = of_split(examples, split)
        return labelled_vectors(
            encoder, chosen, label_map, config, cache=cache, callbacks=callbacks
        )

    training = labelled("train")
    fitted = fit_probe(training, labelled("validation"), label_map, config, callbacks)
    rate = len(training.targets) / (time.monotonic() - started)
    return _frozen(encoder, label_map, config, fitted, rate)


def labelled_vectors(
    encoder: Encoder,
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    callbacks: Callbacks | None = None,
) -> Labelled:
    """Return what a probe learns from: the examples' embeddings, labels, groups and weights."""
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
    encoder = Encoder.load(config.base_model, precision=config.precision, threads=config.threads)
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
