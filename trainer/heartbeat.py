"""A thread that tells others that this process lives, and hears whether it should stop."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType

log = logging.getLogger(__name__)


class Heartbeat:
    """Calls `beat` every `seconds` until the block is left.

    `beat` returns True when the work should stop; `stop_asked` then stays set. A beat that fails
    is logged and tried again: one slow disk must not end a training of hours.
    """

    def __init__(self, beat: Callable[[], bool], *, seconds: float) -> None:
        self._beat = beat
        self._seconds = seconds
        self._left = threading.Event()
        self.stop_asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def _run(self) -> None:
        while not self._left.wait(self._seconds):
            try:
                if self._beat():
                    self.stop_asked.set()
            except Exception:
                log.exception("a heartbeat failed; trying again in %s s", self._seconds)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()
