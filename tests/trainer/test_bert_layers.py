"""BERT's layers as we compute them say what transformers' say, and learn what they learn."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from encoders import SAVERS, save_tiny
from tiny_models import FILLER, save_tiny_bert
from torch import nn
from transformers.activations import ACT2FN

from trainer.architectures import layers_of, reserved_in
from trainer.base_model import find_base_model
from trainer.batching import pad
from trainer.bert_layers import _SelfAttention, can_compute, encoder_states, self_attention
from trainer.families import load_encoder, round_to_bf16
from trainer.fused import fused_layers
from trainer.network import TextClassifier, batch_of, build_classifier
from trainer.packing import Texts, first_rows, pack
from trainer.predict import ready

ROWS = [[2, 9, 3], [2, 7, 3], [2, 5, 8, 11, 6, 3], [2, 3], [2, 12, 3]]
COMPUTED = ("bert", "electra", "roberta", "bertweet")


@pytest.fixture(scope="module")
def directory_of(tmp_path_factory, tiny_roberta):
    """Return the directory of a tiny base model of a kind."""
    made = {"roberta": tiny_roberta}

    def of(kind):
        if kind not in made:
            place = tmp_path_factory.mktemp("computed") / kind
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
@pytest.mark.parametrize("kind", COMPUTED)
def test_logits_and_gradients_are_those_of_transformers(kind, pooling, directory_of, quick):
    encoder = encoder_of(directory_of(kind))
    assert can_compute(encoder)
    network = build_classifier(encoder, replace(quick, pooling=pooling), 4).train()
    ours, found = gradients(network, batch_of(encoder, ROWS, encoder.config.pad_token_id))
    theirs, wanted = gradients(network, pad(ROWS, encoder.config.pad_token_id))
    assert torch.allclose(ours, theirs, atol=1e-5)
    moved = {name for name, gradient in wanted.items() if gradient.abs().max() > 0}
    assert any("layer.0" in name for name in moved)
    assert moved <= found.keys()
    for name in found:
        assert torch.allclose(found[name], wanted[name], rtol=1e-3, atol=1e-3), name


@pytest.mark.parametrize("kind", COMPUTED)
def test_the_longest_text_may_have_all_positions(kind, directory_of):
    encoder = encoder_of(directory_of(kind))
    config = encoder.config.to_dict()
    row = [2] * (config["max_position_embeddings"] - reserved_in(config) - 1)
    for odd in (row, [*row, 2]):  # attention pads one of them
        with torch.inference_mode():
            ours = encoder_states(encoder, pack([odd]))[: len(odd)]
            theirs = encoder(input_ids=torch.tensor([odd])).last_hidden_state[0]
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_text_without_tokens_disturbs_no_other(directory_of):
    encoder = encoder_of(directory_of("bert"))
    with torch.inference_mode():
        states = encoder_states(encoder, batch_of(encoder, [[], ROWS[0]], 0))
        alone = encoder_states(encoder, batch_of(encoder, [ROWS[0]], 0))
    assert torch.allclose(states[1:4], alone[:3], atol=1e-5)


@pytest.mark.parametrize("lengths", [(4, 4), (4, 3), (3, 3), (1, 1, 5, 2)])
def test_the_gradient_of_attention_is_its_derivative(lengths):
    texts = Texts(lengths)
    projected = torch.randn(texts.rows, 3 * 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda states: _SelfAttention.apply(states, texts, 2, 0.7)[: texts.tokens], projected
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [1.0, 60.0, 400.0])
def test_attention_is_softmaxs_for_scores_of_any_size(size, dtype):
    generator = torch.Generator().manual_seed(0)
    texts = Texts((6, 4, 4, 5))
    projected = (torch.randn(texts.rows, 24, generator=generator) * size**0.5).to(dtype)
    parts = projected[: texts.tokens].float().split(texts.lengths)
    wanted = torch.cat([attention_of(text) for text in parts])
    near = (1e-5 if dtype == torch.float32 else 0.02) * size**0.5
    found = self_attention(projected, texts, 2, 1.0).float()
    assert torch.allclose(found[: texts.tokens], wanted, atol=near)
    assert not found[texts.tokens :].any()
    learning = self_attention(projected.requires_grad_(), texts, 2, 1.0)
    assert torch.allclose(learning[: texts.tokens].float(), wanted, atol=near)


def attention_of(text):
    """Plain attention of one text's query, key and value (tokens, 24), of two heads."""
    query, key, value = (part.view(-1, 2, 4).transpose(0, 1) for part in text.split(8, 1))
    shares = (query @ key.transpose(1, 2)).softmax(-1)
    return (shares @ value).transpose(0, 1).reshape(-1, 8)


def test_dropout_is_not_computed_here_but_only_while_it_works(directory_of):
    encoder = encoder_of(directory_of("bert"), dropout=0.1)
    assert can_compute(encoder.eval())
    assert not can_compute(encoder.train())


fuses = pytest.mark.skipif(
    torch.cuda.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="models run on a GPU here, or the processor has no bfloat16",
)


@pytest.fixture
def with_onednn(monkeypatch):
    """A machine whose float32 products gain from oneDNN, whatever this one does."""
    monkeypatch.setattr("trainer.fused.gains_from_onednn", lambda: True)


