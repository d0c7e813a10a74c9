"""BERT's layers as a processor computes them fastest: in few, large steps, nothing padded.

The weights stay where transformers has them, and the states are its own up to rounding.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from trainer.architectures import first_position, kind_of, layers_of
from trainer.packing import Packed, Texts, pad_for_attention, unpad

LEAST_SUM, MOST_SUM = 1e-30, 1e30  # of exponentials, far from where float32 and bfloat16 end

Layer = Callable[[torch.Tensor, Texts], torch.Tensor]  # states (rows, width) to the next
FirstLayer = Callable[[Packed], torch.Tensor]  # words to the first layer's states (rows, width)


def can_compute(encoder: nn.Module) -> bool:
    """Whether an encoder's layers can be computed here: BERT's or its kin's, no dropout at work.

    Only on a processor: a GPU has attention of its own.
    """
    return (
        kind_of(encoder).layers == "encoder.layer"
        and not getattr(encoder.config, "is_decoder", False)
        and not drops_out(encoder)
        and next(encoder.parameters()).device.type == "cpu"
    )


def drops_out(module: nn.Module) -> bool:
    """Whether dropout is at work somewhere: what is computed then hangs on random numbers."""
    return any(m.p and m.training for m in module.modules() if isinstance(m, nn.Dropout))


def encoder_states(
    encoder: Any,
    batch: Packed,
    layers: Sequence[Layer] | None = None,
    *,
    first: FirstLayer | None = None,
) -> torch.Tensor:
    """The last layer's states (rows, width).

    layers: quicker ones in place of the encoder's (trainer.fused); (texts, width) where the last of
    them computes first tokens alone. first: in place of the embeddings and the first of them.
    """
    layers = layers or [partial(_layer, layer) for layer in layers_of(encoder)]
    states = embedded(encoder, batch) if first is None else first(batch)
    for layer in layers if first is None else layers[1:]:
        states = layer(states, batch.texts)
    return states


def embedded(encoder: Any, batch: Packed) -> torch.Tensor:
    """The words' states (rows, width) before the first layer."""
    states: torch.Tensor = encoder.embeddings(
        input_ids=batch.ids[None],
        token_type_ids=torch.zeros_like(batch.ids)[None],
        position_ids=batch.places[None] + first_position(encoder),
    )
    if hasattr(encoder, "embeddings_project"):  # ELECTRA's small ones
        states = encoder.embeddings_project(states)
    return states[0]


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
    """Attention within each text: query, key and value (rows, 3 · width) → (rows, width)."""
    mixed: torch.Tensor = _SelfAttention.apply(  # type: ignore[no-untyped-call]
        projected, texts, heads, scale
    )
    return mixed


def first_attention(
    query: torch.Tensor, others: torch.Tensor, texts: Texts, scale: float
) -> torch.Tensor:
    """Means of the states of each text, by how much they resemble its queries.

    query (texts, heads, width); others: a text's states (texts, length, width). → like query.
    """
    scores = _product(query, others.transpose(1, 2), scale).float().add_(texts.mask[:, 0])
    return torch.bmm(scores.softmax(-1).to(others.dtype), others)


class _SelfAttention(torch.autograd.Function):
    """softmax(query keyᵀ · scale) value; its gradient without a graph of small steps.

    projected (rows, 3 · width) → (rows, width).
    """

    @staticmethod
    def forward(
        ctx: Any, projected: torch.Tensor, texts: Texts, heads: int, scale: float
    ) -> torch.Tensor:
        width = projected.shape[1] // 3
        query, key = pad_for_attention(projected[:, : 2 * width], texts, 2, heads)
        (value,) = pad_for_attention(projected[:, 2 * width :], texts, 1, heads, counted=True)
        shares, found = _mixed(_product(query, key.transpose(1, 2), scale), value, texts)
        sums = found[..., -1:]
        if ctx.needs_input_grad[0]:
            shares.div_(sums)
        ctx.save_for_backward(query, key, value, shares)
        ctx.facts = (texts, heads, scale)
        return unpad([found[..., :-1] / sums], texts, heads)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        texts, heads, scale = ctx.facts
        query, key, value, shares = ctx.saved_tensors
        (mixed,) = pad_for_attention(grads[0], texts, 1, heads)
        of_shares = torch.bmm(mixed, value[..., :-1].transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype)
        found = [
            _product(of_scores, key, scale),
            _product(of_scores.transpose(1, 2), query, scale),
            torch.bmm(shares.transpose(1, 2), mixed),
        ]
        return unpad(found, texts, heads), None, None, None


def _mixed(
    scores: torch.Tensor, value: torch.Tensor, texts: Texts
) -> tuple[torch.Tensor, torch.Tensor]:
    """What softmax of scores (n, length, length) would be but for a division, and values by it.

    Both want dividing by what value's last coordinate, 1 for tokens, has come to: there padding is
    0 as in all of value, so that it needs no mask. On a processor a mask takes as long as the
    products, and softmax in bfloat16 three times as long where columns are no multiple of 32. It
    is what is left where exponentials overflow or vanish.
    """
    shares = scores.exp()
    found = torch.bmm(shares, value)
    least, most = found[..., -1].aminmax()
    if least > LEAST_SUM and most < MOST_SUM:
        return shares, found
    scores.view(texts.count, -1, texts.length, texts.length).add_(texts.mask.to(scores.dtype))
    shares = scores.softmax(-1)
    return shares, torch.bmm(shares, value)


def _product(left: torch.Tensor, right: torch.Tensor, scale: float) -> torch.Tensor:
    """Batched left · right · scale, in one pass."""
    return torch.baddbmm(left.new_empty(1, 1, 1), left, right, beta=0, alpha=scale)
