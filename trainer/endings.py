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
    except MemoryError:
        log.exception("out of memory")
        hint = "out of memory; choose a smaller batch size or maximum length"
        return Ending("failed", error=hint)
    except OSError as error:
        log.exception("the system refused")
        full = f"the disk that holds {data} is full; free some space and resume"
        refused = f"the system refused: {error}"
        return Ending("failed", error=full if error.errno == errno.ENOSPC else refused)
    except for_people as error:
        log.error("%s", error)
        return Ending("failed", error=str(error))
    except Exception:
        log.exception("unexpected")
        return Ending("failed", error=f"unexpected error; the details are in {log_name}")
    return Ending("cancelled" if result.get("cancelled") else "succeeded", result)


def stop_on_signals(stop: threading.Event) -> list[int]:
    """Set `stop` on SIGTERM and SIGINT; return a list that will hold the signals received."""
    received: list[int] = []

    def handle(number: int, _frame: object) -> None:
        received.append(number)
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return received
