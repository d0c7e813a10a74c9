"""Backups are whole, taken while others write, and can be put back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.backup import backup, restore
from db.doctor import check
from db.engine import make_engine
from db.errors import BackupError
from db.migrate import head
from db.schema import Project
from db.sessions import reading, writing
from db.settings import Settings


def names(url: str) -> set[str]:
    engine = make_engine(url)
    with reading(engine) as session:
        found = {project.name for project in session.query(Project)}
    engine.dispose()
    return found


def test_a_backup_holds_what_was_committed_and_can_be_restored(
    url: str, engine: Engine, project_id: int, tmp_path: Path
) -> None:
    out = tmp_path / "backup.db"
    with writing(engine) as session:
        session.add(Project(name="before"))
        with pytest.raises(BackupError, match="nothing to back up"):
            backup(f"sqlite:///{tmp_path / 'nowhere.db'}", out)
    backup(url, out)
    with writing(engine) as session:
        session.add(Project(name="after"))
    engine.dispose()
    kept = restore(url, out)["kept"]
    assert names(url) == {"climate", "before"}
    assert names(f"sqlite:///{kept}") == {"climate", "before", "after"}


def test_a_damaged_backup_is_refused_and_nothing_is_replaced(
    url: str, engine: Engine, project_id: int, tmp_path: Path
) -> None:
    out = tmp_path / "backup.db"
    backup(url, out)
    content = bytearray(out.read_bytes())
    content[4096:12288] = os.urandom(8192)
    out.write_bytes(content)
    with pytest.raises(BackupError):
        restore(url, out)
    (tmp_path / "text.db").write_text("not a database at all, only some words")
    with pytest.raises(BackupError):
        restore(url, tmp_path / "text.db")
    assert names(url) == {"climate"}


def test_a_database_in_use_is_not_replaced(
    url: str, engine: Engine, project_id: int, tmp_path: Path
) -> None:
    out = tmp_path / "backup.db"
    backup(url, out)
    with reading(engine) as session:
        session.query(Project).count()
        with pytest.raises(BackupError, match="in use"):
            restore(url, out)


def test_a_backup_under_a_file_that_cannot_be_written_leaves_nothing(
    url: str, engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(BackupError):
        backup(url, tmp_path / "missing" / "backup.db")
    assert not (tmp_path / "missing").exists()


def test_the_doctor_finds_a_sound_installation_sound(
    url: str, engine: Engine, project_id: int, tmp_path: Path
) -> None:
    result = check(engine, Settings(data=tmp_path, database_url=url, engine="local"))
    assert result["ok"], result
    assert {finding["name"] for finding in result["findings"]} >= {"integrity", "schema", "models"}


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "db", *arguments],
        env={**os.environ, "RELABEL_DATA": str(tmp_path), "RELABEL_DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_commands_keep_their_exit_codes_and_refuse_in_one_line(tmp_path: Path) -> None:
    assert run(tmp_path, "check").returncode == 1, "no schema yet"
    assert f'"schema": "{head()}"' in run(tmp_path, "upgrade", "--json").stdout
    assert run(tmp_path, "check", "--json").returncode == 0
    wrong = run(tmp_path, "frobnicate")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    missing = run(tmp_path, "restore", str(tmp_path / "none.db"))
    assert missing.returncode == 1
    assert len(missing.stderr.splitlines()) == 1
