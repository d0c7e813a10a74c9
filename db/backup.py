"""Whole copies of an SQLite database, taken while it is in use, and putting one back."""

import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from db.engine import sqlite_module
from db.errors import BackupError
from db.types import now


def database_file(url: str) -> Path:
    """Return the file behind an SQLite URL. Raises BackupError for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise BackupError(
            f"{parsed.get_backend_name()} databases are backed up with their own tools "
            "(for PostgreSQL: pg_dump and pg_restore)"
        )
    return Path(parsed.database)


def backup(url: str, out: Path) -> dict[str, Any]:
    """Copy the database into `out` with SQLite's backup API and check the copy.

    Holds every answer committed before the start. Written beside and renamed: a file under
    `out` is whole. Raises BackupError when the copy fails its integrity check.
    """
    source = database_file(url)
    if not source.exists():
        raise BackupError(f"there is no database at {source}; nothing to back up")
    beside = out.with_name(out.name + ".part")
    beside.unlink(missing_ok=True)
    module = sqlite_module()
    try:
        with (
            closing(module.connect(str(source))) as live,
            closing(module.connect(str(beside))) as copy,
        ):
            live.backup(copy, pages=1024, sleep=0.01)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        _require_whole(beside)
        _sync(beside)
    except Exception as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, BackupError):
            raise
        raise BackupError(f"the backup could not be written to {out}: {error}") from error
    beside.replace(out)
    return {"path": str(out), "bytes": out.stat().st_size, "created_at": now().isoformat()}


def restore(url: str, backup_file: Path) -> dict[str, Any]:
    """Put a backup in the database's place; the old one is kept beside it.

    Stop the app first: a database that another process has open is refused.
    Raises BackupError for a damaged backup; nothing is replaced then.
    """
    target = database_file(url)
    if not backup_file.exists():
        raise BackupError(f"there is no backup at {backup_file}")
    _require_whole(backup_file)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(target.name + ".restoring")
    shutil.copyfile(backup_file, beside)
    _sync(beside)
    kept = None
    if target.exists():
        _require_unused(target)
        kept = target.with_name(f"{target.name}.before-{now():%Y%m%d-%H%M%S}")
        target.replace(kept)
        for suffix in ("-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
    beside.replace(target)
    return {"path": str(target), "kept": str(kept) if kept else None}


def _require_whole(file: Path) -> None:
    module = sqlite_module()
    try:
        with closing(module.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    except module.DatabaseError as error:
        raise BackupError(f"{file} is not a whole SQLite database: {error}") from error
    if answer != "ok":
        raise BackupError(f"{file} is damaged: {answer}")
    if "alembic_version" not in names:
        raise BackupError(f"{file} is not a database of Relabel")


def _require_unused(file: Path) -> None:
    """Fold the WAL into the file, which needs it for oneself."""
    module = sqlite_module()
    with closing(module.connect(str(file), timeout=1)) as connection:
        try:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        except module.OperationalError:
            mode = "wal"
    if mode != "delete":
        raise BackupError(f"{file} is in use; stop the app and running jobs, then restore")


def _sync(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())
