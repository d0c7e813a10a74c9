"""The network: an encoder, what is read from it, and a head. Texts' tokens in, logits out."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from trainer.architectures import architecture_of, layers_of, width_of
from trainer.batching import Batch, TokenIds, pad
from trainer.bert_layers import FirstLayer, Layer, can_compute, encoder_states
from trainer.config import TrainConfig
from trainer.errors import ConfigError
from trainer.heads import HeadShape, build_head, mean_pooled, normalised
from trainer.packing import Packed, Texts, first_rows, means, pack

READINGS = ("mean", "cls", "pooler")


def reading_of(config: TrainConfig, base: Mapping[str, Any] | None = None) -> str:
    """What the head reads: mean (of the tokens), cls (its state), or pooler (BERT's own).

    base: the base model's configuration, needed for fine-tuning. A fine-tuned model with cls
    pooling is plain BertForSequenceClassification, pooler and all, where there is a pooler; a
    probe reads the state below it, which no pre-training of ours has shaped.
    """
    fine = config.kind == "fine_tuned" and base is not None
    if fine and config.pooling == "cls" and architecture_of(base).pooler:  # type: ignore[arg-type]
        return "pooler"
    return config.pooling


def batch_of(encoder: nn.Module, rows: Sequence[TokenIds], pad_id: int) -> Batch | Packed:
    """Texts' tokens as the encoder computes them, on its device."""
    if can_compute(encoder):
        return pack([row or [pad_id] for row in rows])
    return pad(rows, pad_id).to(next(encoder.parameters()).device)


def read(
    encoder: nn.Module,
    batch: Batch | Packed,
    reading: str,
    layers: Sequence[Layer] | None = None,
    *,
    first: FirstLayer | None = None,
) -> torch.Tensor:
    """The texts' vectors (n, width): pooler's in the encoder's own precision, else float32.

    Of packed texts: layers, the encoder's own made quicker for prediction (trainer.fused); first,
    the first of them where the words are known (trainer.words).
    """
    if isinstance(batch, Packed):
        states = encoder_states(encoder, batch, layers, first=first)
        return _read_packed(encoder, states, batch.texts, reading)
    outputs = encoder(input_ids=batch.ids, attention_mask=batch.mask)
    if reading == "pooler":
        pooled: torch.Tensor = outputs.pooler_output
        return pooled
    hidden = outputs.last_hidden_state
    if reading == "cls":
        return normalised(hidden[:, 0].float())
    mask = torch.ones_like(batch.ids) if batch.mask is None else batch.mask
    return normalised(mean_pooled(hidden.float(), mask))


def _read_packed(encoder: Any, states: torch.Tensor, texts: Texts, reading: str) -> torch.Tensor:
    if reading == "mean":
        return normalised(means(states.float(), texts))
    if len(states) != texts.count:  # else the last layer has computed no other
        states = first_rows(states, texts)
    if reading == "cls":
        return normalised(states.float())
    pooled: torch.Tensor = encoder.pooler(states[:, None].to(next(encoder.parameters()).dtype))
    return pooled


class TextClassifier(nn.Module):
    """Encoder and head. The head always works in float32, whatever the encoder works in.

    layers: the encoder's, made quicker for prediction; only for weights that stay as they are.
    finer: likewise, for close calls: each rounded less than those before it, the last ones not at
    all; none where `layers` are not rounded or the encoder is, too; empty ones where its own layers
    are as quick.
    """

    layers: Sequence[Layer] | None = None
    finer: Sequence[Sequence[Layer]] = ()

    def __init__(self, encoder: nn.Module, head: nn.Sequential, reading: str) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.reading = reading

    @property
    def labels(self) -> int:
        """How many logits a text has."""
        last: nn.Linear = self.head[-1]  # type: ignore[assignment]
        return last.out_features

    def forward(
        self,
        batch: Batch | Packed,
        *,
        layers: Sequence[Layer] | None = None,
        first: FirstLayer | None = None,
    ) -> torch.Tensor:
        """Logits (n, labels) float32.

        layers: others than its own, one of `finer`. first: see `read`.
        """
        layers = self.layers if layers is None else layers
        vectors = read(self.encoder, batch, self.reading, layers, first=first)
        logits: torch.Tensor = self.head(vectors.float())
        return logits


def build_classifier(encoder: nn.Module, config: TrainConfig, labels: int) -> TextClassifier:
    """A classifier with a new head; its first weights follow from config.seed alone."""
    base = encoder.config.to_dict()  # type: ignore[operator, union-attr]
    shape = HeadShape.from_config(config, width=width_of(base), labels=labels)
    generator = torch.Generator().manual_seed(config.seed)
    return TextClassifier(encoder, build_head(shape, generator=generator), reading_of(config, base))


def choose_trained(classifier: TextClassifier, config: TrainConfig) -> list[nn.Parameter]:
    """Freeze what config.trained_layers leaves out; return what is trained.

    Half of the bundled model's weights are its embedding table, of which a step touches a few
    rows; leaving it out spares the optimiser that half.
    """
    encoder = classifier.encoder
    layers = layers_of(encoder)
    encoder.requires_grad_(config.trained_layers == "all")
    if config.trained_layers == "no_embeddings":
        encoder.requires_grad_(True)
        encoder.embeddings.requires_grad_(False)
    elif config.trained_layers == "last_k":
        if config.last_k > len(layers):
            raise ConfigError(
                f"last_k is {config.last_k}, but {config.base_model} has {len(layers)} layers"
            )
        for layer in layers[-config.last_k :]:
            layer.requires_grad_(True)
    pooler = getattr(encoder, "pooler", None)
    if pooler is not None:  # shaped by the head's task alone, so it goes with the head
        pooler.requires_grad_(classifier.reading == "pooler")
    return [weight for weight in classifier.parameters() if weight.requires_grad]
