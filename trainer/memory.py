"""Memory that was freed, given back to the system."""

import ctypes
from contextlib import suppress
from typing import Any

# Batches of ever new sizes leave holes in the heap: glibc keeps them, and a training of 200 steps
# held twice the memory that it used.
_trim: Any = None
with suppress(AttributeError, OSError, TypeError):  # elsewhere there is nothing to tell
    _trim = ctypes.CDLL(None).malloc_trim


def give_back() -> None:
    """Return the heap's free pages to the system, where the C library can; takes some 0.1 s."""
    if _trim is not None:
        _trim(0)
