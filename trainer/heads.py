"""What turns a text's vector into one logit a label, for fine-tuned models, probes, zero-shot."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
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


def save_head(head: nn.Sequential, path: Path) -> None:
    """Write a head's weights as safetensors, float32."""
    save_file(
        {k: v.detach().float().cpu().contiguous() for k, v in head.state_dict().items()}, path
    )


def load_head(path: Path, shape: HeadShape) -> nn.Sequential:
    """The head of `shape` with the weights at `path`.

    Raises ArtifactError if a weight is missing, left over, or of another shape.
    """
    head = build_head(shape)
    try:
        head.load_state_dict(load_file(path), strict=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ArtifactError(f"{path.name} does not fit the model's head: {reason}") from error
    return head.eval()


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


def weigh(own: Sequence[float], indices: Sequence[int], labels: int, scheme: str) -> torch.Tensor:
    """Each example's weight in the loss (n,) float32: its own times its label's, mean 1.

    own (n,): the examples' weights; all 0 stays all 0. scheme: see `class_weights`.
    """
    weights = torch.as_tensor(own, dtype=torch.float32)
    of_label = class_weights(indices, labels, scheme)
    if of_label is not None:
        weights = weights * of_label[torch.as_tensor(indices)]
    return weights / weights.mean().clamp(min=1e-12)


def class_weights(indices: Sequence[int], labels: int, scheme: str) -> torch.Tensor | None:
    """Loss weight of each label, mean 1 over the examples; None for scheme "none".

    "balanced" is n / (K · n_k), King and Zeng (2001), as in scikit-learn; "root" is its square
    root, which helps rare labels at less cost to the frequent ones.
    """
    if scheme == "none":
        return None
    counts = torch.bincount(torch.as_tensor(indices), minlength=labels).clamp(min=1)
    weights = len(indices) / (labels * counts)
    if scheme == "root":
        weights = weights.sqrt()
    mean = (weights * counts).sum() / counts.sum()
    return (weights / mean).to(torch.float32)
