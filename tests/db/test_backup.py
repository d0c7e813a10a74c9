"""Backups are whole, taken while others write, and can be put back."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.backup import backup, restore
from db.doctor import check
from db.engine import make_engine
from db.errors import BackupError, OutputRefused
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


def test_a_backup_does_not_replace_the_database_or_what_belongs_to_it(
    url: str, engine: Engine, project_id: int, tmp_path: Path
) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "relabel.db")
    for name in ("relabel.db", "relabel.db-wal", "relabel.db-shm", "link.db", "../relabel.db"):
        place = tmp_path / "sub" / name if name.startswith("..") else tmp_path / name
        (tmp_path / "sub").mkdir(exist_ok=True)
        with pytest.raises(OutputRefused, match="the database in use"):
            backup(url, place)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputRefused, match="no ordinary file"):
        backup(url, tmp_path / "pipe")
    assert names(url) == {"climate"}


def test_a_backup_ends_though_others_commit_all_the_time(
    url: str, engine: Engine, project_id: int, tmp_path: Path
) -> None:
    with writing(engine) as session:  # some pages to copy
        session.add_all(Project(name=f"{n}", guidelines="x" * 20_000) for n in range(400))
    stop = threading.Event()

    def commit_on() -> None:
        busy, number = make_engine(url), 0
        while not stop.is_set():
            number += 1
            with writing(busy) as session:
                session.add(Project(name=f"more {number}"))
        busy.dispose()

    writer = threading.Thread(target=commit_on)
    writer.start()
    try:
        backup(url, tmp_path / "backup.db")
    finally:
        stop.set()
        writer.join()
    assert len(names(f"sqlite:///{tmp_path / 'backup.db'}")) >= 401


def test_what_is_committed_in_the_log_beside_a_copied_database_is_restored(
    url: str, engine: Engine, project_id: int, tmp_path: Path
) -> None:
    with writing(engine) as session:
        session.add(Project(name="in the log"))
    copied = tmp_path / "copied"
    copied.mkdir()
    for name in ("relabel.db", "relabel.db-wal"):  # as from the disk of a server that died
        shutil.copyfile(tmp_path / name, copied / name)
    engine.dispose()
    (tmp_path / "relabel.db").unlink()
    restore(url, copied / "relabel.db")
    assert names(url) == {"climate", "in the log"}


def test_two_restores_keep_both_databases_that_were_there(
    url: str, engine: Engine, project_id: int, tmp_path: Path
) -> None:
    out = tmp_path / "odd ? # % name.db"
    backup(url, out)
    engine.dispose()
    kept = [restore(url, out)["kept"] for _ in range(3)]
    assert len(set(kept)) == 3
    assert all(names(f"sqlite:///{file}") == {"climate"} for file in kept)


@pytest.mark.parametrize("size", [200, 30_000])
def test_a_damaged_database_is_told_of_and_can_be_replaced(
    url: str, engine: Engine, project_id: int, tmp_path: Path, size: int
) -> None:
    out = tmp_path / "backup.db"
    backup(url, out)
    engine.dispose()
    database = tmp_path / "relabel.db"
    database.write_bytes(os.urandom(200) if size == 200 else database.read_bytes()[:size])
    damaged = make_engine(url)
    result = check(damaged, Settings(data=tmp_path, database_url=url, engine="local"))
    damaged.dispose()
    fixes = [finding["fix"] for finding in result["findings"] if not finding["ok"]]
    assert any("restore the newest backup" in fix for fix in fixes)
    restore(url, out)
    assert names(url) == {"climate"}


def test_a_backup_of_a_newer_program_and_an_empty_one_are_refused(
    url: str, engine: Engine, project_id: int, tmp_path: Path
) -> None:
    out = tmp_path / "backup.db"
    for change, complaint in (
        ("UPDATE alembic_version SET version_num = '9999'", "schema 9999.*newer version"),
        ("DELETE FROM alembic_version", "not a database of Relabel"),
    ):
        backup(url, out)
        odd = make_engine(f"sqlite:///{out}")
        with odd.begin() as connection:
            connection.exec_driver_sql(change)
        odd.dispose()
        with pytest.raises(BackupError, match=complaint):
            restore(url, out)
    assert not list(tmp_path.glob("*.restoring"))


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


def test_a_result_that_nobody_takes_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    run(tmp_path, "upgrade")
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    for place, complaint in ((writer, "Broken pipe"), (full, "No space left on device")):
        found = subprocess.run(
            [sys.executable, "-m", "db", "health"],
            env={**os.environ, "RELABEL_DATA": str(tmp_path), "RELABEL_DATABASE_URL": ""},
            stdout=place,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(place)
        assert found.returncode == 1
        assert found.stderr == f"error: the result could not be printed: {complaint}\n"
