"""Whether this machine gains from bfloat16, from oneDNN, from eight bits; torch's threads."""

import functools
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from trainer.eight_bit import EightBitLinear, Range

TRIES = 9  # of each way, in turns; the best counts, since others' work only makes it worse
TOKENS, WIDTH = 512, 384  # of the product that is measured: a layer's, of the bundled model


@functools.cache
def gains_from_bf16() -> bool:
    """Whether the processor (or GPU) multiplies bfloat16 matrices faster than float32 ones.

    Without instructions for it bfloat16 is emulated and several times slower; with them it is
    measured, once a process, in some 30 ms (2.5 times the rate on an AMD core with avx512_bf16).
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return has_bf16_instructions() and rate_of_bf16() > 1


def has_bf16_instructions() -> bool:
    """Whether the processor says that it multiplies bfloat16; only Linux tells."""
    if platform.machine() not in ("x86_64", "AMD64", "aarch64"):
        return False
    return bool(_instructions() & {"avx512_bf16", "amx_bf16", "bf16"})


def _instructions() -> set[str]:
    """The words that the processor's description is made of."""
    flags = Path("/proc/cpuinfo")
    return set(flags.read_text(errors="ignore").split()) if flags.exists() else set()


def rate_of_bf16() -> float:
    """How many times float32's rate bfloat16 reaches at a layer's product."""
    return times_as_fast(
        lambda: product_seconds(torch.bfloat16), lambda: product_seconds(torch.float32)
    )


@functools.cache
def gains_from_onednn() -> bool:
    """Whether oneDNN multiplies float32 matrices faster than what torch has for them.

    That is MKL on x86, which leaves AVX-512 unused on processors other than Intel's: oneDNN was
    measured 2.2 times as fast on an AMD core. Measured once a process, in some 30 ms.
    """
    if torch.cuda.is_available() or not torch._C._has_mkldnn:
        return False
    return rate_of_onednn() > 1


def rate_of_onednn() -> float:
    """How many times the rate of torch's own float32 product oneDNN reaches at a layer's."""
    return times_as_fast(
        lambda: product_seconds(torch.float32, onednn=True), lambda: product_seconds(torch.float32)
    )


@functools.cache
def gains_from_eight_bits() -> bool:
    """Whether oneDNN multiplies eight-bit integers faster than bfloat16 here, coding included.

    Only processors with instructions for it are asked: without them oneDNN's sums may overflow.
    Measured once a process, in some 30 ms (1.6 times the rate on an AMD core with avx512_vnni).
    """
    if torch.cuda.is_available() or not has_eight_bit_instructions():
        return False
    return gains_from_bf16() and rate_of_eight_bits() > 1


def has_eight_bit_instructions() -> bool:
    """Whether the processor says that it sums products of eight-bit integers in 32 bits."""
    return platform.machine() in ("x86_64", "AMD64") and bool(
        _instructions() & {"avx512_vnni", "avx_vnni", "amx_int8"}
    )


def rate_of_eight_bits() -> float:
    """How many times bfloat16's rate eight-bit integers reach at a layer's product."""
    ones = torch.ones(WIDTH)
    with torch.random.fork_rng(devices=[]):  # what is drawn elsewhere does not hang on this
        matrix = nn.Linear(WIDTH, 4 * WIDTH)
    coded = EightBitLinear([matrix], Range(-ones, ones, 0 * ones))
    return times_as_fast(
        lambda: seconds_of(coded, torch.bfloat16),
        lambda: product_seconds(torch.bfloat16, onednn=True),
    )


def times_as_fast(new: Callable[[], float], old: Callable[[], float]) -> float:
    """The rate of one way of working in terms of another's; each returns seconds of a try."""
    best = {new: float("inf"), old: float("inf")}
    for _ in range(TRIES):
        for way in best:
            best[way] = min(best[way], way())
    return best[old] / best[new]


def product_seconds(dtype: torch.dtype, *, onednn: bool = False) -> float:
    """Seconds that one of a layer's products takes. onednn: by oneDNN's own operator."""
    weight = torch.ones(4 * WIDTH, WIDTH, dtype=dtype)
    if onednn:
        return seconds_of(
            lambda states: torch.ops.mkldnn._linear_pointwise(
                states, weight, None, "none", [], "none"
            ),
            dtype,
        )
    return seconds_of(lambda states: functional.linear(states, weight), dtype)


@torch.inference_mode()
def seconds_of(multiply: Callable[[torch.Tensor], torch.Tensor], dtype: torch.dtype) -> float:
    """Seconds that a product of a layer's states takes."""
    states = torch.ones(TOKENS, WIDTH, dtype=dtype)
    began = time.perf_counter()
    multiply(states)
    return time.perf_counter() - began


def uses_bf16(precision: str) -> bool:
    """Whether `precision` (auto, fp32, bf16) means bfloat16 arithmetic here."""
    return precision == "bf16" or (precision == "auto" and gains_from_bf16())


def settled(precision: str) -> str:
    """What `precision` means here: fp32 or bf16."""
    return "bf16" if uses_bf16(precision) else "fp32"


def device() -> torch.device:
    """Where models run: the first GPU if there is one, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


@contextmanager
def own_threads() -> Iterator[None]:
    """Give torch back, at the end of this block, the number of threads that it had before."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def limit_threads(threads: int | None) -> None:
    """Give torch this many threads; None leaves its own choice."""
    if threads is not None:
        torch.set_num_threads(threads)
