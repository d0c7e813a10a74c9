"""How much a stress test does: `make test` runs it short, `make stress` in full.

RELABEL_STRESS=full|soak chooses; anything else is short.
"""

import os
from typing import Any

MODE = os.environ.get("RELABEL_STRESS", "short")
FULL = MODE in {"full", "soak"}
SOAK = MODE == "soak"


def amount(short: Any, full: Any, soak: Any = None) -> Any:
    """Return how often, how many or how long: short for every run, full for `make stress`."""
    if SOAK and soak is not None:
        return soak
    return full if FULL else short
