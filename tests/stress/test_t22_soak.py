"""T22, only in `make soak`: half an hour of everything at once; nothing may grow.

Seen to fail, in half a minute, when labeling.widget.exchange kept something of each answer.
"""

import random
import time
from pathlib import Path

import pytest
from annotators import Crew
from million import make_million
from scale import amount
from small_store import Store
from stores import broken

from db.engine import make_engine

SECONDS = amount(20, 120, 1_800)


@pytest.mark.soak
def test_half_an_hour_of_everything(tmp_path: Path, tell) -> None:
    million = make_million(tmp_path)
    logs = tmp_path / "logs"
    logs.mkdir()
    crew = Crew(million.url, logs, random.Random(22), {"at_once": 1, "pause": 0.3, "undo": 0.1})
    for number in range(4):
        crew.start(f"person {number}")
    started, samples, largest_log, rounds = time.monotonic(), [], 0, 0
    commands = [
        ("labeling", "import", str(million.file), "--project", "climate"),
        ("labeling", "export", str(tmp_path / "out.csv"), "--project", "climate", "--rows", "all"),
        ("db", "backup", str(tmp_path / "backup.db")),
        ("labeling", "prelabel", "--project", "climate"),
    ]
    failed = []
    while time.monotonic() - started < SECONDS:
        ended = million.command(*commands[rounds % len(commands)])
        rounds += 1
        if ended.code:
            failed.append(ended.output[-300:])
        wal = million.data / "relabel.db-wal"
        largest_log = max(largest_log, wal.stat().st_size if wal.exists() else 0)
        samples.append((time.monotonic() - started, *_held(crew)))
        time.sleep(2)
    crew.stop()
    store = Store(make_engine(million.url))
    lost = {**broken(store, crew.acks()), "failed commands": len(failed)}
    store.engine.dispose()
    settled = [one for one in samples if one[0] > SECONDS / 4]
    minutes = (settled[-1][0] - settled[0][0]) / 60
    growth = (settled[-1][1] - settled[0][1]) / minutes / len(crew.workers)
    files = settled[-1][2] - settled[0][2]
    tell(
        "soak",
        done={"acks": len(crew.acks()), "commands": rounds, "seconds": SECONDS},
        lost=lost,
        notes={
            "memory": f"{growth:+.2f} MB a minute",
            "log at most": f"{largest_log >> 20} MiB",
            "open files": f"{files:+d}",
        },
    )
    assert lost == dict.fromkeys(lost, 0), failed
    assert growth < 1
    assert files <= 0
    assert largest_log <= 128 * 2**20


def _held(crew: Crew) -> tuple[float, int]:
    """Return the memory in MB and the open files of all workers together."""
    memory, files = 0.0, 0
    for process in crew.workers.values():
        place = Path(f"/proc/{process.pid}")
        for line in (place / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                memory += int(line.split()[1]) / 1024
        files += len(list((place / "fd").iterdir()))
    return memory, files
