"""Products in eight-bit integers say nearly what exact ones do, and are used where that holds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_models import make_examples, save_tiny_bert
from torch import nn
from torch.nn import functional
from transformers.activations import ACT2FN

from trainer import ranges as finding
from trainer.architectures import layers_of
from trainer.artifacts import publish
from trainer.base_model import find_base_model
from trainer.batching import tokenise
from trainer.eight_bit import (
    EIGHT_BIT_FILE,
    Coding,
    EightBitLinear,
    Range,
    load_ranges,
    save_ranges,
)
from trainer.errors import ArtifactError
from trainer.families import load_encoder, load_tokenizer
from trainer.network import build_classifier
from trainer.precision import has_bf16_instructions, has_eight_bit_instructions
from trainer.predict import load_classifier, ready
from trainer.ranges import find_ranges, in_turn
from trainer.train import train

pytestmark = pytest.mark.skipif(
    not (has_eight_bit_instructions() and has_bf16_instructions()),
    reason="this processor multiplies neither eight bits nor bfloat16",
)
SHAPE = {"num_hidden_layers": 12, "hidden_size": 4, "intermediate_size": 8}
TEXTS = [example.text for example in make_examples(240, seed=3)]


@pytest.fixture(autouse=True)
def gains(monkeypatch):
    """Let it be used, however busy this machine is while it measures."""
    for module in ("trainer.ranges", "trainer.predict"):
        monkeypatch.setattr(f"{module}.gains_from_eight_bits", lambda: True)
    monkeypatch.setattr("trainer.precision.gains_from_bf16", lambda: True)


def states_of(rows, columns, *, wide=()):
    """Values about 0, some columns of which are wide and lie elsewhere."""
    random = torch.Generator().manual_seed(1)
    states = torch.randn(rows, columns, generator=random)
    for column in wide:
        states[:, column] = states[:, column] * 20 + 30
    return states


def range_of(states, *, by_column=True):
    lowest, highest = states.aminmax(dim=0)
    if not by_column:
        lowest, highest = lowest.min()[None], highest.max()[None]
    return Range(lowest, highest, states.mean(0))


def error_of(found, exact):
    """Root mean square, in terms of what is there."""
    return float((found.float() - exact).square().mean().sqrt() / exact.square().mean().sqrt())


@pytest.mark.parametrize("gelu", [True, False])
def test_a_product_is_nearly_exact_also_where_columns_are_wide(gelu):
    torch.manual_seed(2)
    parts = [nn.Linear(48, 32), nn.Linear(48, 16)]
    states = states_of(400, 48, wide=(3, 17))
    product = EightBitLinear(parts, range_of(states), gelu=gelu)
    exact = torch.cat([part(states) for part in parts], dim=1)
    exact = functional.gelu(exact) if gelu else exact
    found = product(states.to(torch.bfloat16))
    assert found.dtype == torch.bfloat16
    assert error_of(found, exact.detach()) < 0.02
    alike = EightBitLinear(parts, range_of(states, by_column=False), gelu=gelu)
    worse = error_of(alike(states.to(torch.bfloat16)), exact.detach())
    assert worse > 1.5 * error_of(found, exact.detach())


def test_a_row_is_the_same_in_any_batch():
    torch.manual_seed(2)
    states = states_of(96, 32).to(torch.bfloat16)
    product = EightBitLinear([nn.Linear(32, 64)], range_of(states.float()), gelu=True)
    assert torch.equal(product(states)[40:43], product(states[40:43]))


def test_values_beyond_the_range_are_cut_and_do_not_wrap_around():
    plain = nn.Linear(2, 1)
    with torch.no_grad():
        plain.weight.copy_(torch.tensor([[1.0, 1.0]]))
        plain.bias.zero_()
    seen = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    product = EightBitLinear([plain], range_of(seen))
    far = product(torch.tensor([[50.0, 50.0], [-50.0, -50.0]], dtype=torch.bfloat16))
    assert far.float().flatten().tolist() == pytest.approx([2, -2], abs=0.05)


def test_a_product_hands_numbers_to_the_next():
    torch.manual_seed(2)
    widen, narrow = nn.Linear(24, 96), nn.Linear(96, 24)
    states = states_of(300, 24)
    wide = functional.gelu(widen(states)).detach()
    between = range_of(wide, by_column=False)
    numbers = EightBitLinear([widen], range_of(states), gelu=True, into=between)(
        states.to(torch.bfloat16)
    )
    assert numbers.dtype == torch.uint8
    coding = Coding.alike(between)
    assert (numbers.float() - coding.zero) * coding.step == pytest.approx(
        wide, abs=3 * float(coding.step)
    )
    second = EightBitLinear([narrow], between)
    assert error_of(second(numbers), narrow(wide).detach()) < 0.03
    assert error_of(second(wide.to(torch.bfloat16)), narrow(wide).detach()) < 0.03


def test_rounded_weights_say_of_the_mean_what_exact_ones_do():
    torch.manual_seed(2)
    plain = nn.Linear(64, 64)
    states = 30 + 0.01 * torch.randn(500, 64)  # hardly anything but its mean
    found = EightBitLinear([plain], range_of(states, by_column=False))(states.to(torch.bfloat16))
    assert error_of(found, plain(states).detach()) < 0.005


def test_ranges_come_back_as_they_were_written(tmp_path):
    between = range_of(states_of(9, 8), by_column=False)
    written = {(0, "widen"): range_of(states_of(9, 4)), (11, "narrow"): between}
    save_ranges(written, tmp_path / EIGHT_BIT_FILE)
    read = load_ranges(tmp_path / EIGHT_BIT_FILE, SHAPE)
    assert read.keys() == written.keys()
    for place, values in written.items():
        for name, tensor in vars(values).items():
            assert torch.equal(getattr(read[place], name), tensor)


@pytest.mark.parametrize(
    "tensors",
    [
        {"0.widen.lowest": torch.zeros(4)},
        {"nonsense": torch.zeros(4)},
        {"x.widen.mean": torch.ones(1)},
    ],
)
def test_odd_ranges_are_refused(tensors, tmp_path):
    save_file(tensors, tmp_path / EIGHT_BIT_FILE)
    with pytest.raises(ArtifactError, match=EIGHT_BIT_FILE):
        load_ranges(tmp_path / EIGHT_BIT_FILE, SHAPE)


@pytest.mark.parametrize(
    ("place", "columns"),
    [
        ((12, "widen"), 4),
        ((-1, "widen"), 4),
        ((0, "widen"), 5),
        ((0, "nothing"), 4),
        ((0, "mix"), 0),
    ],
)
def test_ranges_that_do_not_fit_are_refused(place, columns, tmp_path):
    values = range_of(states_of(9, columns)) if columns else Range(*torch.full((3, 4), torch.nan))
    save_ranges({place: values}, tmp_path / EIGHT_BIT_FILE)
    with pytest.raises(ArtifactError, match="does not fit"):
        load_ranges(tmp_path / EIGHT_BIT_FILE, SHAPE)


def test_ranges_beside_a_model_of_another_kind_are_refused(tmp_path):
    save_ranges({(0, "widen"): range_of(states_of(9, 4))}, tmp_path / EIGHT_BIT_FILE)
    with pytest.raises(ArtifactError, match="does not fit"):
        load_ranges(tmp_path / EIGHT_BIT_FILE, {"model_type": "distilbert", "dim": 4})


def test_texts_are_taken_from_all_over_and_as_many_as_may_be():
    rows = [[number] for number in range(193)]
    assert len(finding._distinct(rows, 192)) == 192
    assert finding._distinct(rows, 2) == [[0], [96]]
    assert finding._distinct([[1], [1], [2]], 192) == [[1], [2]]
    assert finding._distinct([], 5) == []


def test_products_are_taken_from_the_last_layer_on_and_narrowing_ones_later():
    places = [(layer, name) for layer in range(3) for name in ("narrow", "widen", "mix", "project")]
    turn = in_turn(places)
    assert turn[:3] == [(2, "project"), (2, "mix"), (2, "widen")]
    assert turn.index((2, "narrow")) > turn.index((0, "widen"))
    assert turn[-1] == (0, "narrow")


@pytest.fixture(params=["mean, gelu", "cls, gelu", "mean, relu"])
def network(request, tmp_path, quick):
    """A network whose head prefers labels clearly, in bfloat16, and tokens of texts."""
    pooling, activation = request.param.split(", ")
    base = find_base_model(str(save_tiny_bert(tmp_path / "bert")))
    encoder = load_encoder(base.directory, base.config)
    encoder.config.hidden_act = activation
    for layer in layers_of(encoder):
        layer.intermediate.intermediate_act_fn = ACT2FN[activation]
    made = build_classifier(encoder, replace(quick, pooling=pooling), 4)
    with torch.no_grad():
        made.head[-1].weight.normal_(generator=torch.Generator().manual_seed(1))
    tokenizer = load_tokenizer(base.directory, base.config)
    return ready(made, "bf16"), tokenise(tokenizer, TEXTS, 32)


def found_with(network, rows, most, monkeypatch):
    monkeypatch.setattr(finding, "MOST_MOVED", most)
    return find_ranges(network, rows[:150], rows[150:], pad_id=0)


def test_as_many_products_are_taken_as_move_little_enough(network, monkeypatch):
    made, rows = network
    layers = made.layers
    every = found_with(made, rows, 1.0, monkeypatch)
    whole = 2 if made.reading == "mean" else 1  # layers that are computed for all tokens
    assert len(every) == 4 * whole - 1  # words are projected once anyway
    assert found_with(made, rows, 0.0, monkeypatch) == {}
    trials = finding._Trials(made, rows[:150], rows[150:], 0)
    before = trials.probabilities({})
    moves = [
        float(np.abs(trials.probabilities(some) - before).max(axis=1).mean())
        for some in (dict(list(every.items())[: count + 1]) for count in range(len(every)))
    ]
    assert 0 < moves[-1] < 0.05
    made.layers = layers
    few = found_with(made, rows, moves[0] * 1.001, monkeypatch)
    assert list(few)[:1] == in_turn(every)[:1]
    assert made.layers is layers


def test_too_few_texts_tell_nothing(network):
    made, rows = network
    assert find_ranges(made, rows[:90], rows[150:], pad_id=0) == {}
    assert find_ranges(made, rows[:150], rows[150:190], pad_id=0) == {}
    assert find_ranges(made, rows[:1] * 500, rows[150:], pad_id=0) == {}
    with torch.no_grad():
        made.head[-1].bias[0] = torch.nan
    assert find_ranges(made, rows[:150], rows[150:], pad_id=0) == {}
    made.layers = None  # computed as transformers has them
    assert find_ranges(made, rows[:150], rows[150:], pad_id=0) == {}


def test_a_trained_model_predicts_by_them_and_keeps_its_labels(quick, labels, tmp_path):
    examples = make_examples(480, seed=1)
    config = replace(quick, epochs=1, precision="auto", pooling="cls", unlabelled_texts=0)
    made = train(examples, labels, config, work=tmp_path / "work", cache=tmp_path / "cache")
    published = publish(tmp_path / "models", made.write, {}).directory
    assert (published / EIGHT_BIT_FILE).exists()
    quickest, rounded, exact = (
        load_classifier(published, precision=precision) for precision in ("auto", "bf16", "fp32")
    )
    products = quickest._network.layers[0].products
    assert any(isinstance(product, EightBitLinear) for product in products.values())
    assert len(quickest._network.finer) == 2
    for other in (rounded, exact, load_classifier(published, eight_bit=False)):
        used = [p for layer in other._network.layers or [] for p in layer.products.values()]
        assert not any(isinstance(product, EightBitLinear) for product in used)
    wanted = exact.probabilities(TEXTS)
    found = quickest.probabilities(TEXTS)
    assert (found.argmax(1) == wanted.argmax(1)).mean() > 0.98
    moved = np.abs(found - wanted).max(1)
    assert 0 < moved.mean() < 0.02


def test_a_model_without_ranges_predicts_in_bfloat16(quick, labels, examples, tmp_path):
    config = replace(quick, epochs=1, precision="auto", unlabelled_texts=0)
    made = train(examples, labels, config, work=tmp_path / "work", cache=tmp_path / "cache")
    published = publish(tmp_path / "models", made.write, {}).directory
    assert not (published / EIGHT_BIT_FILE).exists()  # 32 of its texts are judged by
    assert len(load_classifier(published)._network.finer) == 1
