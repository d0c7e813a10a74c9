"""The switch between short and full, and the table at the end.

A stress test lives in a file test_tNN_name.py, NN being its number in docs/operations.md, asks
`scale.amount(short, full)` for its counts, and reports what it did through the fixture `tell`.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "labeling"), str(HERE.parent / "trainer")]

import postgres  # noqa: E402
from results import Results  # noqa: E402
from scale import FULL, MODE, SOAK  # noqa: E402
from stores import new_database  # noqa: E402

RESULTS = Results(MODE)
_NUMBER = re.compile(r"test_t(\d+)_")

Tell = Callable[..., None]


def _test_number(path: str) -> str | None:
    found = _NUMBER.match(Path(path).name)
    return f"T{int(found[1])}" if found and Path(path).parent.name == "stress" else None


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Report: tell("what", done={...}, lost={...}, notes={...}); counts of one test add up."""
    number = _test_number(str(request.path))
    assert number is not None, "a stress test is in tests/stress/test_tNN_name.py"

    def _tell(what: str, **parts: dict[str, Any]) -> None:
        row = RESULTS.row(number)
        row.what = what
        for part, values in parts.items():
            kept = getattr(row, part)
            for name, value in values.items():
                adds = isinstance(value, int) and isinstance(kept.get(name), int)
                kept[name] = kept[name] + value if adds else value

    return _tell


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real BERT that trains within a second or two."""
    from tiny_models import save_tiny_bert

    return save_tiny_bert(tmp_path_factory.mktemp("base") / "tiny-bert")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server of the tests' own; CI must have one."""
    if postgres.binaries() is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL server is installed: apt-get install postgresql")
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on each of the two systems."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'relabel.db'}"
    return new_database(request.getfixturevalue("postgres_server"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _test_number(str(item.path)) is None:
            continue
        if FULL and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(3600 if SOAK else 1200))
        if item.get_closest_marker("soak") and not SOAK:
            item.add_marker(pytest.mark.skip(reason="runs for long: make soak"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    number = _test_number(report.fspath)
    if number is None:
        return
    row = RESULTS.row(number)
    row.seconds += report.duration
    if report.failed:
        row.failed += 1
    elif report.skipped:
        row.skipped += 1
    elif report.when == "call":
        row.passed += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not RESULTS.rows or not FULL:
        return
    terminalreporter.section(f"stress, {MODE}")
    terminalreporter.write_line(RESULTS.table())
    RESULTS.write(ROOT / "build" / f"{'soak' if SOAK else 'stress'}.json")
