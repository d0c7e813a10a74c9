"""bfloat16, and oneDNN in float32, only where they are measured to be faster."""

import itertools

import pytest
import torch

from trainer import precision

SECONDS = {"slower": 0.003, "faster": 0.001}


@pytest.fixture
def without_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    measured = (
        precision.gains_from_bf16,
        precision.gains_from_onednn,
        precision.gains_from_eight_bits,
    )
    for answer in measured:
        answer.cache_clear()
    yield monkeypatch
    for answer in measured:
        answer.cache_clear()


@pytest.mark.parametrize(
    ("instructions", "of_bf16", "gains"),
    [(True, "faster", True), (True, "slower", False), (False, "faster", False)],
)
def test_what_is_measured_decides_where_there_are_instructions(
    without_gpu, instructions, of_bf16, gains
):
    def seconds(dtype):
        return SECONDS[of_bf16] if dtype == torch.bfloat16 else 0.002

    without_gpu.setattr(precision, "has_bf16_instructions", lambda: instructions)
    without_gpu.setattr(precision, "product_seconds", seconds)
    assert precision.gains_from_bf16() is gains
    assert precision.uses_bf16("auto") is gains
    assert precision.uses_bf16("bf16")
    assert not precision.uses_bf16("fp32")


def test_a_busy_machine_does_not_decide(without_gpu):
    delays = itertools.cycle([5.0, 0.0, 0.3, 7.0, 0.0, 0.1])  # whoever is interrupted

    def seconds(dtype):
        return next(delays) + (0.001 if dtype == torch.bfloat16 else 0.0025)

    without_gpu.setattr(precision, "product_seconds", seconds)
    assert precision.rate_of_bf16() == pytest.approx(2.5)


@pytest.mark.parametrize(("of_onednn", "gains"), [("faster", True), ("slower", False)])
def test_onednn_multiplies_in_float32_where_it_is_faster(without_gpu, of_onednn, gains):
    def seconds(dtype, onednn=False):
        assert dtype == torch.float32
        return SECONDS[of_onednn] if onednn else 0.002

    without_gpu.setattr(torch._C, "_has_mkldnn", True)
    without_gpu.setattr(precision, "product_seconds", seconds)
    assert precision.gains_from_onednn() is gains


def test_onednn_is_not_asked_where_torch_lacks_it(without_gpu):
    without_gpu.setattr(torch._C, "_has_mkldnn", False)
    without_gpu.setattr(precision, "product_seconds", None)
    assert not precision.gains_from_onednn()


def test_a_product_of_either_precision_is_measured():
    assert 0 < precision.product_seconds(torch.float32) < 60
    assert 0 < precision.product_seconds(torch.float32, onednn=torch._C._has_mkldnn) < 60
    assert 0 < precision.product_seconds(torch.bfloat16) < 60


@pytest.mark.parametrize(
    ("instructions", "rate", "gains"), [(True, 1.6, True), (True, 0.9, False), (False, 1.6, False)]
)
def test_eight_bits_are_used_where_they_are_measured_to_be_faster_and_sums_cannot_overflow(
    without_gpu, instructions, rate, gains
):
    without_gpu.setattr(precision, "gains_from_bf16", lambda: True)
    without_gpu.setattr(precision, "has_eight_bit_instructions", lambda: instructions)
    without_gpu.setattr(precision, "rate_of_eight_bits", lambda: rate)
    assert precision.gains_from_eight_bits() is gains


def test_measuring_draws_no_random_numbers(without_gpu):
    bf16 = torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if not (precision.has_eight_bit_instructions() and bf16):
        pytest.skip("this processor multiplies neither eight bits nor bfloat16")
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    assert precision.rate_of_eight_bits() > 0
    assert torch.equal(torch.rand(3), wanted)
