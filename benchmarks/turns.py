"""Arms of one benchmark that run by turns, so that a busy machine slows all of them alike.

Each arm is a process of its own, which works only while it holds the turn: no arm shares threads,
caches or settings of memory with another. The others' arms have the environment as it comes.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = {"OMP_WAIT_POLICY": "PASSIVE"}  # what the package trainer sets for its own processes


class Enough(Exception):
    """An arm has done as many tweets as its speed needs."""


@dataclass
class Arm:
    """One way of doing the work, and the time that it held the turn.

    wall: seconds; cpu: processor seconds, which other people's work on the machine does not
    lengthen as much; done: tweets; result: what `work` returned, as JSON can say it.
    """

    name: str
    work: Callable[["Arm"], Any]
    turn: int = 0  # tweets after which it hands the turn on
    enough: int | None = None
    wall: float = 0.0
    cpu: float = 0.0
    done: int = 0
    result: Any = None
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
        if self.enough is not None and self.done >= self.enough:
            raise Enough
        if self._in_turn >= self.turn:
            self._in_turn = 0
            _tell({})
            _wait_for_turn()
        self.start_clock()

    def to_json(self) -> dict[str, Any]:
        """Seconds, rates in tweets a second, and the most memory that its process ever held."""
        return {
            "tweets": self.done,
            "wall": round(self.wall, 4),
            "cpu": round(self.cpu, 4),
            "tweets_per_second": round(self.done / self.wall, 1),
            "tweets_per_cpu_second": round(self.done / self.cpu, 1),
            "peak_memory_mb": _peak_memory(),
        }


def _peak_memory() -> int | None:
    """MB that this process held at most; only Linux tells.

    Not getrusage's: a process starts with what the one that started it had held.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    held = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return round(held[0] / 1024) if held else None


def take_turns(module: str, arms: dict[str, bool], options: list[str]) -> dict[str, dict[str, Any]]:
    """Run each arm as `python -m MODULE *options --only ARM`, one at a time, by turns.

    arms: names, and whether it is ours. Returns what each `serve` told at its end, by name.
    Raises RuntimeError for an arm that died; its own words are on stderr.
    """
    bare = {name: value for name, value in os.environ.items() if name not in OURS}
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", module, *options, "--only", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**bare, **(OURS if mine else {})},
        )
        for name, mine in arms.items()
    }
    found: dict[str, dict[str, Any]] = {}
    try:
        for name, process in processes.items():
            _told(name, process)  # it is ready; nobody works before all are
        while len(found) < len(arms):
            for name in [name for name in arms if name not in found]:
                _give_turn(processes[name])
                told = _told(name, processes[name])
                if told:
                    found[name] = told
    finally:
        for process in processes.values():
            process.kill()
    return {name: found[name] for name in arms}


def _give_turn(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None  # noqa: S101  (a pipe)
    process.stdin.write("\n")
    process.stdin.flush()


def _told(name: str, process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101  (a pipe)
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the arm {name!r} ended early, with code {process.wait()}")
    told: dict[str, Any] = json.loads(line)
    return told


def serve(arm: Arm, *, turn: int, enough: int | None = None) -> None:
    """Be one arm: work while it is this one's turn, then tell speed and result.

    enough: tweets after which it stops, without a result.
    """
    arm.turn, arm.enough = turn, enough
    sys.stdout = sys.stderr  # what libraries print is nobody's turn
    _tell({})
    _wait_for_turn()
    with suppress(Enough):
        arm.result = arm.work(arm)
    _tell({**arm.to_json(), "result": arm.result})


def _tell(facts: dict[str, Any]) -> None:
    print(json.dumps(facts), file=sys.__stdout__, flush=True)


def _wait_for_turn() -> None:
    if not sys.stdin.readline():
        sys.exit(1)  # nobody listens any more
