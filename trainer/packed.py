"""BERT's layers over texts laid end to end: what training on a processor computes with.

Padding is never multiplied and nothing is masked: matrices, norms and activations work on the
tokens of all texts at once, attention on each run of texts of one length. The weights stay where
transformers has them, and the states are its own up to rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from trainer.architectures import architecture_of, layers_of
from trainer.batching import TokenIds


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
    """Whether an encoder's layers can be computed here: BERT's or its kin's, no dropout.

    Only on a processor: a GPU pads more cheaply than it starts a kernel for each length.
    """
    config: Any = encoder.config
    drops = (module.p for module in encoder.modules() if isinstance(module, nn.Dropout))
    return (
        architecture_of(config.to_dict()).layers == "encoder.layer"
        and not getattr(config, "is_decoder", False)
        and not any(drops)
        and next(encoder.parameters()).device.type == "cpu"
    )


def packed_states(encoder: Any, batch: Packed) -> torch.Tensor:
    """The last layer's states (tokens, width)."""
    reserved = architecture_of(encoder.config.to_dict()).reserved
    embedded = encoder.embeddings(
        input_ids=batch.ids[None], position_ids=batch.places[None] + reserved
    )
    if hasattr(encoder, "embeddings_project"):  # ELECTRA's small ones
        embedded = encoder.embeddings_project(embedded)
    states: torch.Tensor = embedded[0]
    for layer in layers_of(encoder):
        mixed = _attention(layer.attention.self, states, batch)
        states = _joined(layer.attention.output, mixed, states)
        states = _joined(layer.output, layer.intermediate(states), states)
    return states


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
    heads = attention.num_attention_heads
    mixed = [
        _mixed(tokens.view(*run, 3, heads, -1), attention.scaling)
        for tokens, run in zip(torch.split(projected, batch.sizes), batch.runs, strict=True)
    ]
    return torch.cat(mixed)


def _mixed(projected: torch.Tensor, scale: float) -> torch.Tensor:
    """One run's attention: (texts, length, 3, heads, of a head) → (texts · length, width)."""
    texts, length, _, heads, size = projected.shape
    query, key, value = projected.permute(2, 0, 3, 1, 4).reshape(3, -1, length, size).unbind()
    unused = query.new_empty(1, 1, 1)
    scores = torch.baddbmm(unused, query, key.transpose(1, 2), beta=0, alpha=scale)
    mixed = torch.bmm(scores.softmax(-1), value).view(texts, heads, length, size)
    return mixed.transpose(1, 2).reshape(texts * length, heads * size)
