"""BERT's layers as a processor computes them fastest: in few, large steps of recurring sizes.

Texts of like length are padded to the next multiple of STEP tokens. oneDNN builds a program for
each size of a matrix and keeps it, 0.3 MB each: sizes that come back spare its time and memory.
The weights stay where transformers has them, and the states are its own up to rounding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from trainer.architectures import architecture_of, layers_of
from trainer.batching import Batch

STEP = 2  # tokens; more is more padding, 1 many more sizes
LEAST_SUM, MOST_SUM = 1e-30, 1e30  # of exponentials, far from where float32 and bfloat16 end

Layer = Callable[[torch.Tensor, "Texts"], torch.Tensor]  # states (tokens, width) to the next


@dataclass(frozen=True)
class Texts:
    """How many texts lie one after the other, the tokens of each, padding included.

    mask: added to what attention compares, (texts, 1, 1, length): -inf where there is padding;
    None where there is none.
    """

    count: int
    length: int
    mask: torch.Tensor | None = None


def can_compute(encoder: nn.Module) -> bool:
    """Whether an encoder's layers can be computed here: BERT's or its kin's, no dropout at work.

    Only on a processor: a GPU has attention of its own.
    """
    config: Any = encoder.config
    return (
        architecture_of(config.to_dict()).layers == "encoder.layer"
        and not getattr(config, "is_decoder", False)
        and not drops_out(encoder)
        and next(encoder.parameters()).device.type == "cpu"
    )


def drops_out(module: nn.Module) -> bool:
    """Whether dropout is at work somewhere: what is computed then hangs on random numbers."""
    return any(m.p and m.training for m in module.modules() if isinstance(m, nn.Dropout))


def encoder_states(
    encoder: Any, batch: Batch, layers: Sequence[Layer] | None = None
) -> torch.Tensor:
    """The last layer's states (n, tokens, width).

    layers: quicker ones in place of the encoder's (trainer.fused); of each text's first token
    alone (n, 1, width) where the last of them computes no other.
    """
    count, length = batch.ids.shape
    states = _embedded(encoder, batch.ids).flatten(0, 1)
    texts = Texts(count, length, None if batch.mask is None else _ruled_out(batch.mask))
    for layer in layers or [partial(_layer, layer) for layer in layers_of(encoder)]:
        states = layer(states, texts)
    return states.view(count, -1, states.shape[-1])


def _embedded(encoder: Any, ids: torch.Tensor) -> torch.Tensor:
    config = encoder.config.to_dict()
    reserved = architecture_of(config).reserved
    last = config["max_position_embeddings"] - 1  # only padding goes beyond
    places = torch.arange(reserved, reserved + ids.shape[1]).clamp_(max=last)
    embedded: torch.Tensor = encoder.embeddings(input_ids=ids, position_ids=places[None])
    if hasattr(encoder, "embeddings_project"):  # ELECTRA's small ones
        embedded = encoder.embeddings_project(embedded)
    return embedded


def _ruled_out(mask: torch.Tensor) -> torch.Tensor:
    return torch.zeros(mask.shape).masked_fill_(mask == 0, -torch.inf)[:, None, None]


def _layer(layer: Any, states: torch.Tensor, texts: Texts) -> torch.Tensor:
    mixed = _attention(layer.attention.self, states, texts)
    states = _joined(layer.attention.output, mixed, states)
    return _joined(layer.output, layer.intermediate(states), states)


def _joined(output: Any, states: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """A sublayer's end: its last matrix, what was there before, and the norm."""
    normed: torch.Tensor = output.LayerNorm(_linear(output.dense, states).add_(before))
    return normed


def _linear(dense: Any, states: torch.Tensor) -> torch.Tensor:
    """A matrix, then its bias: quicker apart (384 by 384 in bfloat16: 8%)."""
    return functional.linear(states, dense.weight).add_(dense.bias)


def _attention(attention: Any, states: torch.Tensor, texts: Texts) -> torch.Tensor:
    """Self-attention within each text: one product for query, key and value together."""
    parts = (attention.query, attention.key, attention.value)
    projected = functional.linear(states, torch.cat([part.weight for part in parts]))
    projected = projected.add_(torch.cat([part.bias for part in parts]))
    return self_attention(projected, texts, attention.num_attention_heads, attention.scaling)


