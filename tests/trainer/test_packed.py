"""Texts laid end to end are read as padded ones are, and learnt from alike."""

from dataclasses import replace

import pytest
import torch
from encoders import SAVERS, save_tiny
from tiny_models import FILLER, save_tiny_bert
from torch import nn
from transformers.activations import ACT2FN

from trainer.architectures import layers_of
from trainer.base_model import find_base_model
from trainer.batching import pad
from trainer.families import load_encoder, round_to_bf16
from trainer.fused import fused_layers
from trainer.network import TextClassifier, build_classifier
from trainer.packed import _SelfAttention, can_pack, pack, packed_states
from trainer.predict import ready

ROWS = [[2, 9, 3], [2, 7, 3], [2, 5, 8, 11, 6, 3], [2, 3], [2, 12, 3]]  # runs of 2, 1, 1, 1 texts
PACKED = ("bert", "electra", "roberta", "bertweet")


@pytest.fixture(scope="module")
def directory_of(tmp_path_factory, tiny_roberta):
    """Return the directory of a tiny base model of a kind."""
    made = {"roberta": tiny_roberta}

    def of(kind):
        if kind not in made:
            place = tmp_path_factory.mktemp("packed") / kind
            made[kind] = save_tiny_bert(place) if kind == "bert" else save_tiny(kind, place, FILLER)
        return made[kind]

    return of


def encoder_of(directory, dropout=0.0):
    base = find_base_model(str(directory))
    return load_encoder(base.directory, base.config, dropout=dropout, attention="eager")


def gradients(network, batch):
    network.zero_grad()
    logits = network(batch)
    (logits * torch.arange(logits.numel()).view_as(logits)).sum().backward()
    named = network.named_parameters()
    return logits, {name: p.grad.clone() for name, p in named if p.grad is not None}


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("kind", PACKED)
def test_logits_and_gradients_are_those_of_padded_texts(kind, pooling, directory_of, quick):
    encoder = encoder_of(directory_of(kind))
    assert can_pack(encoder)
    network = build_classifier(encoder, replace(quick, pooling=pooling), 4).train()
    padded, wanted = gradients(network, pad(ROWS, encoder.config.pad_token_id))
    packed, found = gradients(network, pack(ROWS))
    assert torch.allclose(packed, padded, atol=1e-5)
    moved = {name for name, gradient in wanted.items() if gradient.abs().max() > 0}
    assert any("layer.0" in name for name in moved)
    assert moved <= found.keys()
    for name in found:
        assert torch.allclose(found[name], wanted[name], rtol=1e-3, atol=1e-3), name


def test_texts_of_one_length_are_one_run():
    packed = pack(ROWS)
    assert packed.runs == [(2, 3), (1, 6), (1, 2), (1, 3)]
    assert packed.ids.tolist() == [token for row in ROWS for token in row]
    assert packed.places.tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5, 0, 1, 0, 1, 2]


def test_the_gradient_of_attention_is_its_derivative():
    runs, heads = [(2, 3), (1, 4)], 2
    rows = sum(texts * length for texts, length in runs)
    projected = torch.randn(rows, 3 * 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda states: _SelfAttention.apply(states, runs, heads, 0.7), projected
    )


def test_dropout_is_not_computed_here_but_only_while_it_works(directory_of):
    encoder = encoder_of(directory_of("bert"), dropout=0.1)
    assert can_pack(encoder.eval())
    assert not can_pack(encoder.train())


fuses = pytest.mark.skipif(
    torch.cuda.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="models run on a GPU here, or the processor has no bfloat16",
)


@fuses
@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("kind", PACKED)
def test_layers_laid_out_for_prediction_say_what_the_encoder_says(kind, activation, directory_of):
    encoder = encoder_of(directory_of(kind))
    for layer in layers_of(encoder):
        layer.intermediate.intermediate_act_fn = ACT2FN[activation]
    encoder.config.hidden_act = activation
    with torch.inference_mode():
        exact = packed_states(encoder, pack(ROWS))
        round_to_bf16(encoder)
        plain = packed_states(encoder, pack(ROWS)).float()
        layers = fused_layers(encoder)
        assert len(layers) == len(layers_of(encoder))
        fused = packed_states(encoder, pack(ROWS), layers).float()
    assert not torch.equal(fused, exact)
    assert (fused - exact).abs().mean() < 2 * (plain - exact).abs().mean()
    assert torch.allclose(fused, exact, atol=0.1)


@fuses
def test_layers_are_laid_out_for_prediction_and_weights_stay_exact(directory_of):
    assert fused_layers(encoder_of(directory_of("distilbert"))) is None
    encoder = encoder_of(directory_of("bert"))
    head = nn.Sequential(nn.Linear(encoder.config.hidden_size, 2))
    network = TextClassifier(encoder, head, "cls")
    assert network.layers is None  # a training's weights change
    assert ready(network, "fp32").layers is None
    assert ready(network, "bf16").layers
    assert next(encoder.parameters()).dtype == torch.float32


def test_what_it_does_not_compute_is_padded(directory_of):
    for kind in set(SAVERS) - set(PACKED):
        assert not can_pack(encoder_of(directory_of(kind)))
