"""Whole copies of an SQLite database, taken while it is in use, and putting one back."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from db.engine import sqlite_module
from db.errors import BackupError
from db.outputs import free_name, output_file
from db.revisions import known_revisions, newer
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

    Holds every answer committed before the start; people's answers do not wait meanwhile. Written
    beside and renamed: a file under `out` is whole. Raises BackupError when the copy fails its
    integrity check, OutputRefused when `out` is the database itself.
    """
    source = database_file(url)
    if not source.exists():
        raise BackupError(f"there is no database at {source}; nothing to back up")
    target = output_file(out, url)
    beside = target.with_name(target.name + ".part")
    with _made_beside(beside, f"the backup could not be written to {out}"):
        _copy(source, beside)
        _require_whole(beside)
        _sync(beside)
    beside.replace(target)
    return {"path": str(out), "bytes": target.stat().st_size, "created_at": now().isoformat()}


def restore(url: str, backup_file: Path) -> dict[str, Any]:
    """Put a backup in the database's place; the old one is kept beside it.

    A backup may be a copy of a server's directory: what is committed in the log beside it counts.
    Stop the app first: a database that another process has open is refused. Raises BackupError
    for a damaged backup or one of a newer program; nothing is replaced then.
    """
    target = database_file(url)
    if not backup_file.exists():
        raise BackupError(f"there is no backup at {backup_file}")
    _require_whole(backup_file)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        _require_unused(target)
    beside = target.with_name(target.name + ".restoring")
    with _made_beside(beside, f"{backup_file} could not be copied to {target}"):
        _copy(backup_file, beside)
        _require_whole(beside)
        _sync(beside)
    kept = None
    if target.exists():
        kept = free_name(target.with_name(f"{target.name}.before-{now():%Y%m%d-%H%M%S}"))
        target.replace(kept)
        target.with_name(target.name + "-shm").unlink(missing_ok=True)
        log = target.with_name(target.name + "-wal")
        if log.exists():  # of a damaged one, into which it could not be folded
            log.replace(kept.with_name(kept.name + "-wal"))
    beside.replace(target)
    return {"path": str(target), "kept": str(kept) if kept else None}


@contextmanager
def _made_beside(file: Path, failed: str) -> Iterator[None]:
    """Make a file in this block, which is gone again if the block fails: then BackupError."""
    _remove(file)
    try:
        yield
    except BackupError:
        _remove(file)
        raise
    except Exception as error:
        _remove(file)
        raise BackupError(f"{failed}: {error}") from error


def _remove(file: Path) -> None:
    for suffix in ("", "-journal"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _copy(source: Path, copy: Path) -> None:
    """Copy a database, its log included, into one file.

    In one step: between two of several, each commit of somebody else has SQLite begin anew, and
    a large copy would never end. Writers do not wait for readers in WAL mode.
    """
    module = sqlite_module()
    with (
        closing(module.connect(_address(source, "ro"), uri=True)) as live,
        closing(module.connect(str(copy))) as written,
    ):
        live.backup(written, pages=-1)
        written.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it


def _require_whole(file: Path) -> None:
    module = sqlite_module()
    try:
        with closing(module.connect(_address(file, "ro"), uri=True)) as connection:
            answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
            names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            revisions = (
                connection.execute("SELECT version_num FROM alembic_version").fetchall()
                if "alembic_version" in names
                else []
            )
    except module.DatabaseError as error:
        raise BackupError(f"{file} is not a whole SQLite database: {error}") from error
    if answer != "ok":
        raise BackupError(f"{file} is damaged: {answer}")
    if len(revisions) != 1 or "project" not in names:
        raise BackupError(f"{file} is not a database of Relabel")
    if revisions[0][0] not in known_revisions():
        raise BackupError(f"{file}: {newer(revisions[0][0])}")


def _address(file: Path, mode: str) -> str:
    """Return SQLite's address of a file, whatever letters its name has."""
    return f"{file.resolve().as_uri()}?mode={mode}"


def _require_unused(file: Path) -> None:
    """Fold the WAL into the file, which needs it for oneself; a damaged file has nothing to fold.

    Raises BackupError where another process has it open.
    """
    if file.is_dir():
        raise BackupError(f"{file} is a directory; move it away, then restore")
    module = sqlite_module()
    with closing(module.connect(str(file), timeout=1)) as connection:
        try:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        except module.OperationalError:
            mode = "wal"
        except module.DatabaseError:
            return
    if mode != "delete":
        raise BackupError(f"{file} is in use; stop the app and running jobs, then restore")


def _sync(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())
