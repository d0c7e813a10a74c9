"""What turns a text's vector into one logit a label, for fine-tuned models, probes, zero-shot."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from trainer.config import TrainConfig
from trainer.errors import ArtifactError

_ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}
LAYER_NORM_EPS = 1e-12  # BERT's own, so that package() can express a probe as BERT


@dataclass(frozen=True)
class HeadShape:
    """Everything needed to build a head again before its weights are loaded."""

    width: int  # of the input vector
    labels: int
    hidden: tuple[int, ...] = ()  # none: a linear head
    dropout: float = 0.0
    activation: str = "gelu"

    @classmethod
    def from_config(cls, config: TrainConfig, *, width: int, labels: int) -> "HeadShape":
        """The head that `config` asks for, on vectors of `width`."""
        if config.head == "linear":
            return cls(width, labels)
        return cls(width, labels, config.mlp_widths, config.mlp_dropout, config.mlp_activation)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "HeadShape":
        """The inverse of `to_json`. Raises ArtifactError for values that make no head."""
        try:
            return cls(**{**values, "hidden": tuple(values["hidden"])})
        except (KeyError, TypeError) as error:
            raise ArtifactError(f"the head's shape {values!r} is incomplete: {error}") from None

    @property
    def is_linear(self) -> bool:
        """Whether the logits are an affine function of the vector."""
        return not self.hidden


def build_head(shape: HeadShape, *, generator: torch.Generator | None = None) -> nn.Sequential:
    """A head of `shape`: (n, width) float32 → logits (n, labels) float32.

    The last layer starts small (as BERT's does), with weights drawn from `generator`.
    """
    layers: list[nn.Module] = []
    width = shape.width
    for hidden in shape.hidden:
        layers += [nn.Dropout(shape.dropout), nn.Linear(width, hidden)]
        layers.append(_ACTIVATIONS[shape.activation]())
        width = hidden
    if shape.dropout:
        layers.append(nn.Dropout(shape.dropout))
    layers.append(nn.Linear(width, shape.labels))
    head = nn.Sequential(*layers)
    for layer in head:
        if isinstance(layer, nn.Linear):
            spread = 0.02 if layer is head[-1] else (2.0 / layer.in_features) ** 0.5
            nn.init.normal_(layer.weight, std=spread, generator=generator)
            nn.init.zeros_(layer.bias)
    return head


def linear_head(weight: torch.Tensor, bias: torch.Tensor) -> nn.Sequential:
    """A linear head with the given weight (labels, width) and bias (labels,)."""
    head = build_head(HeadShape(width=weight.shape[1], labels=weight.shape[0]))
    with torch.no_grad():
        last_layer(head).weight.copy_(weight)
        last_layer(head).bias.copy_(bias)
    return head


def last_layer(head: nn.Sequential) -> nn.Linear:
    """The layer that gives the logits."""
    layer = head[-1]
    if not isinstance(layer, nn.Linear):
        raise ArtifactError("the head does not end in a linear layer")
    return layer


def normalised(vectors: torch.Tensor) -> torch.Tensor:
    """Pooled vectors (n, width), centred and scaled to unit variance over the coordinates.

    A LayerNorm without weights: it is what makes a linear head on mean-pooled vectors
    exactly expressible as one more BERT layer (trainer.package).
    """
    return nn.functional.layer_norm(vectors, vectors.shape[-1:], eps=LAYER_NORM_EPS)


def mean_pooled(hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Mean over the real tokens: hidden (n, tokens, width), mask (n, tokens) → (n, width)."""
    mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)


def class_weights(indices: Sequence[int], labels: int, scheme: str) -> torch.Tensor | None:
    """Loss weight of each label, mean 1 over the examples; None for scheme "none".

    "balanced" is n / (K · n_k), King and Zeng (2001), as in scikit-learn.
    """
    if scheme == "none":
        return None
    counts = torch.bincount(torch.as_tensor(indices), minlength=labels).clamp(min=1)
    return (len(indices) / (labels * counts)).to(torch.float32)
