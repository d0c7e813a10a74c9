"""A large file is read by a process of its own; what is stored is the same as without it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from benchmarks.importing import generate
from db.engine import make_engine
from db.migrate import upgrade
from db.schema import DuplicateGroup, Gold, ImportReject, TextBlock, TextVariant, Tweet
from db.sessions import reading, writing
from labeling import ahead, importing
from labeling.creating import create_project
from labeling.importing import ImportReport, import_file
from trainer.errors import Cancelled

ROWS = 1_200
CHUNK = 100
TABLES = (Tweet, DuplicateGroup, TextVariant, TextBlock, Gold, ImportReject)
TIMES = {"created_at"}
Process = subprocess.Popen[bytes]
Count = Callable[[type], int]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Retweets, texts that are alike, ids that come twice, rows that are refused."""
    path = tmp_path / "many.csv"
    generate(path, ROWS)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    odd = ["9,a label that is unknown,1\n", "1,  ,2\n", '0,"two\nlines, 😀",3\n', "too,many,4,5\n"]
    path.write_text("".join([*lines[:700], *odd, *lines[500:]]), encoding="utf-8")
    return path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """Let files of any size be read ahead; the processes that were started."""
    found: list[Process] = []
    start = ahead._start

    def noting(*arguments: Any) -> Process:
        found.append(start(*arguments))
        return found[-1]

    monkeypatch.setattr(importing, "CHUNK", CHUNK)
    monkeypatch.setattr(ahead, "FEWEST_RECORDS", 1)
    monkeypatch.setattr(ahead, "cores", lambda: 2)
    monkeypatch.setattr(ahead, "_start", noting)
    return found


def bring(file: Path, engine: Engine, **options: Any) -> ImportReport:
    return import_file(file, engine=engine, project_name="climate", **options)


def stored(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with reading(engine) as session:
        return {
            table.__tablename__: session.execute(
                select(*(c for c in table.__table__.c if c.name not in TIMES)).order_by(
                    *table.__table__.primary_key
                )
            ).all()
            for table in TABLES
        }


@pytest.fixture
def alone(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is stored where the file is read by the process that stores it."""
    engine = make_engine(f"sqlite:///{tmp_path / 'alone.db'}")
    upgrade(engine)
    with writing(engine) as session:
        create_project("climate", session=session, template="climate")
    with monkeypatch.context() as patch:
        patch.setattr(importing, "CHUNK", CHUNK)
        bring(file, engine)
    found = stored(engine)
    engine.dispose()
    return found


def test_what_is_read_ahead_is_stored_as_if_it_had_not_been(
    file: Path, engine: Engine, climate: str, alone: dict[str, Any], started: list[Process]
) -> None:
    report = bring(file, engine)
    assert [process.returncode is not None for process in started] == [True]
    assert (report.rejected, report.duplicates > 100, report.alike > 0) == (3, True, True)
    assert stored(engine) == alone


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_an_import_goes_on_when_its_process_is_killed(
    file: Path,
    engine: Engine,
    climate: str,
    alone: dict[str, Any],
    started: list[Process],
    caplog: pytest.LogCaptureFixture,
    sign: signal.Signals,
) -> None:
    bring(file, engine, on_progress=lambda _done, _total: started[0].send_signal(sign))
    assert "ended after" in caplog.text
    assert len(started) == 1
    assert stored(engine) == alone


def test_an_import_goes_on_when_no_process_can_be_started(
    file: Path,
    engine: Engine,
    climate: str,
    alone: dict[str, Any],
    started: list[Process],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(ahead, "COMMAND", (str(file.parent / "no such program"),))
    bring(file, engine)
    assert "cannot start" in caplog.text
    assert stored(engine) == alone


def test_a_stop_ends_the_process_and_the_next_import_goes_on(
    file: Path, engine: Engine, climate: str, alone: dict[str, Any], started: list[Process]
) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Cancelled, match="200 of"):
        bring(file, engine, should_stop=lambda: next(asked))
    assert started[0].returncode is not None
    bring(file, engine)
    assert len(started) == 2
    assert _groups(stored(engine)) == _groups(alone)


def _groups(found: dict[str, list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    # Not the splits: what was drawn before a stop is counted anew, by each group's largest label.
    places = [list(Tweet.__table__.c.keys()).index(name) for name in ("external_id", "text")]
    group = list(Tweet.__table__.c.keys()).index("group_id")
    return [(*(row[place] for place in places), row[group]) for row in found["tweet"]]


@pytest.mark.parametrize("reason", ["one core", "few rows"])
def test_no_process_is_started_without_need(
    file: Path,
    engine: Engine,
    climate: str,
    started: list[Process],
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
) -> None:
    if reason == "one core":
        monkeypatch.setattr(ahead, "cores", lambda: 1)
    else:
        monkeypatch.setattr(ahead, "FEWEST_RECORDS", 10_000)
    bring(file, engine)
    assert started == []


IMPORTER = """
import sys
from pathlib import Path
from db.engine import make_engine
from labeling import ahead, importing
from labeling.creating import create_project
importing.CHUNK, ahead.FEWEST_RECORDS = 20, 1
ahead.cores = lambda: 2
start = ahead._start
def telling(*arguments):
    process = start(*arguments)
    print(process.pid, flush=True)
    return process
ahead._start = telling
importing.import_file(
    Path(sys.argv[1]), engine=make_engine(sys.argv[2]), project_name="climate",
    on_progress=lambda done, total: print(done, flush=True),
)
"""


def test_a_killed_import_leaves_no_process_and_is_completed_by_the_next(
    file: Path, engine: Engine, climate: str, tmp_path: Path, count: Count
) -> None:
    command = [sys.executable, "-c", IMPORTER, str(file), str(engine.url)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        reader = int(process.stdout.readline())
        process.stdout.readline()  # chunks are committed
        os.kill(process.pid, signal.SIGKILL)
    until = time.monotonic() + 30
    while _runs(reader):
        assert time.monotonic() < until, "the process that reads ahead still runs"
        time.sleep(0.02)
    assert 0 < count(Tweet) < ROWS
    bring(file, engine)
    assert (count(Tweet), count(ImportReject)) == (ROWS + 1, 3)
    with reading(engine) as session:
        sizes = session.scalar(select(func.sum(DuplicateGroup.size)))
    assert sizes == ROWS + 1


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended; whoever inherited it has not looked yet
