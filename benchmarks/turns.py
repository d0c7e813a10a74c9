"""Arms of one benchmark that run by turns, so that a busy machine slows all of them alike."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Enough(Exception):
    """An arm has done as many tweets as its speed needs."""


@dataclass
class Arm:
    """One way of doing the work, and the time that it held the turn.

    wall: seconds; cpu: processor seconds, which other people's work on the machine does not
    lengthen as much; done: tweets; result: what `work` returned.
    """

    name: str
    work: Callable[["Arm"], Any]
    turns: "Turns" = field(init=False)
    wall: float = 0.0
    cpu: float = 0.0
    done: int = 0
    result: Any = None
    error: BaseException | None = None
    _since: tuple[float, float] = (0.0, 0.0)
    _in_turn: int = 0

    def start_clock(self) -> None:
        """What follows is measured."""
        self._since = (time.perf_counter(), time.process_time())

    def stop_clock(self) -> None:
        """What follows is not measured."""
        wall, cpu = self._since
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu

    def step(self, tweets: int) -> None:
        """Note a measured step; hand the turn on when this one has been long enough."""
        self.stop_clock()
        self.done += tweets
        self._in_turn += tweets
        if self.turns.enough is not None and self.done >= self.turns.enough:
            raise Enough
        if self._in_turn >= self.turns.tweets:
            self._in_turn = 0
            self.turns.hand_on(self)
        self.start_clock()

    def to_json(self) -> dict[str, Any]:
        """Rates in tweets a second."""
        return {
            "tweets": self.done,
            "seconds": round(self.wall, 2),
            "cpu_seconds": round(self.cpu, 2),
            "tweets_per_second": round(self.done / self.wall, 1),
            "tweets_per_cpu_second": round(self.done / self.cpu, 1),
        }


class Turns:
    """Runs arms in threads, one at a time, each for `tweets` tweets before the next.

    enough: tweets after which an arm is stopped, without a result; None lets all end.
    """

    def __init__(self, arms: list[Arm], *, tweets: int, enough: int | None = None) -> None:
        self.arms, self.tweets, self.enough = arms, tweets, enough
        self._waiting = list(arms)
        self._changed = threading.Condition()
        for arm in arms:
            arm.turns = self

    def run(self) -> None:
        """Run every arm to its end. Raises the first arm's error, if one failed."""
        threads = [threading.Thread(target=self._run, args=(arm,)) for arm in self.arms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for arm in self.arms:
            if arm.error is not None:
                raise arm.error

    def hand_on(self, arm: Arm) -> None:
        """Let the others have their turns, then return."""
        with self._changed:
            self._waiting.remove(arm)
            self._waiting.append(arm)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting[0] is arm)

    def _run(self, arm: Arm) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting[0] is arm)
        try:
            arm.result = arm.work(arm)
        except Enough:
            pass  # measured
        except BaseException as error:
            arm.error = error
        finally:
            with self._changed:
                self._waiting.remove(arm)
                self._changed.notify_all()
