"""How long it takes, and how much memory, to bring in generated tweets.

    python -m benchmarks.importing [--rows 1000000] [--directory DIR]

Prints one JSON object; `beside`: the process that reads ahead. Reach, with a million rows: 120
seconds, 300 MB above the start.
"""

import argparse
import csv
import json
import multiprocessing
import os
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

SEED = 0
RETWEETS = 0.6  # as in real corpora on this subject
EDITED = 0.05
LABELLED = 0.2
LABELS = ("-1", "0", "1", "2")
_CONSONANTS, _VOWELS = "bcdfghklmnprstvwxz", "aeiou"
MEGABYTE = 1 << 20


def generate(path: Path, rows: int) -> None:
    """Write tweets of about 14 words; retweets are cut off, and few originals get most of them.

    A twentieth of the retweets have an outlet behind them, or a letter too many.
    """
    draw = random.Random(SEED)
    syllables = [first + second for first in _CONSONANTS for second in _VOWELS]
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(20_000)]
    originals: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sentiment", "message", "tweetid"])
        for row in range(rows):
            if originals and draw.random() < RETWEETS:
                chosen = originals[int(len(originals) * draw.random() ** 3)]
                text = f"RT @{chosen[:5].strip()}: {chosen}"
                if (edit := draw.random()) < EDITED:
                    text = f"{text} via @{chosen[:4].strip()}" if edit < EDITED / 2 else f"{text}s"
                text = text if len(text) <= 140 else text[:139] + "…"
            else:
                text = " ".join(draw.choices(words, k=draw.randint(6, 20)))
                text += f" https://t.co/{draw.randrange(16**8):08x}" if draw.random() < 0.5 else ""
                originals.append(text)
            label = draw.choice(LABELS) if draw.random() < LABELLED else ""
            # A stride that shares no factor with the range scatters the ids like real ones.
            id = 10**18 + (row * 7_368_787_997) % (8 * 10**18)
            writer.writerow([label, text, id])


def measure(directory: str, file: str) -> dict[str, Any]:
    """Import a file into a new store; runs in a process of its own, so that memory is its own."""
    from db.engine import make_engine
    from db.migrate import upgrade
    from db.projects import get_project
    from db.sessions import reading, writing
    from labeling.creating import create_project
    from labeling.importing import import_file
    from labeling.status import status

    engine = make_engine(f"sqlite:///{directory}/relabel.db")
    upgrade(engine)
    with writing(engine) as session:
        create_project("benchmark", session=session, template="climate")
    before = _resident()
    started, processor, beside = time.perf_counter(), time.process_time(), _beside()
    report = import_file(Path(file), engine=engine, project_name="benchmark")
    seconds = time.perf_counter() - started
    processor, beside = time.process_time() - processor, _beside() - beside
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    started = time.perf_counter()
    with reading(engine) as session:
        status(get_project("benchmark", session=session), session=session)
    status_seconds = time.perf_counter() - started
    started = time.perf_counter()
    again = import_file(Path(file), engine=engine, project_name="benchmark")
    return {
        "rows": report.rows,
        "accepted": report.accepted,
        "groups": report.groups,
        "alike": report.alike,
        "kept_apart": report.kept_apart,
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "processor_seconds_beside": round(beside, 1),
        "rows_per_second": round(report.rows / seconds),
        "memory_above_start_mb": round((peak - before) / MEGABYTE, 1),
        "status_seconds": round(status_seconds, 3),
        "second_import_seconds": round(time.perf_counter() - started, 1),
        "second_import_accepted": again.accepted,
    }


def _beside() -> float:
    """Return the processor seconds of the processes that were started and have ended."""
    used = os.times()
    return used.children_user + used.children_system


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def main() -> None:
    """Generate, import in a fresh process, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--directory", type=Path, help="where to work (default: a temporary one)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as directory:
        file = Path(directory) / "tweets.csv"
        generate(file, given.rows)
        size = file.stat().st_size
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            figures = pool.apply(measure, (directory, str(file)))
    reach = {"seconds": 120, "memory_above_start_mb": 300}
    print(json.dumps({"benchmark": "importing", "file_bytes": size, **figures, "reach": reach}))


if __name__ == "__main__":
    main()
