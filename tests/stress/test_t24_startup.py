"""T24: what could lose answers is refused, or avoided, before the first one is taken.

Seen to fail when db.engine did not know SQLite's bad versions, and when db.doctor overlooked a data
directory that is itself a network mount.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from imports import climate_store

from db import doctor
from db.engine import WRITES, journal_mode, make_engine
from db.errors import SchemaError, UnsafeSqliteError
from db.migrate import require_current, upgrade
from db.settings import Settings

ROOT = Path(__file__).parents[2]


def test_five_ways_to_start_wrongly_are_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tell
) -> None:
    caught = [
        old_sqlite(monkeypatch),
        wrong_pragma(tmp_path),
        network_disk(tmp_path, monkeypatch),
        newer_schema(tmp_path),
        read_only(tmp_path),
    ]
    tell("start-up", done={"ways": 5}, lost={"not caught": 5 - sum(caught)})
    assert caught == [True] * 5


def old_sqlite(monkeypatch: pytest.MonkeyPatch) -> bool:
    old = SimpleNamespace(sqlite_version="3.40.1", sqlite_version_info=(3, 40, 1))
    with pytest.raises(UnsafeSqliteError, match="pysqlite3"):
        journal_mode(old)  # type: ignore[arg-type]
    monkeypatch.setenv("RELABEL_SQLITE_JOURNAL", "delete")
    safe = journal_mode(old) == "delete"  # type: ignore[arg-type]
    monkeypatch.delenv("RELABEL_SQLITE_JOURNAL")
    return safe


def settings_of(directory: Path) -> Settings:
    return Settings(directory, f"sqlite:///{directory / 'relabel.db'}", "local")


def finding(directory: Path, name: str, engine) -> dict[str, object]:
    found = doctor.check(engine, settings_of(directory))["findings"]
    return next(one for one in found if one["name"] == name)


def wrong_pragma(tmp_path: Path) -> bool:
    directory = tmp_path / "pragma"
    directory.mkdir()
    climate_store(directory).dispose()
    from sqlalchemy import create_engine, event

    careless = create_engine(
        f"sqlite:///{directory / 'relabel.db'}", module=__import__("pysqlite3.dbapi2").dbapi2
    )

    @event.listens_for(careless, "connect")
    def _off(connection, _record) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    found = finding(directory, "pragmas", careless)
    careless.dispose()
    return found["ok"] is False and bool(found["fix"])


def network_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    directory = tmp_path / "nfs"
    directory.mkdir()
    engine = climate_store(directory)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {directory} nfs4 rw 0 0\n")
    monkeypatch.setattr(doctor, "MOUNTS", mounts)
    found = finding(directory, "file system", engine)
    monkeypatch.undo()
    engine.dispose()
    return found["ok"] is False and "local disk" in str(found["fix"])


def newer_schema(tmp_path: Path) -> bool:
    directory = tmp_path / "newer"
    directory.mkdir()
    engine = climate_store(directory)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for act in (upgrade, require_current):
        with pytest.raises(SchemaError, match="newer version"):
            act(engine)
    engine.dispose()
    return True


def read_only(tmp_path: Path) -> bool:
    """Run the command as somebody who may not write (root may always)."""
    directory = tmp_path / "read-only"
    directory.mkdir()
    climate_store(directory).dispose()
    for path in [directory, *directory.iterdir()]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.getuid() == 0:
        for path in [directory, *directory.parents]:
            if path.stat().st_uid == 0 and "pytest" in str(path):
                path.chmod(path.stat().st_mode | 0o555)
    code = (
        "import os, sys; from db.cli import main; main(['upgrade']); "  # imports all it needs
        "os.getuid() or (os.setgid(65534), os.setuid(65534)); "
        "os.environ['RELABEL_DATA'] = sys.argv[1]; sys.exit(main(['upgrade']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(directory)],
        cwd=ROOT,
        env={**os.environ, "RELABEL_DATA": str(tmp_path / "warm"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = done.stderr.strip().splitlines()
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(said) == 1, done.stderr
    return "read" in said[0] or "unable to open" in said[0]


def test_the_url_of_an_unknown_database_is_refused(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(SchemaError, match="python -m db upgrade"):
        require_current(engine)
    engine.dispose()
