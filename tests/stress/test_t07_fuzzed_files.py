"""T7: random bytes and damaged CSV files: typed refusals only, every record accounted for.

Seen to fail when labeling.csv_reading let csv.Error through.
"""

import random
import resource
import time
from pathlib import Path

from imports import HEADER, climate_store
from scale import amount

from labeling.errors import ImportRefused
from labeling.file_reading import inspect
from labeling.importing import ImportReport, import_file

BYTES = [b",", b'"', b"\n", b"\r", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"a", b"1", b";"]
CELLS = ["1", "-1", "5", "", "text", 'say ""hi""', "1E5", "a\0b", "x" * 200, "=1+1", "é👩‍🔬", " "]


def test_any_bytes_are_read_or_refused(tmp_path: Path, tell) -> None:
    rng = random.Random(7)
    cases, unexpected, longest = amount(2_000, 20_000, 200_000), [], 0.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = tmp_path / "a.csv"
    for _ in range(cases):
        content = b"".join(rng.choices(BYTES, k=rng.randint(0, 60)))
        if rng.random() < 0.5:
            content = HEADER.encode() + content
        path.write_bytes(content)
        started = time.perf_counter()
        try:
            inspect(path)
        except ImportRefused:
            pass
        except Exception as error:
            unexpected.append((content, error))
        longest = max(longest, time.perf_counter() - started)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    tell(
        "fuzzed files",
        done={"files of bytes": cases},
        lost={"untyped errors": len(unexpected)},
        notes={"longest": f"{longest:.2f} s", "memory": f"+{grown} MB"},
    )
    assert unexpected == []
    assert grown <= 100


def test_every_record_is_accepted_or_rejected(tmp_path: Path, tell) -> None:
    rng = random.Random(8)
    records, files, unaccounted = amount(2_000, 20_000, 200_000), 0, 0
    engine = climate_store(tmp_path)
    path, done = tmp_path / "b.csv", 0
    while done < records:
        rows = [record(rng, done + place) for place in range(200)]
        path.write_bytes((HEADER + "".join(rows)).encode())
        files += 1
        try:
            report = import_file(path, engine=engine, project_name="climate")
        except ImportRefused:
            done += len(rows)
            continue
        assert isinstance(report, ImportReport)
        unaccounted += report.rows != report.accepted + report.duplicates + report.rejected
        done += len(rows)
    engine.dispose()
    tell("fuzzed files", done={"records": done}, lost={"unaccounted": unaccounted})
    assert unaccounted == 0


def record(rng: random.Random, number: int) -> str:
    """Return a row that is often wrong in one place."""
    cells = [rng.choice(CELLS[:5]), f'"{rng.choice(CELLS[4:])} {number}"', str(10**18 + number)]
    if rng.random() < 0.2:
        cells[rng.randrange(3)] = rng.choice(CELLS)
    if rng.random() < 0.1:
        cells.append("more")
    return ",".join(cells) + "\n"
