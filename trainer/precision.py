"""Whether this machine gains from bfloat16, and how many threads torch may take."""

import functools
import platform
from pathlib import Path

import torch


@functools.cache
def gains_from_bf16() -> bool:
    """Whether the processor (or GPU) multiplies bfloat16 matrices faster than float32 ones.

    Measured on an AMD core with avx512_bf16: 2.5 times the rate. Without such instructions
    bfloat16 is emulated and several times slower, so the flags decide, not a timing that a
    busy machine would spoil.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if platform.machine() not in ("x86_64", "AMD64", "aarch64"):
        return False
    flags = Path("/proc/cpuinfo")
    if not flags.exists():
        return False
    words = set(flags.read_text(errors="ignore").split())
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def uses_bf16(precision: str) -> bool:
    """Whether `precision` (auto, fp32, bf16) means bfloat16 arithmetic here."""
    return precision == "bf16" or (precision == "auto" and gains_from_bf16())


def device() -> torch.device:
    """Where models run: the first GPU if there is one, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


def limit_threads(threads: int | None) -> None:
    """Give torch this many threads; None leaves its own choice."""
    if threads is not None:
        torch.set_num_threads(threads)
