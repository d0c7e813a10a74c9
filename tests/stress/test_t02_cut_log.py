"""T2: the database is copied while its writer is stopped, and the log's tail is cut or garbled.

Whatever a power cut leaves of the write-ahead log, the copy opens, is whole, and holds the first
so many answers in the order of their commits. What a checkpoint has folded into the database is
never cut off: SQLite syncs the log before it does so.

Seen to fail when labeling.answering committed the event before the annotation (wrong answers).
"""

import os
import random
import shutil
import signal
import struct
import time
from pathlib import Path

from annotators import Crew
from scale import amount
from small_store import open_store
from sqlalchemy import select
from stores import broken, make_store_at

from db.schema import AnnotationEvent
from db.sessions import reading


def test_a_log_cut_anywhere_leaves_a_prefix_of_the_commits(tmp_path: Path, tell) -> None:
    live, copy = tmp_path / "live", tmp_path / "copy"
    live.mkdir()
    copy.mkdir()
    url = f"sqlite:///{live / 'relabel.db'}"
    store = make_store_at(url, (1,) * amount(400, 2_500))
    store.engine.dispose()  # the last connection folds the log into the file
    rng = random.Random(7)
    crew = Crew(url, tmp_path, rng, {"at_once": 2, "pause": amount(0.002, 0.03)})
    crew.start("ann")
    cuts, lost = amount(40, 500), {"not opened": 0, "not a prefix": 0, "wrong answers": 0}
    order: list[str] = []
    shortest, longest = 10**9, 0
    while len(crew.acks()) < 30:
        time.sleep(0.02)
    pid = crew.workers["ann"].pid or 0
    for number in range(cuts):
        if number % 20 == 0:
            freeze(pid)
            frozen = shutil.copy(live / "relabel.db", tmp_path / "frozen.db")
            log = (live / "relabel.db-wal").read_bytes()
            from_here = end_of_folded(log, (live / "relabel.db-shm").read_bytes())
            os.kill(pid, signal.SIGCONT)
            order = crew.acks()
        shutil.copy(frozen, copy / "relabel.db")
        damage(log, from_here, copy / "relabel.db-wal", rng)
        (copy / "relabel.db-shm").unlink(missing_ok=True)
        try:
            keys, wrong = look(copy)
        except Exception:
            lost["not opened"] += 1
            continue
        known = list(dict.fromkeys(order))
        shared = min(len(keys), len(known))
        lost["not a prefix"] += keys[:shared] != known[:shared]
        lost["wrong answers"] += wrong
        shortest, longest = min(shortest, len(keys)), max(longest, len(keys))
        time.sleep(0.001)
    crew.stop()
    tell(
        "log cut off",
        done={"cuts": cuts},
        lost=lost,
        notes={"answers left": f"{shortest} to {longest}"},
    )
    assert lost == dict.fromkeys(lost, 0)
    assert shortest < longest


def freeze(pid: int) -> None:
    """Stop a process, and wait until it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.001)


def end_of_folded(log: bytes, index: bytes) -> int:
    """Return where the part of the log ends that a checkpoint has or may have folded in.

    The index counts those frames twice, done and attempted (WalCkptInfo in SQLite's wal.c).
    """
    done, attempted = (struct.unpack_from("=I", index, place)[0] for place in (96, 128))
    frames, page = max(done, attempted), struct.unpack_from(">I", log, 8)[0]
    return min(len(log), 32 + frames * (24 + page)) if frames else 0


def damage(log: bytes, from_here: int, path: Path, rng: random.Random) -> None:
    """Cut the log at a random place from there on, or write noise from the place on."""
    place = rng.randint(from_here, len(log))
    if rng.random() < 0.5:
        path.write_bytes(log[:place])
    else:
        noise = rng.randbytes(min(len(log) - place, 8192))
        path.write_bytes(log[:place] + noise + log[place + len(noise) :])


def look(directory: Path) -> tuple[list[str], int]:
    """Open a copy; return the keys in the order of their events, and what contradicts itself."""
    store = open_store(directory)
    try:
        with reading(store.engine) as session:
            query = select(AnnotationEvent.idempotency_key).order_by(AnnotationEvent.id)
            keys = list(session.scalars(query))
        found = broken(store, [])
    finally:
        store.engine.dispose()
    return keys, found["wrong answers"] + found["damage"]
