"""The one engine factory, and everything that is special to SQLite.

SQLite in WAL mode with synchronous=FULL: readers never wait for the writer, and a commit that
was reported survives a power cut. Writers begin with BEGIN IMMEDIATE, because a transaction that
reads first and writes later fails at once, without waiting, when another writer came between
(SQLITE_BUSY_SNAPSHOT ignores busy_timeout).
"""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from db.errors import InvalidSettingError, UnsafeSqliteError
from db.turns import BUSY_TIMEOUT_MS, begin_writing

WRITES = "relabel_writes"
_FIXED = (3, 51, 3)
_BACKPORTS = {(3, 44): 6, (3, 50): 7}


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Tell whether an SQLite version can corrupt a WAL database (sqlite.org/wal.html).

    Affected: 3.7.0 to 3.51.2, except 3.44.6 and later 3.44, 3.50.7 and later 3.50.
    """
    if version >= _FIXED or version < (3, 7, 0):
        return False
    first_good = _BACKPORTS.get(version[:2])
    return first_good is None or version[2] < first_good


def sqlite_module() -> ModuleType:
    """Return the bundled, current SQLite where its wheel is installed, else Python's own."""
    with suppress(ImportError):
        import pysqlite3.dbapi2

        module: ModuleType = pysqlite3.dbapi2
        return module
    return sqlite3


def journal_mode(module: ModuleType) -> str:
    """Return the journal mode to use; refuse WAL on an SQLite that can corrupt it."""
    asked = os.environ.get("RELABEL_SQLITE_JOURNAL", "wal").lower()
    if asked not in {"wal", "delete"}:
        raise UnsafeSqliteError(
            f"RELABEL_SQLITE_JOURNAL is {asked!r}; it must be 'wal' or 'delete'"
        )
    if asked == "wal" and has_wal_reset_bug(module.sqlite_version_info):
        raise UnsafeSqliteError(
            f"SQLite {module.sqlite_version} can corrupt a database in WAL mode when several "
            "processes write. Install the bundled one (pip install pysqlite3==0.6.1), or set "
            "RELABEL_SQLITE_JOURNAL=delete to run slower without WAL."
        )
    return asked


def make_engine(url: str) -> Engine:
    """Build the engine for a database URL.

    Raises UnsafeSqliteError for an SQLite with the WAL-reset bug, InvalidSettingError for an
    address that cannot be one or whose driver is missing. An engine is never carried
    over a fork: each process builds its own.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite_engine(url)
        return create_engine(url, pool_pre_ping=True)
    except ArgumentError as error:  # no word of the address itself: it may hold a password
        raise InvalidSettingError(
            "RELABEL_DATABASE_URL is no address of a database; write sqlite:////DIRECTORY/NAME.db "
            "or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        ) from error
    except ImportError as error:
        raise InvalidSettingError(
            f"RELABEL_DATABASE_URL needs a driver that is not installed ({error}); for PostgreSQL "
            "write postgresql+psycopg://… and: pip install -r requirements-scale.txt"
        ) from error


def reading_options(engine: Engine) -> dict[str, Any]:
    """Return what makes a transaction see one consistent state from start to end.

    SQLite's do by themselves. PostgreSQL's writers keep READ COMMITTED: under REPEATABLE READ
    they would fail, not wait, when another writer came between.
    """
    if engine.dialect.name == "sqlite":
        return {}
    return {"isolation_level": "REPEATABLE READ"}


def _set_journal_mode(cursor: Any, mode: str, module: ModuleType) -> None:
    """Set the journal mode, waiting for others as long as for any lock.

    The change needs the file for itself for a moment and does not wait by itself: of two servers
    that open a new database at once, one would be told that it is locked.
    """
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute(f"PRAGMA journal_mode = {mode}")
            return
        except module.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _sqlite_engine(url: str) -> Engine:
    module = sqlite_module()
    mode = journal_mode(module)
    database = make_url(url).database
    if database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, module=module, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves, below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        _set_journal_mode(cursor, mode, module)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # In KiB. Group keys are digests, so a large import writes all over its indexes.
        cursor.execute("PRAGMA cache_size = -98304")
        # Pages (32 MiB): fewer rewrites of the same pages while many rows come in.
        cursor.execute("PRAGMA wal_autocheckpoint = 8000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITES, False):
            begin_writing(connection)
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def serialize(session: Session | Connection, name: str) -> None:
    """Let one transaction at a time pass this point, until it ends.

    SQLite needs nothing: BEGIN IMMEDIATE already admits one writer. PostgreSQL takes an advisory
    lock on `name`.
    """
    connection = session if isinstance(session, Connection) else session.connection()
    if connection.dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(hashtext(:name))")
        connection.execute(lock, {"name": name})
