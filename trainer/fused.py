"""BERT's layers as a processor predicts with them: oneDNN's products, weights laid out in advance.

oneDNN adds the bias and computes the activation while the product is still at hand. In bfloat16
it multiplies quickest by a matrix that lies in blocks of its own; in float32 that gains 4%, which
is no second copy of the weights worth. For prediction alone: nothing here has a gradient, and
copies follow no later change of the weights.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from trainer.architectures import layers_of
from trainer.bert_layers import can_compute, first_attention, self_attention
from trainer.eight_bit import EightBitLinear, Range, Ranges
from trainer.packing import Texts, first_rows, pad_for_attention
from trainer.precision import gains_from_onednn

Product = Callable[[torch.Tensor], torch.Tensor]  # states (rows, columns) to (rows, out)
ROWS = 4096  # for which oneDNN chooses the blocks; other numbers of rows are right, too


def can_fuse(encoder: nn.Module, dtype: torch.dtype) -> bool:
    """Whether an encoder's layers can be computed here, and gain from it.

    They are known ones, and oneDNN has bfloat16, or is measured to be quicker in float32.
    """
    if not (can_compute(encoder) and torch._C._has_mkldnn):
        return False
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return gains_from_onednn()


def fused_layers(
    encoder: Any,
    dtype: torch.dtype,
    *,
    first_alone: bool = False,
    eight_bit: Ranges | None = None,
) -> list["FusedLayer"] | None:
    """The encoder's layers in bfloat16 or float32, from the words up; None where they do not gain.

    first_alone: only the state of each text's first token is read. eight_bit: products that are
    computed in eight-bit integers. The encoder itself, in whatever precision, stays as it is.
    """
    if not can_fuse(encoder, dtype):
        return None
    layers = layers_of(encoder)
    kinds = [FusedLayer] * (len(layers) - 1) + [FirstTokenLayer if first_alone else FusedLayer]
    ranges: list[dict[str, Range]] = [{} for _ in layers]
    for (number, name), values in (eight_bit or {}).items():
        ranges[number][name] = values
    return [
        kind(layer, encoder.config.hidden_act, dtype, theirs)
        for kind, layer, theirs in zip(kinds, layers, ranges, strict=True)
    ]


class FusedLayer:
    """One layer: states (rows, width) → the same shape, in the layer's precision.

    Its products lie in `products`, by their names.
    """

    def __init__(
        self,
        layer: Any,
        activation: str,
        dtype: torch.dtype,
        eight_bit: Mapping[str, Range] | None = None,
    ) -> None:
        self.dtype = dtype
        attention = layer.attention
        self.heads: int = attention.self.num_attention_heads
        self.scale: float = attention.self.scaling
        exact = activation == "gelu"  # the others are rare, and computed after the product
        self._activation = nn.Identity() if exact else layer.intermediate.intermediate_act_fn
        self._first_norm = _in_precision(attention.output.LayerNorm, dtype)
        self._last_norm = _in_precision(layer.output.LayerNorm, dtype)
        self.products: dict[str, Product] = {
            **self._of_attention(attention.self),
            "mix": self._linear(attention.output.dense),
            "widen": self._linear(layer.intermediate.dense, gelu=exact),
            "narrow": self._linear(layer.output.dense),
        }
        self._use_eight_bits(layer, eight_bit or {}, exact)

    def __call__(self, states: torch.Tensor, texts: Texts) -> torch.Tensor:
        """The layer's states, attention within each text."""
        states = states.to(self.dtype)  # the first layer's come from the embeddings
        return self.attended(self.project(states), states, texts)

    def project(self, states: torch.Tensor) -> torch.Tensor:
        """Query, key and value of each row (rows, 3 · width)."""
        return self.products["project"](states)

    def attended(self, projected: torch.Tensor, states: torch.Tensor, texts: Texts) -> torch.Tensor:
        """The layer's states, of what `project` made of those before it."""
        return self._after(self_attention(projected, texts, self.heads, self.scale), states)

    def _linear(self, *parts: nn.Linear, gelu: bool = False) -> "_FusedLinear":
        return _FusedLinear(parts, self.dtype, gelu=gelu)

    def _of_attention(self, attention: Any) -> dict[str, Product]:
        return {"project": self._linear(attention.query, attention.key, attention.value)}

    def _use_eight_bits(self, layer: Any, ranges: Mapping[str, Range], exact: bool) -> None:
        """Put products of eight bits in the place of those whose input's ranges are known.

        The widening one hands numbers to the narrowing one where that takes them.
        """
        attention = layer.attention.self
        parts = {
            "project": [attention.query, attention.key, attention.value],
            "mix": [layer.attention.output.dense],
            "widen": [layer.intermediate.dense],
            "narrow": [layer.output.dense],
        }
        for name, values in ranges.items():
            self.products[name] = EightBitLinear(
                parts[name],
                values,
                gelu=name == "widen" and exact,
                into=ranges.get("narrow") if name == "widen" and exact else None,
            )

    def _after(self, mixed: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """What follows attention, which each token goes through by itself."""
        states = self._first_norm(self.products["mix"](mixed).add_(states))
        wide = self._activation(self.products["widen"](states))
        found: torch.Tensor = self._last_norm(self.products["narrow"](wide).add_(states))
        return found


class FirstTokenLayer(FusedLayer):
    """The last layer where only the first tokens are read: states (rows, width) → (texts, width).

    The others are compared with and go no further, which spares ten twelfths of the layer. Nor
    are they made keys and values of: a query may as well be brought to where the states lie, and
    a mean of values is the value of the mean, which spares the other two.
    """

    def _of_attention(self, attention: Any) -> dict[str, Product]:
        self._to_states = self._by_head(attention.key.weight)
        self._to_values = self._by_head(attention.value.weight).transpose(1, 2)
        self._bias = attention.value.bias.detach().to(self.dtype)
        return {"ask": self._linear(attention.query)}

    def _by_head(self, weight: torch.Tensor) -> torch.Tensor:
        """A matrix (width, width) as (heads, of a head, width)."""
        return weight.detach().to(self.dtype).view(self.heads, -1, weight.shape[1])

    def __call__(self, states: torch.Tensor, texts: Texts) -> torch.Tensor:
        """The layer's states of the first tokens."""
        states = states.to(self.dtype)
        first = first_rows(states, texts)
        query = self.products["ask"](first).view(texts.count, self.heads, -1).transpose(0, 1)
        query = torch.bmm(query, self._to_states).transpose(0, 1)
        (others,) = pad_for_attention(states, texts, 1, 1)
        mixed = first_attention(query, others, texts, self.scale).transpose(0, 1)
        found = torch.bmm(mixed, self._to_values).transpose(0, 1).reshape(first.shape)
        return self._after(found.add_(self._bias), first)


class _FusedLinear:
    """Matrices with one input, side by side, with their biases; then GELU if asked for."""

    def __init__(
        self, parts: Sequence[nn.Linear], dtype: torch.dtype, *, gelu: bool = False
    ) -> None:
        self._weight = _joined([part.weight for part in parts], dtype)
        if dtype == torch.bfloat16:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(self._weight, ROWS)
        self._bias = _joined([part.bias for part in parts], dtype)
        self._then: tuple[str, list[Any], str] = ("gelu" if gelu else "none", [], "none")

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            states, self._weight, self._bias, *self._then
        )
        return found


def _joined(parts: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """One tensor; a single part's own memory where its precision is the one that is wanted."""
    some = [part.detach().to(dtype) for part in parts]
    return some[0] if len(some) == 1 else torch.cat(some)


def _in_precision(norm: nn.Module, dtype: torch.dtype) -> nn.Module:
    return norm if norm.weight.dtype == dtype else copy.deepcopy(norm).to(dtype)
