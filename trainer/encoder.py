"""The frozen encoder: texts in, vectors out. What probes, zero-shot and the cache stand on."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.architectures import width_of
from trainer.base_model import BaseModel, find_base_model
from trainer.batching import Compute, TextMapper, TokenIds, longest_allowed
from trainer.config import TrainConfig
from trainer.families import load_encoder, load_tokenizer, round_to_bf16
from trainer.fused import fused_layers
from trainer.memory import keep_for_batches
from trainer.network import batch_of, read
from trainer.precision import device, limit_threads, uses_bf16
from trainer.words import know_words


class Encoder:
    """A base model with its tokenizer. sha256 names its exact bytes; width: of its vectors."""

    def __init__(
        self, base: BaseModel, model: torch.nn.Module, tokenizer: Any, links: str = "short"
    ) -> None:
        """links: how the tokenizer reads Twitter's links (trainer.links)."""
        self.base = base
        self.links = links
        self.model = model
        self.tokenizer = tokenizer
        self._layers = fused_layers(model, next(model.parameters()).dtype)

    @classmethod
    def load(
        cls,
        base_model: str,
        *,
        precision: str = "auto",
        threads: int | None = None,
        links: str = "short",
    ) -> "Encoder":
        """Find, check and load a base model. links: short or whole. Raises BaseModelError."""
        limit_threads(threads)
        base = find_base_model(base_model)
        model = load_encoder(base.directory, base.config).to(device())
        if uses_bf16(precision):
            round_to_bf16(model)
        keep_for_batches()
        tokenizer = load_tokenizer(base.directory, base.config, links=links)
        return cls(base, model, tokenizer, links)

    @classmethod
    def of(cls, config: TrainConfig) -> "Encoder":
        """The encoder that a training's settings ask for. Raises BaseModelError."""
        return cls.load(
            config.base_model,
            precision=config.precision,
            threads=config.threads,
            links=config.links,
        )

    @property
    def sha256(self) -> str:
        """Digest of the base model's weights, configuration and tokenizer together."""
        return self.base.sha256

    @property
    def width(self) -> int:
        """Coordinates of a vector."""
        return width_of(self.base.config)

    def embed(
        self,
        texts: Sequence[str],
        *,
        max_length: int = 96,
        pooling: str = "mean",
        on_progress: Callable[[int, int], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> NDArray[np.float32]:
        """Vectors (n, width) float32: pooled ("mean" or "cls"), then `heads.normalised`.

        Every vector has mean 0 and variance 1 over its coordinates, so its length is
        sqrt(width) and a cosine is a dot product over width. Raises Cancelled.
        """
        mapper = TextMapper(
            self.tokenizer, longest_allowed(self.base.config, max_length), self.width
        )

        def computing(chunk: list[TokenIds]) -> Compute:
            first = know_words(self.model, self._layers, chunk)

            @torch.inference_mode()
            def compute(rows: list[TokenIds]) -> torch.Tensor:
                batch = batch_of(self.model, rows, self.tokenizer.pad_token_id)
                return read(self.model, batch, pooling, self._layers, first=first)

            return compute

        return mapper(texts, computing, on_progress=on_progress, should_stop=should_stop)