def self_attention(projected: torch.Tensor, texts: Texts, heads: int, scale: float) -> torch.Tensor:
    """Attention within each text: query, key and value (tokens, 3 · width) → (tokens, width)."""
    mixed: torch.Tensor = _SelfAttention.apply(  # type: ignore[no-untyped-call]
        projected, texts, heads, scale
    )
    return mixed


def first_attention(
    query: torch.Tensor, others: torch.Tensor, texts: Texts, heads: int, scale: float
) -> torch.Tensor:
    """Attention of each text's first token alone, without a gradient; see `self_attention`.

    query (texts, width); others: key and value (tokens, 2 · width). → (texts, width).
    """
    key, value = _split_heads(others, texts, 2, heads).flatten(1, 2)
    scores = _product(query.view(len(key), 1, -1), key.transpose(1, 2), scale)
    if texts.mask is not None:
        by_text = scores.view(texts.count, heads, 1, texts.length)
        by_text.add_(texts.mask.to(scores.dtype))
    shares, sums = _unscaled_shares(scores)
    return torch.bmm(shares, value).div_(sums).view(query.shape)


class _SelfAttention(torch.autograd.Function):
    """softmax(query keyᵀ · scale) value; its gradient without a graph of small steps.

    projected (tokens, 3 · width) → (tokens, width).
    """

    @staticmethod
    def forward(
        ctx: Any, projected: torch.Tensor, texts: Texts, heads: int, scale: float
    ) -> torch.Tensor:
        parts = _split_heads(projected, texts, 3, heads).flatten(1, 2)
        query, key, value = parts
        scores = _product(query, key.transpose(1, 2), scale)
        if texts.mask is not None:
            by_text = scores.view(texts.count, heads, texts.length, texts.length)
            by_text.add_(texts.mask.to(scores.dtype))
        shares, sums = _unscaled_shares(scores)
        mixed = projected.new_empty(len(projected), projected.shape[1] // 3)
        if ctx.needs_input_grad[0]:
            found = torch.bmm(shares.div_(sums), value)
        else:  # quicker, as there are fewer values to divide
            found = torch.bmm(shares, value).div_(sums)
        place = _split_heads(mixed, texts, 1, heads)
        place.copy_(found.view(place.shape))
        ctx.save_for_backward(parts, shares)
        ctx.facts = (texts, heads, scale)
        return mixed

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        texts, heads, scale = ctx.facts
        (query, key, value), shares = ctx.saved_tensors
        mixed = _split_heads(grads[0], texts, 1, heads).reshape(len(query), texts.length, -1)
        of_shares = torch.bmm(mixed, value.transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype)
        wanted = grads[0].new_empty(len(grads[0]), 3 * grads[0].shape[1])
        found = (
            _product(of_scores, key, scale),
            _product(of_scores.transpose(1, 2), query, scale),
            torch.bmm(shares.transpose(1, 2), mixed),
        )
        for place, gradient in zip(_split_heads(wanted, texts, 3, heads), found, strict=True):
            place.copy_(gradient.view(place.shape))
        return wanted, None, None, None


def _unscaled_shares(scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What softmax (…, rows, columns) would be but for a division by the sums (…, rows, 1).

    On a processor softmax in bfloat16 takes three times as long where columns are no multiple of
    32. It is what is left where exponentials overflow or vanish.
    """
    shares = scores.exp()
    ones = shares.new_ones(shares.shape[-1], 1)
    sums = torch.mm(shares.flatten(0, -2), ones).view(*shares.shape[:-1], 1)
    least, most = sums.aminmax()
    if least > LEAST_SUM and most < MOST_SUM:
        return shares, sums
    return scores.softmax(-1), torch.ones_like(sums)


def _split_heads(rows: torch.Tensor, texts: Texts, parts: int, heads: int) -> torch.Tensor:
    """Rows (tokens, parts · width) as a view (parts, texts, heads, length, of a head)."""
    return rows.view(texts.count, texts.length, parts, heads, -1).permute(2, 0, 3, 1, 4)


def _product(left: torch.Tensor, right: torch.Tensor, scale: float) -> torch.Tensor:
    """Batched left · right · scale, in one pass."""
    return torch.baddbmm(left.new_empty(1, 1, 1), left, right, beta=0, alpha=scale)
