"""A classifier with a linear head, written as a plain ...ForSequenceClassification.

A fine-tuned BERT with cls pooling is one already. For the others, one more layer of the encoder
computes what the head reads:

- attention with zero queries and keys is uniform over the unmasked tokens, so with identity
  values it is their mean; scaled by ALPHA, it drowns the residual that BERT adds to it;
- LayerNorm with unit weights is `heads.normalised`, and applying it twice changes nothing, so
  the layer's feed-forward half, all zero, passes it on;
- the activation between the classifier's two matrices is passed where it is the identity:
  tanh near 0 (scaled by EPSILON on the way in, and back again in the second matrix), GELU and
  ReLU far above 0 (a shift that the second bias takes back).

ModernBERT's classifier pools and normalises by itself and needs no layer more. The temperature
is folded into the last matrix. See docs/decisions/0003-probe-as-bert.md.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from trainer.architectures import architecture_of, layers_of, width_of
from trainer.families import FAMILIES
from trainer.heads import last_layer

ALPHA = 1e5  # the residual's share of the result is its inverse
EPSILON = 1e-4  # tanh(x) = x (1 - x²/3): for coordinates up to 20, off by 1e-6 at most
FAR = 8.0  # above which GELU is the identity in float32


@dataclass(frozen=True)
class Passage:
    """How vectors get from the encoder to the labels: (x scale + shift), activation, `out`."""

    dense: nn.Linear
    out: nn.Linear
    scale: float
    shift: float


def adds_layer(encoder: Any) -> bool:
    """Whether the plain form of this encoder needs one layer more to pool and normalise."""
    return bool(encoder.config.model_type != "modernbert")


@torch.no_grad()
def as_sequence_classifier(
    encoder: Any,
    head: nn.Sequential,
    reading: str,
    *,
    temperature: float,
    label_names: list[str],
    facts: dict[str, Any],
) -> Any:
    """The transformers model that gives the same probabilities, float32.

    encoder: float32. reading: mean, cls or pooler. facts: put into the configuration.
    """
    family = FAMILIES[encoder.config.model_type]
    values = {k: v for k, v in encoder.config.to_dict().items() if not k.startswith("_")}
    values |= {
        "id2label": dict(enumerate(label_names)),
        "label2id": {name: index for index, name in enumerate(label_names)},
        "problem_type": "single_label_classification",
        "relabel": facts,
    }
    own_pooling = not adds_layer(encoder)
    added = reading != "pooler" and not own_pooling
    values[architecture_of(values).depth] += int(added)
    if own_pooling:
        values |= {"classifier_pooling": reading, "classifier_activation": "linear"}
    model = family.classifier(family.config(**values)).eval()
    inner = getattr(model, model.base_model_prefix)
    _copy(encoder, inner, added=added)
    passage = _passage(model, inner, width_of(values), added=added)
    if added:
        _fill_layer(layers_of(inner)[-1], mean=reading == "mean")
    if reading == "pooler":
        passage.dense.load_state_dict(encoder.pooler.dense.state_dict())
    else:
        nn.init.eye_(passage.dense.weight).mul_(passage.scale)
        if passage.dense.bias is not None:
            nn.init.constant_(passage.dense.bias, passage.shift)
    last = last_layer(head)
    divisor = (1.0 if own_pooling else passage.scale) * temperature
    passage.out.weight.copy_(last.weight / divisor)
    taken_back = passage.shift * last.weight.sum(dim=1)
    passage.out.bias.copy_((last.bias - taken_back) / temperature)
    return model


def _copy(encoder: Any, inner: Any, *, added: bool) -> None:
    """Copy the encoder's weights into `inner`, which may have one layer more and a pooler."""
    weights = {
        name: value
        for name, value in encoder.state_dict().items()
        if not name.startswith("pooler.")
    }
    missing, unexpected = inner.load_state_dict(weights, strict=False)
    new = f"{architecture_of(inner.config.to_dict()).layers}.{len(layers_of(inner)) - 1}."
    odd = [
        name
        for name in missing
        if not name.startswith("pooler.") and not (added and name.startswith(new))
    ]
    if odd or unexpected:
        raise ValueError(f"weights do not fit: {[*odd, *unexpected][:3]}")


def _passage(model: Any, inner: Any, width: int, *, added: bool) -> Passage:
    """The layer under the activation and the one after it; the models name them differently."""
    kind = model.config.model_type
    beyond = FAR + width**0.5  # no coordinate of a normalised vector is further from 0
    if kind == "modernbert":  # its own LayerNorm follows, whose epsilon the scale makes small
        return Passage(model.head.dense, model.classifier, ALPHA, 0.0)
    if kind == "distilbert":
        return Passage(model.pre_classifier, model.classifier, 1.0, beyond)
    if kind == "electra":
        return Passage(model.classifier.dense, model.classifier.out_proj, 1.0, beyond)
    scale = EPSILON if added else 1.0
    if hasattr(model.classifier, "out_proj"):
        return Passage(model.classifier.dense, model.classifier.out_proj, scale, 0.0)
    return Passage(inner.pooler.dense, model.classifier, scale, 0.0)


def _fill_layer(layer: Any, *, mean: bool) -> None:
    """Make one encoder layer compute normalised(mean of the tokens), or normalised(token)."""
    if hasattr(layer, "sa_layer_norm"):  # DistilBERT
        attention = layer.attention
        query, key, value = attention.q_lin, attention.k_lin, attention.v_lin
        output, first_norm = attention.out_lin, layer.sa_layer_norm
        forward, last_norm = (layer.ffn.lin1, layer.ffn.lin2), layer.output_layer_norm
    else:
        own, after = layer.attention.self, layer.attention.output
        query, key, value = own.query, own.key, own.value
        output, first_norm = after.dense, after.LayerNorm
        forward, last_norm = (layer.intermediate.dense, layer.output.dense), layer.output.LayerNorm
    for linear in (query, key, value, output, *forward):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    if mean:
        nn.init.eye_(value.weight)
        nn.init.eye_(output.weight).mul_(ALPHA)
    for norm in (first_norm, last_norm):
        nn.init.ones_(norm.weight)
        nn.init.zeros_(norm.bias)
