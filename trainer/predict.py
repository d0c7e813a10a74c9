"""The classifier as it is used: texts in, calibrated probabilities out, whatever its kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainer.artifacts import read_facts, verify
from trainer.batching import Compute, TextMapper, TokenIds, longest_allowed, run_over, tokenise
from trainer.bert_layers import Layer
from trainer.calibration import apply_temperature
from trainer.close_calls import Rows, settle
from trainer.compiling import settle_layers
from trainer.eight_bit import EIGHT_BIT_FILE, Ranges, load_ranges
from trainer.embeddings import EmbeddingSpace, EmbeddingStore, embed_cached
from trainer.encoder import Encoder
from trainer.errors import ArtifactError, BaseModelError
from trainer.families import load_encoder, load_tokenizer, round_to_bf16
from trainer.fused import fused_layers
from trainer.heads import HeadShape, load_head
from trainer.links import rule_of
from trainer.memory import keep_for_batches
from trainer.model_files import check_directory
from trainer.network import TextClassifier, batch_of
from trainer.ngrams import NGRAMS_FILE, NgramPart
from trainer.precision import device, gains_from_eight_bits, uses_bf16
from trainer.words import know_words

Progress = Callable[[int, int], None] | None
Stop = Callable[[], bool] | None
Array = NDArray[np.float32]
MANY = 5000  # texts to come from which on it is asked whether to compile
SAMPLE = 256  # of them, by which it is measured


@dataclass(frozen=True)
class ClassifierFacts:
    """What a classifier is besides its weights; stored as classifier.json.

    base_model, base_sha256: what it grew out of. reading: what the head reads (network.READINGS).
    config: the TrainConfig's JSON. label_map: label values in the order of the probabilities.
    ngrams: whether character n-grams add to the logits; network_share: what the head's logits are
    multiplied by before they do. plain_temperature: of the head without n-grams.
    """

    kind: str
    label_map: list[str]
    temperature: float
    base_model: str
    base_sha256: str
    reading: str
    max_length: int
    head: HeadShape
    config: dict[str, Any]
    ngrams: bool = False
    network_share: float = 1.0
    plain_temperature: float = 1.0

    @property
    def links(self) -> str:
        """How Twitter's links are read: short, or whole as before there was a choice."""
        return str(self.config.get("links", "whole"))


