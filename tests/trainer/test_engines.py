"""A job's process is its own session and steps back behind the label page."""

import os
import time
from pathlib import Path

import pytest

from trainer import engines

AUTOGROUP = Path("/proc/self/autogroup")
TELLS = """
import os, pathlib, sys
group = pathlib.Path("/proc/self/autogroup")
print(sys.argv[1], os.getsid(0), os.nice(0), group.read_text() if group.exists() else "none")
print("end")
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a started job's process says of itself."""
    (tmp_path / "tells_of_itself.py").write_text(TELLS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log = tmp_path / "logs" / "7.log"
    engines.start("local", "tells_of_itself", 7, log=log, environment={})
    until = time.monotonic() + 60
    while not (log.exists() and "end" in log.read_text(encoding="utf-8")):
        assert time.monotonic() < until, "the process did not start"
        time.sleep(0.05)
    return log.read_text(encoding="utf-8").split()


def test_a_job_runs_in_a_session_of_its_own_at_low_priority(told: list[str]) -> None:
    number, session, nice = told[:3]
    assert number == "7"
    assert int(session) != os.getsid(0)
    assert int(nice) == min(19, os.nice(0) + int(engines.PRIORITY))


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel has no autogroup")
def test_the_jobs_session_steps_back_too(told: list[str]) -> None:
    assert told[-3:-1] == ["nice", engines.PRIORITY]