@fuses
@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("kind", COMPUTED)
def test_layers_in_float32_say_what_the_encoder_says_and_hold_no_second_copy_of_its_matrices(
    kind, activation, directory_of, with_onednn
):
    encoder = encoder_of(directory_of(kind))
    for layer in layers_of(encoder):
        layer.intermediate.intermediate_act_fn = ACT2FN[activation]
    encoder.config.hidden_act = activation
    layers = fused_layers(encoder, torch.float32)
    with torch.inference_mode():
        batch = batch_of(encoder, ROWS, encoder.config.pad_token_id)
        real = slice(batch.texts.tokens)
        exact = encoder_states(encoder, batch)[real]
        fused = encoder_states(encoder, batch, layers)[real]
    assert torch.allclose(fused, exact, atol=1e-5)
    theirs = layers_of(encoder)[0].intermediate.dense.weight
    assert layers[0].products["widen"]._weight.data_ptr() == theirs.data_ptr()


@fuses
@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("kind", COMPUTED)
def test_layers_laid_out_for_prediction_say_what_the_encoder_says(kind, activation, directory_of):
    encoder = encoder_of(directory_of(kind))
    for layer in layers_of(encoder):
        layer.intermediate.intermediate_act_fn = ACT2FN[activation]
    encoder.config.hidden_act = activation
    with torch.inference_mode():
        batch = batch_of(encoder, ROWS, encoder.config.pad_token_id)
        real = slice(batch.texts.tokens)
        exact = encoder_states(encoder, batch)[real]
        round_to_bf16(encoder)
        plain = encoder_states(encoder, batch)[real].float()
        layers = fused_layers(encoder, torch.bfloat16)
        assert len(layers) == len(layers_of(encoder))
        fused = encoder_states(encoder, batch, layers)[real].float()
    assert not torch.equal(fused, exact)
    assert (fused - exact).abs().mean() < 2 * (plain - exact).abs().mean()
    assert torch.allclose(fused, exact, atol=0.1)


@fuses
@pytest.mark.parametrize(("dtype", "atol"), [(torch.bfloat16, 0.05), (torch.float32, 1e-5)])
@pytest.mark.parametrize("kind", COMPUTED)
def test_where_only_first_tokens_are_read_the_last_layer_computes_no_other(
    kind, dtype, atol, directory_of, with_onednn
):
    encoder = encoder_of(directory_of(kind))
    alike = [row[:4] for row in ROWS if len(row) > 3]
    with torch.inference_mode():
        for rows in (ROWS, alike):  # with padding in attention, and without
            batch = batch_of(encoder, rows, encoder.config.pad_token_id)
            whole = encoder_states(encoder, batch, fused_layers(encoder, dtype))
            layers = fused_layers(encoder, dtype, first_alone=True)
            first = encoder_states(encoder, batch, layers)
            assert first.shape == (len(rows), encoder.config.hidden_size)
            wanted = first_rows(whole, batch.texts)
            assert torch.allclose(first.float(), wanted.float(), atol=atol)


@fuses
def test_layers_are_laid_out_for_prediction_and_weights_stay_exact(directory_of, with_onednn):
    assert fused_layers(encoder_of(directory_of("distilbert")), torch.bfloat16) is None
    encoder = encoder_of(directory_of("bert"))
    head = nn.Sequential(nn.Linear(encoder.config.hidden_size, 2))
    network = TextClassifier(encoder, head, "cls")
    assert network.layers is None  # a training's weights change
    in_float32 = ready(network, "fp32")
    assert in_float32.layers
    assert in_float32.finer == ()  # nothing is rounded
    in_bfloat16 = ready(network, "bf16")
    assert in_bfloat16.layers
    assert [bool(layers) for layers in in_bfloat16.finer] == [True]
    assert next(encoder.parameters()).dtype == torch.float32


@fuses
def test_without_a_gain_from_onednn_float32_stays_with_the_encoder(directory_of, monkeypatch):
    monkeypatch.setattr("trainer.fused.gains_from_onednn", lambda: False)
    encoder = encoder_of(directory_of("bert"))
    network = TextClassifier(
        encoder, nn.Sequential(nn.Linear(encoder.config.hidden_size, 2)), "cls"
    )
    assert ready(network, "fp32").layers is None
    assert ready(network, "bf16").finer == [[]]  # close calls are computed by the encoder


def test_what_it_does_not_compute_is_left_to_transformers(directory_of):
    for kind in set(SAVERS) - set(COMPUTED):
        assert not can_compute(encoder_of(directory_of(kind)))


@pytest.mark.parametrize("padding", [0, 3])
def test_positions_are_counted_from_the_padding_tokens_number(padding, tmp_path, tiny_roberta):
    directory = shutil.copytree(tiny_roberta, tmp_path / "roberta")
    config = directory / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"pad_token_id": padding}))
    encoder = encoder_of(directory)
    assert reserved_in(encoder.config.to_dict()) == padding + 1
    row = [9, 8, 7, 6, 9]
    with torch.inference_mode():
        ours = encoder_states(encoder, pack([row]))[: len(row)]
        theirs = encoder(input_ids=torch.tensor([row])).last_hidden_state[0]
    assert torch.allclose(ours, theirs, atol=1e-5)
