"""How a job ends: turning whatever its work raised into a state and a line for people."""

import errno
import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.errors import Cancelled, TrainerError

log = logging.getLogger("relabel.job")
_DISK_FULL = ("no space left on device", "database or disk is full")
_NO_MEMORY = ("can't allocate memory", "cuda out of memory", "cannot allocate memory")


@dataclass(frozen=True)
class Ending:
    """state: succeeded, failed or cancelled; error: one line for people, if it failed."""

    state: str
    result: dict[str, Any] | None = None
    error: str | None = None


def ending_of(
    work: Callable[[], dict[str, Any]],
    *,
    expected: tuple[type[Exception], ...],
    data: Path,
    log_name: str,
) -> Ending:
    """Do the work and say how it ended; nothing that it raises gets past this point.

    expected: error classes whose message is meant for people, beside the trainer's own.
    data: the directory that a full disk is named by. log_name: where the details are.
    """
    for_people: tuple[type[Exception], ...] = (TrainerError, *expected)
    try:
        result = work()
    except Cancelled:
        return Ending("cancelled")
    except Exception as error:
        if (hint := _exhausted(error, data)) is not None:
            log.exception("memory or disk is exhausted")
            return Ending("failed", error=hint)
        if isinstance(error, for_people):
            log.error("%s", error)
            return Ending("failed", error=str(error))
        if isinstance(error, OSError):
            log.exception("the system refused")
            return Ending("failed", error=f"the system refused: {error}")
        log.exception("unexpected")
        return Ending("failed", error=f"unexpected error; the details are in {log_name}")
    return Ending("cancelled" if result.get("cancelled") else "succeeded", result)


def _exhausted(error: BaseException, data: Path) -> str | None:
    """Return what to do when memory or disk ran out, None when neither did.

    torch, safetensors and the store each say it in a type of their own, so the words count, also
    those of the error that another one was raised from.
    """
    told: BaseException | None = error
    while told is not None:
        text, name = str(told).lower(), type(told).__name__
        full = isinstance(told, OSError) and told.errno == errno.ENOSPC
        if full or any(words in text for words in _DISK_FULL):
            return f"the disk that holds {data} is full; free some space and resume"
        short = isinstance(told, MemoryError) or name == "OutOfMemoryError"
        if short or any(words in text for words in _NO_MEMORY):
            return "out of memory; choose a smaller batch size or maximum length"
        told = told.__cause__
    return None


def stop_on_signals(stop: threading.Event) -> list[int]:
    """Set `stop` on SIGTERM and SIGINT; return a list that will hold the signals received."""
    received: list[int] = []

    def handle(number: int, _frame: object) -> None:
        received.append(number)
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return received
