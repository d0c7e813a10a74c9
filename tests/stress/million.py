"""A store that grows to a million tweets, and commands on it that may be killed."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from imports import climate_store
from scale import amount
from sqlalchemy import func, select

from benchmarks.importing import generate
from db.engine import make_engine
from db.schema import Tweet
from db.sessions import reading
from labeling.importing import import_file

ROOT = Path(__file__).parents[2]
ROWS = amount(10_000, 1_000_000)
AT_HAND = 2_000  # tweets that are there before, for the annotators


@dataclass
class Ended:
    """How a command ended. peak_mb: the most memory it held."""

    code: int
    seconds: float
    peak_mb: int
    output: str


@dataclass
class Million:
    """The directory of a store, and the large file beside it."""

    data: Path
    file: Path
    rng: random.Random = field(default_factory=lambda: random.Random(16))

    @property
    def url(self) -> str:
        return f"sqlite:///{self.data / 'relabel.db'}"

    def count(self) -> int:
        engine = make_engine(self.url)
        with reading(engine) as session:
            found = session.scalar(select(func.count(Tweet.id))) or 0
        engine.dispose()
        return found

    def command(
        self, *arguments: str, kill_after: float | None = None, more_than: int | None = None
    ) -> Ended:
        """Run `python -m …` to its end, or SIGKILL it after so many seconds.

        more_than: kill it soon after the store holds more tweets than these.
        """
        started = time.monotonic()
        out = self.data / "command.out"
        with out.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env={**os.environ, "RELABEL_DATA": str(self.data), "RELABEL_DATABASE_URL": ""},
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
            killer = threading.Timer(kill_after or 3600, os.kill, (process.pid, signal.SIGKILL))
            killer.start()
            if more_than is not None:
                while self.count() <= more_than and process.poll() is None:
                    time.sleep(0.02)
                if process.returncode is not None:
                    killer.cancel()
                    return Ended(process.returncode, time.monotonic() - started, 0, out.read_text())
                time.sleep(self.rng.uniform(0, amount(0.05, 5.0)))
                os.kill(process.pid, signal.SIGKILL)
            peak = 0
            while process.poll() is None:
                peak = max(peak, _most_held(process.pid))
                time.sleep(0.02)
        killer.cancel()
        seconds = time.monotonic() - started
        return Ended(process.returncode, seconds, peak, out.read_text(errors="replace"))


def _most_held(pid: int) -> int:
    """Return the most memory that a process has held, in MB; 0 when it is gone.

    Of the process as it is: what wait4 tells counts what its parent held when it was started.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    held = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return held[0] // 1024 if held else 0


def make_million(data: Path) -> Million:
    """Make a store with a few tweets for annotators, and a file of ROWS others."""
    engine = climate_store(data)
    first = data / "first.csv"
    rows = (f",tweet {n} to begin with {n * n},{n}\n" for n in range(1, AT_HAND + 1))
    first.write_text("sentiment,message,tweetid\n" + "".join(rows))
    import_file(first, engine=engine, project_name="climate")
    engine.dispose()
    generate(data / "large.csv", ROWS)
    return Million(data, data / "large.csv")
