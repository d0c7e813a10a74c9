"""BERT's layers over texts laid end to end: what a processor computes with.

Padding is never multiplied and nothing is masked: matrices, norms and activations work on the
tokens of all texts at once, attention on each run of texts of one length. The weights stay where
transformers has them, and the states are its own up to rounding.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from trainer.architectures import architecture_of, layers_of
from trainer.batching import TokenIds

Layer = Callable[[torch.Tensor, "Packed"], torch.Tensor]  # states (tokens, width) to the next


@dataclass(frozen=True)
class Packed:
    """Texts end to end: ids and places in the text (tokens,); runs: (texts, tokens of each)."""

    ids: torch.Tensor
    places: torch.Tensor
    runs: list[tuple[int, int]]

    @property
    def sizes(self) -> list[int]:
        """The tokens of each run."""
        return [texts * length for texts, length in self.runs]


def pack(rows: Sequence[TokenIds]) -> Packed:
    """Lay texts end to end, in their order; neighbours of one length make a run."""
    lengths = [len(row) for row in rows]
    return Packed(
        ids=torch.tensor([token for row in rows for token in row]),
        places=torch.cat([torch.arange(length) for length in lengths]),
        runs=[(len(list(run)), length) for length, run in groupby(lengths)],
    )


def can_pack(encoder: nn.Module) -> bool:
    """Whether an encoder's layers can be computed here: BERT's or its kin's, no dropout at work.

    Only on a processor: a GPU pads more cheaply than it starts a kernel for each length.
    """
    config: Any = encoder.config
    drops = (m.p for m in encoder.modules() if isinstance(m, nn.Dropout) and m.training)
    return (
        architecture_of(config.to_dict()).layers == "encoder.layer"
        and not getattr(config, "is_decoder", False)
        and not any(drops)
        and next(encoder.parameters()).device.type == "cpu"
    )


def packed_states(
    encoder: Any, batch: Packed, layers: Sequence[Layer] | None = None
) -> torch.Tensor:
    """The last layer's states (tokens, width). layers: quicker ones in place of the encoder's."""
    reserved = architecture_of(encoder.config.to_dict()).reserved
    embedded = encoder.embeddings(
        input_ids=batch.ids[None], position_ids=batch.places[None] + reserved
    )
    if hasattr(encoder, "embeddings_project"):  # ELECTRA's small ones
        embedded = encoder.embeddings_project(embedded)
    states: torch.Tensor = embedded[0]
    for layer in layers or [partial(_layer, layer) for layer in layers_of(encoder)]:
        states = layer(states, batch)
    return states


def _layer(layer: Any, states: torch.Tensor, batch: Packed) -> torch.Tensor:
    mixed = _attention(layer.attention.self, states, batch)
    states = _joined(layer.attention.output, mixed, states)
    return _joined(layer.output, layer.intermediate(states), states)


def _joined(output: Any, states: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """A sublayer's end: its last matrix, what was there before, and the norm."""
    normed: torch.Tensor = output.LayerNorm(_linear(output.dense, states).add_(before))
    return normed


def _linear(dense: Any, states: torch.Tensor) -> torch.Tensor:
    """A matrix, then its bias: quicker apart (384 by 384 in bfloat16: 8%)."""
    return functional.linear(states, dense.weight).add_(dense.bias)


def _attention(attention: Any, states: torch.Tensor, batch: Packed) -> torch.Tensor:
    """Self-attention within each text: one product for query, key and value together."""
    parts = (attention.query, attention.key, attention.value)
    projected = functional.linear(states, torch.cat([part.weight for part in parts]))
    projected = projected.add_(torch.cat([part.bias for part in parts]))
    return self_attention(projected, batch.runs, attention.num_attention_heads, attention.scaling)


def self_attention(
    projected: torch.Tensor, runs: list[tuple[int, int]], heads: int, scale: float
) -> torch.Tensor:
    """Attention within each text: query, key and value (tokens, 3 · width) → (tokens, width)."""
    mixed: torch.Tensor = _SelfAttention.apply(  # type: ignore[no-untyped-call]
        projected, runs, heads, scale
    )
    return mixed


class _SelfAttention(torch.autograd.Function):
    """softmax(query keyᵀ · scale) value, run by run; its gradient without a graph of small steps.

    projected (tokens, 3 · width) → (tokens, width).
    """

    @staticmethod
    def forward(
        ctx: Any, projected: torch.Tensor, runs: list[tuple[int, int]], heads: int, scale: float
    ) -> torch.Tensor:
        mixed = projected.new_empty(len(projected), projected.shape[1] // 3)
        kept: list[torch.Tensor] = []
        for part, place, (texts, length) in _by_run(runs, projected, mixed):
            parts = _split_heads(part, texts, 3, heads).reshape(3, texts * heads, length, -1)
            query, key, value = parts
            shares = _product(query, key.transpose(1, 2), scale).softmax(-1)
            found = torch.bmm(shares, value).view(texts, heads, length, -1)
            _split_heads(place, texts, 1, heads)[0].copy_(found)
            kept += [parts, shares]
        ctx.save_for_backward(*kept)
        ctx.facts = (runs, heads, scale)
        return mixed

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        runs, heads, scale = ctx.facts
        kept = iter(ctx.saved_tensors)
        wanted = grads[0].new_empty(len(grads[0]), 3 * grads[0].shape[1])
        for grad, place, (texts, length) in _by_run(runs, grads[0], wanted):
            (query, key, value), shares = next(kept), next(kept)
            mixed = _split_heads(grad, texts, 1, heads).reshape(texts * heads, length, -1)
            of_shares = torch.bmm(mixed, value.transpose(1, 2))
            of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype)
            found = (
                _product(of_scores, key, scale),
                _product(of_scores.transpose(1, 2), query, scale),
                torch.bmm(shares.transpose(1, 2), mixed),
            )
            for slot, gradient in zip(_split_heads(place, texts, 3, heads), found, strict=True):
                slot.copy_(gradient.view(slot.shape))
        return wanted, None, None, None


def _by_run(
    runs: list[tuple[int, int]], first: torch.Tensor, second: torch.Tensor
) -> Iterator[tuple[torch.Tensor, torch.Tensor, tuple[int, int]]]:
    """Each run's rows of both matrices, and its shape."""
    sizes = [texts * length for texts, length in runs]
    yield from zip(torch.split(first, sizes), torch.split(second, sizes), runs, strict=True)


def _split_heads(rows: torch.Tensor, texts: int, parts: int, heads: int) -> torch.Tensor:
    """A run's rows as a view (parts, texts, heads, length, of a head)."""
    return rows.view(texts, len(rows) // texts, parts, heads, -1).permute(2, 0, 3, 1, 4)


def _product(left: torch.Tensor, right: torch.Tensor, scale: float) -> torch.Tensor:
    """Batched left · right · scale, in one pass."""
    return torch.baddbmm(left.new_empty(1, 1, 1), left, right, beta=0, alpha=scale)
