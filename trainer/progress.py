"""How far a piece of work is and when it will likely end."""

import time
from collections.abc import Callable

SHARE, SECONDS = 0.01, 30.0  # of the work, or its time, from either of which on there is a pace


class Pace:
    """Estimates the remaining seconds from the pace so far, and says when to report again.

    Work that falls back to an earlier count has entered another phase, and is timed anew.
    clock: returns seconds; handed in by tests.
    """

    def __init__(self, *, every: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._every = every
        self._started: tuple[float, int] | None = None
        self._reported = float("-inf")
        self._done = 0

    def due(self, done: int, total: int) -> bool:
        """Tell whether `every` seconds have passed since the last report, or the work is done."""
        moment = self._clock()
        if self._started is None or done < self._done:
            self._started, self._reported = (moment, done), float("-inf")
        self._done = done
        if moment - self._reported < self._every and done < total:
            return False
        self._reported = moment
        return True

    def remaining(self, done: int, total: int) -> float | None:
        """Return the estimated seconds left, None while there is too little to go by.

        The first pieces of many are no measure: a model is loaded in their time.
        """
        if self._started is None or total <= 0:
            return None
        passed, worked = self._clock() - self._started[0], done - self._started[1]
        if worked <= 0 or (worked < SHARE * total and passed < SECONDS):
            return None
        return passed / worked * (total - done)
