"""What an operator relies on: a clean stop, health, logs that can be read by machines."""

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from db.doctor import check, health
from db.log_lines import JsonLines, log_to_file
from db.migrate import head
from db.settings import Settings

# Like the web server: pages run in daemon threads, and SIGTERM ends the main thread.
SERVER = """
import signal, sys, threading, time
from db.engine import make_engine
from db.schema import Project
from db.sessions import writing

def page():
    with writing(make_engine(sys.argv[1])) as session:
        session.add(Project(name="in flight"))
        session.flush()
        print("begun", flush=True)
        time.sleep(0.5)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
threading.Thread(target=page, daemon=True).start()
time.sleep(60)
"""


def test_a_stop_lets_the_answer_in_flight_commit(url: str, engine: Engine) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER, url], stdout=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stdout.readline() == b"begun\n"
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    server.stdout.close()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM project")).scalars().all() == ["in flight"]


def settings_of(tmp_path: Path, url: str) -> Settings:
    return Settings(data=tmp_path, database_url=url, engine="local")


def test_health_is_good_and_then_says_what_is_not(
    url: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path, url)
    assert health(engine, settings)["ok"]
    monkeypatch.setattr("db.doctor.LEAST_FREE", 2**60)
    assert "free on the disk" in health(engine, settings)["problem"]
    monkeypatch.undo()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert head() in health(engine, settings)["problem"]
    engine.dispose()
    (tmp_path / "relabel.db").write_bytes(b"no database" * 1000)
    assert "not a database" in health(engine, settings)["problem"]


def test_what_killed_processes_left_is_found(url: str, engine: Engine, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, url)
    (settings.models / ("a" * 32)).mkdir(parents=True)
    settings.exports.mkdir()
    (settings.exports / ".b.part").write_text("half")
    (finding,) = [
        one for one in check(engine, settings)["findings"] if one["name"] == "left-over files"
    ]
    assert not finding["ok"]
    assert finding["found"].startswith("2 ")
    assert "delete" in finding["fix"]


def test_logs_are_json_lines_with_the_job_and_turn_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "logs" / "app.jsonl"
    logger = logging.getLogger("relabel")
    monkeypatch.setattr(logger, "handlers", [])  # a page opened by another test left its own
    before = list(logger.handlers)
    monkeypatch.setattr("db.log_lines.LARGEST", 2_000)
    log_to_file(path)
    log_to_file(path)
    try:
        for number in range(40):
            logger.info("message %d\nof two lines", number)
        assert len(logger.handlers) == len(before) + 1
    finally:
        for handler in set(logger.handlers) - set(before):
            logger.removeHandler(handler)
            handler.close()
    last = json.loads(path.read_text().splitlines()[-1])
    assert last["message"] == "message 39\nof two lines"
    assert set(last) == {"time", "level", "logger", "message"}
    assert 1 < len(list(path.parent.iterdir())) <= 6
    record = logging.LogRecord("relabel.job", logging.ERROR, "", 1, "no", (), None)
    assert json.loads(JsonLines({"job": 7}).format(record))["job"] == 7
