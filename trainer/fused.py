"""BERT's layers as a processor predicts with them in bfloat16: weights laid out in advance.

oneDNN multiplies quickest by a matrix that lies in blocks of its own, and adds the bias and
computes the activation while the product is still at hand. For prediction alone: what lies so
is a copy, has no gradient and follows no later change of the weights.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from trainer.architectures import layers_of
from trainer.bert_layers import Texts, can_compute, first_attention, self_attention

ROWS = 4096  # for which oneDNN chooses the blocks; other numbers of rows are right, too


def can_fuse(encoder: nn.Module) -> bool:
    """Whether an encoder's layers can be computed here: known, and oneDNN has bfloat16."""
    return (
        can_compute(encoder)
        and torch._C._has_mkldnn
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def fused_layers(encoder: Any, *, first_alone: bool = False) -> list["FusedLayer"] | None:
    """The encoder's layers in bfloat16, from the words up; None where there can be none.

    first_alone: only the state of each text's first token is read. The encoder itself, in
    whatever precision, stays as it is.
    """
    if not can_fuse(encoder):
        return None
    *lower, last = layers_of(encoder)
    activation = encoder.config.hidden_act
    kind = FirstTokenLayer if first_alone else FusedLayer
    return [*(FusedLayer(layer, activation) for layer in lower), kind(last, activation)]


class FusedLayer:
    """One layer: states (tokens, width) → the same shape, bfloat16."""

    def __init__(self, layer: Any, activation: str) -> None:
        attention = layer.attention
        self.heads: int = attention.self.num_attention_heads
        self.scale: float = attention.self.scaling
        exact = activation == "gelu"  # the others are rare, and computed after the product
        self._lay_out(attention.self)
        self._mix = _FusedLinear([attention.output.dense])
        self._widen = _FusedLinear([layer.intermediate.dense], gelu=exact)
        self._narrow = _FusedLinear([layer.output.dense])
        self._activation = nn.Identity() if exact else layer.intermediate.intermediate_act_fn
        self._first_norm = _rounded(attention.output.LayerNorm)
        self._last_norm = _rounded(layer.output.LayerNorm)

    def __call__(self, states: torch.Tensor, texts: Texts) -> torch.Tensor:
        """The layer's states, attention within each text."""
        states = states.to(torch.bfloat16)  # the first layer's come from the embeddings
        return self._after(
            self_attention(self._project(states), texts, self.heads, self.scale), states
        )

    def _lay_out(self, attention: Any) -> None:
        self._project = _FusedLinear([attention.query, attention.key, attention.value])

    def _after(self, mixed: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """What follows attention, which each token goes through by itself."""
        states = self._first_norm(self._mix(mixed).add_(states))
        wide = self._activation(self._widen(states))
        found: torch.Tensor = self._last_norm(self._narrow(wide).add_(states))
        return found


class FirstTokenLayer(FusedLayer):
    """The last layer where only the first tokens are read: states (tokens, width) → (texts, width).

    The others are compared with and go no further, which spares ten twelfths of the layer.
    """

    def _lay_out(self, attention: Any) -> None:
        self._ask = _FusedLinear([attention.query])
        self._compare = _FusedLinear([attention.key, attention.value])

    def __call__(self, states: torch.Tensor, texts: Texts) -> torch.Tensor:
        """The layer's states of the first tokens."""
        states = states.to(torch.bfloat16)
        first = states.view(texts.count, texts.length, -1)[:, 0].contiguous()
        others = self._compare(states)
        mixed = first_attention(self._ask(first), others, texts, self.heads, self.scale)
        return self._after(mixed, first)


class _FusedLinear:
    """Matrices with one input, side by side, with their biases; then GELU if asked for."""

    def __init__(self, parts: Sequence[nn.Linear], *, gelu: bool = False) -> None:
        weight = torch.cat([part.weight.detach() for part in parts]).to(torch.bfloat16)
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS)
        self._bias = torch.cat([part.bias.detach() for part in parts]).to(torch.bfloat16)
        self._then: tuple[str, list[Any], str] = ("gelu" if gelu else "none", [], "none")

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            states, self._weight, self._bias, *self._then
        )
        return found


def _rounded(norm: nn.Module) -> nn.Module:
    return copy.deepcopy(norm).to(torch.bfloat16)
