"""A classifier with a linear head, written as a plain ...ForSequenceClassification.

A fine-tuned model with cls pooling is one already. For the others, one more layer of the
encoder computes what the head reads:

- attention with zero queries and keys is uniform over the unmasked tokens, so with identity
  values it is their mean; scaled by ALPHA, it drowns the residual that BERT adds to it;
- LayerNorm with unit weights is `heads.normalised`, and applying it twice changes nothing, so
  the layer's feed-forward half, all zero, passes it on;
- the pooler's tanh is the identity for small numbers: scaled by EPSILON on the way in, and
  back again in the classifier.

The temperature is folded into the classifier. See docs/decisions/0003-probe-as-bert.md.
"""

from typing import Any

import torch
from torch import nn

from trainer.families import FAMILIES
from trainer.heads import last_layer

ALPHA = 1e5  # the residual's share of the result is its inverse
EPSILON = 1e-4  # tanh(x) = x (1 - x²/3): for coordinates up to 20, off by 1e-6 at most


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
    added = reading != "pooler"
    values = {k: v for k, v in encoder.config.to_dict().items() if not k.startswith("_")}
    values |= {
        "num_hidden_layers": encoder.config.num_hidden_layers + int(added),
        "id2label": dict(enumerate(label_names)),
        "label2id": {name: index for index, name in enumerate(label_names)},
        "problem_type": "single_label_classification",
        "relabel": facts,
    }
    model = family.classifier(family.config(**values)).eval()
    inner = getattr(model, model.base_model_prefix)
    inner.embeddings.load_state_dict(encoder.embeddings.state_dict())
    for target, layer in zip(inner.encoder.layer, encoder.encoder.layer, strict=False):
        target.load_state_dict(layer.state_dict())
    dense, out = _pooling_and_output(model, inner)
    scale = EPSILON if added else 1.0
    if added:
        _fill_layer(inner.encoder.layer[-1], mean=reading == "mean")
        nn.init.eye_(dense.weight).mul_(EPSILON)
        nn.init.zeros_(dense.bias)
    else:
        dense.load_state_dict(encoder.pooler.dense.state_dict())
    last = last_layer(head)
    out.weight.copy_(last.weight / (scale * temperature))
    out.bias.copy_(last.bias / temperature)
    return model


def _pooling_and_output(model: Any, inner: Any) -> tuple[nn.Linear, nn.Linear]:
    """The layer under the tanh and the one after it; BERT and RoBERTa name them differently."""
    if hasattr(model.classifier, "out_proj"):
        return model.classifier.dense, model.classifier.out_proj
    return inner.pooler.dense, model.classifier


def _fill_layer(layer: Any, *, mean: bool) -> None:
    """Make one encoder layer compute normalised(mean of the tokens), or normalised(token)."""
    attention, output = layer.attention.self, layer.attention.output
    for linear in (attention.query, attention.key, attention.value, output.dense):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    if mean:
        nn.init.eye_(attention.value.weight)
        nn.init.eye_(output.dense.weight).mul_(ALPHA)
    for linear in (layer.intermediate.dense, layer.output.dense):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    for norm in (output.LayerNorm, layer.output.LayerNorm):
        nn.init.ones_(norm.weight)
        nn.init.zeros_(norm.bias)