class Classifier:
    """A trained classifier of any kind."""

    def __init__(
        self,
        facts: ClassifierFacts,
        head: nn.Sequential,
        *,
        network: TextClassifier | None = None,
        tokenizer: Any = None,
        encoder: Encoder | None = None,
        ngrams: NgramPart | None = None,
        precision: str = "auto",
        compiled: str = "auto",
    ) -> None:
        """compiled: whether a network's layers may be: auto, yes, or no (trainer.compiling)."""
        self.facts = facts
        self.head = head.eval()
        self.ngrams = ngrams
        self._network, self._tokenizer = network, tokenizer
        self._encoder, self._precision = encoder, precision
        self._compiled, self._expected = compiled, 0

    @property
    def label_map(self) -> list[str]:
        """Label values in the order of the probabilities' columns."""
        return self.facts.label_map

    @property
    def kind(self) -> str:
        """fine_tuned, probe or zero_shot."""
        return self.facts.kind

    @property
    def temperature(self) -> float:
        """What logits are divided by; fitted on validation."""
        return self.facts.temperature

    def expect(self, texts: int) -> None:
        """Say how many texts are to come in all: for many it is seen whether compiling pays."""
        self._expected = texts

    def probabilities(
        self,
        texts: Sequence[str],
        *,
        on_progress: Progress = None,
        should_stop: Stop = None,
        cache: Path | None = None,
    ) -> Array:
        """Calibrated probabilities (n, K) float32, a row a text, columns as in label_map.

        Identical texts are computed once. cache: directory of embeddings (probes only).
        on_progress(done, total) counts distinct texts. Raises Cancelled.
        """
        return apply_temperature(
            self.logits(texts, on_progress=on_progress, should_stop=should_stop, cache=cache),
            self.temperature,
        )

    def logits(
        self,
        texts: Sequence[str],
        *,
        on_progress: Progress = None,
        should_stop: Stop = None,
        cache: Path | None = None,
    ) -> Array:
        """Logits (n, K) float32, before the temperature."""
        plain = self.plain_logits(
            texts, on_progress=on_progress, should_stop=should_stop, cache=cache
        )
        found = self._with_ngrams(plain, texts)

        def by(layers: Sequence[Layer], rows: Rows) -> Array:
            few = [texts[row] for row in rows]
            return self._with_ngrams(self._fine_tuned(few, layers=layers), few)

        for finer in self._network.finer if self._network is not None else ():
            found = settle(found, partial(by, finer))
        return found

    def _with_ngrams(self, plain: Array, texts: Sequence[str]) -> Array:
        if self.ngrams is None:
            return plain
        return plain * np.float32(self.facts.network_share) + self.ngrams.logits(texts)

    def plain_logits(
        self,
        texts: Sequence[str],
        *,
        on_progress: Progress = None,
        should_stop: Stop = None,
        cache: Path | None = None,
    ) -> Array:
        """What the encoder and its head say alone (n, K), without n-grams."""
        if self._network is not None:
            return self._fine_tuned(texts, on_progress=on_progress, should_stop=should_stop)
        vectors = embeddings(
            self.encoder,
            texts,
            max_length=self.facts.max_length,
            pooling=self.facts.reading,
            cache=cache,
            on_progress=on_progress,
            should_stop=should_stop,
        )
        with torch.inference_mode():
            logits: Array = self.head(torch.from_numpy(vectors)).numpy()
        return logits

    @property
    def encoder(self) -> Encoder:
        """The frozen encoder under a probe, loaded when first needed. Raises ArtifactError."""
        if self._encoder is None:
            found = Encoder.load(
                self.facts.base_model, precision=self._precision, links=self.facts.links
            )
            if found.sha256 != self.facts.base_sha256:
                raise ArtifactError(
                    f"the base model {self.facts.base_model!r} is not the one that this model was "
                    "trained on (its files differ); put the old files back, or train again"
                )
            self._encoder = found
        return self._encoder

    def parts(self) -> tuple[Any, Any]:
        """The encoder, in the precision it was loaded with, and the tokenizer."""
        if self._network is not None:
            return self._network.encoder, self._tokenizer
        return self.encoder.model, self.encoder.tokenizer

    def _fine_tuned(
        self,
        texts: Sequence[str],
        *,
        layers: Sequence[Layer] | None = None,
        on_progress: Progress = None,
        should_stop: Stop = None,
    ) -> Array:
        network = self._network
        assert network is not None  # noqa: S101  (callers check)

        def computing(chunk: list[TokenIds]) -> Compute:
            first = know_words(network.encoder, network.layers if layers is None else layers, chunk)

            @torch.inference_mode()
            def compute(rows: list[TokenIds]) -> torch.Tensor:
                batch = batch_of(network.encoder, rows, self._tokenizer.pad_token_id)
                logits: torch.Tensor = network(batch, layers=layers, first=first)
                return logits

            return compute

        self._settle_layers(network, texts, computing([]))
        mapper = TextMapper(self._tokenizer, self.facts.max_length, len(self.label_map))
        return mapper(texts, computing, on_progress=on_progress, should_stop=should_stop)

    def _settle_layers(
        self,
        network: TextClassifier,
        texts: Sequence[str],
        compute: Compute,
    ) -> None:
        """Compile the layers where so many texts gain from it; once, for all texts to come."""
        count = max(len(texts), self._expected)
        if count < MANY or len(texts) < SAMPLE or self._compiled == "settled":
            return
        some = texts[:: len(texts) // SAMPLE]
        rows = tokenise(self._tokenizer, some, self.facts.max_length)
        settle_layers(
            network.encoder,
            partial(run_over, rows, compute, width=len(self.label_map)),
            times=count / len(some),
            wanted=self._compiled,
        )
        self._compiled = "settled"


def load_classifier(
    directory: Path,
    *,
    manifest_sha256: str | None = None,
    precision: str = "auto",
    eight_bit: bool = True,
) -> Classifier:
    """Load a published classifier; its files are checked against the manifest first.

    eight_bit: whether products may be computed in eight-bit integers, where precision is auto: for
    many predictions, not for scores, which are always of bfloat16 or float32. Raises ArtifactError
    naming the file that is missing, damaged or does not fit.
    """
    verify(directory, manifest_sha256)
    facts = facts_from_json(read_facts(directory))
    head = load_head(directory / "head.safetensors", facts.head)
    ngrams = None
    if facts.ngrams:
        ngrams = NgramPart.load(directory / NGRAMS_FILE, labels=len(facts.label_map))
    if facts.kind != "fine_tuned":
        return Classifier(facts, head, ngrams=ngrams, precision=precision)
    try:
        config = check_directory(directory, what=f"model {directory.name}")
        encoder = load_encoder(directory, config, complete=True)
        tokenizer = load_tokenizer(directory, config, links=facts.links)
    except BaseModelError as error:
        raise ArtifactError(str(error)) from error
    ranges = directory / EIGHT_BIT_FILE
    allowed = eight_bit and precision == "auto" and ranges.exists()
    network = ready(
        TextClassifier(encoder, head, facts.reading),
        precision,
        ranges=load_ranges(ranges, config) if allowed else {},
    )
    return Classifier(facts, head, network=network, tokenizer=tokenizer, ngrams=ngrams)


def ready(
    network: TextClassifier, precision: str, *, ranges: Ranges | None = None
) -> TextClassifier:
    """The network on its device, in bfloat16 where that is faster; for inference.

    ranges: of products to be computed in eight bits, where this machine gains from them. The
    encoder keeps its float32 weights where its layers have copies to compute with: close calls need
    them.
    """
    network.to(device()).eval().requires_grad_(False)
    layers_in = partial(fused_layers, network.encoder, first_alone=network.reading != "mean")
    rounded = layers_in(torch.bfloat16) if uses_bf16(precision) else None
    if uses_bf16(precision) and rounded is None:
        round_to_bf16(network.encoder)
    elif rounded is None:
        network.layers = layers_in(torch.float32)
    else:
        network.layers, network.finer = rounded, [layers_in(torch.float32) or []]
        if ranges and gains_from_eight_bits():
            network.layers = layers_in(torch.bfloat16, eight_bit=ranges)
            network.finer = [rounded, *network.finer]
    keep_for_batches()
    return network


def embeddings(
    encoder: Encoder,
    texts: Sequence[str],
    *,
    max_length: int,
    pooling: str,
    cache: Path | None = None,
    on_progress: Progress = None,
    should_stop: Stop = None,
) -> Array:
    """`encoder.embed` through the cache on disk, float16-rounded either way."""
    limit = longest_allowed(encoder.base.config, max_length)
    precision = "bf16" if next(encoder.model.parameters()).dtype == torch.bfloat16 else "fp32"
    space = EmbeddingSpace(
        encoder.sha256, pooling, limit, precision, encoder.width, rule_of(encoder.links)
    )
    vectors = embed_cached(
        texts,
        lambda chunk: encoder.embed(
            chunk, max_length=limit, pooling=pooling, should_stop=should_stop
        ),
        store=None if cache is None else EmbeddingStore(cache, space),
        on_progress=on_progress,
        should_stop=should_stop,
    )
    return vectors.reshape(len(texts), encoder.width)


def facts_to_json(facts: ClassifierFacts) -> dict[str, Any]:
    """Plain JSON values of the facts."""
    return {**vars(facts), "head": facts.head.to_json()}


def facts_from_json(values: dict[str, Any]) -> ClassifierFacts:
    """The inverse of `facts_to_json`. Raises ArtifactError for what is missing or odd."""
    try:
        facts = ClassifierFacts(**{**values, "head": HeadShape.from_json(values["head"])})
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"classifier.json is incomplete ({error}); train again") from None
    if facts.head.labels != len(facts.label_map):
        raise ArtifactError(
            f"classifier.json has {len(facts.label_map)} labels, its head {facts.head.labels}"
        )
    return facts
