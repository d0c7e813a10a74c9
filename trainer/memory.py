"""Memory that was freed: given back to the system, or kept for the next batch."""

import ctypes
from contextlib import suppress
from typing import Any

KEPT = 64 << 20  # bytes of free memory at the heap's end; a batch of predictions takes some 40 MB
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)'s names of its settings
_LARGEST_IN_HEAP = 32 << 20  # glibc's limit for a block of the heap on 64 bits

_libc: Any = None
with suppress(OSError, TypeError):
    _libc = ctypes.CDLL(None)
_trim: Any = getattr(_libc, "malloc_trim", None)  # elsewhere than in glibc there is none


def give_back() -> None:
    """Return the heap's free pages to the system, where the C library can; takes some 0.1 s.

    Batches of ever new sizes leave holes in the heap: glibc keeps them, and a training of 200
    steps held twice the memory that it used.
    """
    if _trim is not None:
        _trim(0)


def keep_for_batches() -> None:
    """Tell the C library to keep what a batch of predictions has freed for the next one.

    Left alone, glibc returns it after each layer, and the system clears the same pages again and
    again: a tenth of a prediction's time. Holds for the process.
    """
    if _trim is not None:
        _libc.mallopt(_TRIM_THRESHOLD, KEPT)
        _libc.mallopt(_MMAP_THRESHOLD, _LARGEST_IN_HEAP)
