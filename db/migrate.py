"""Bring a database to the schema of this program."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from db.backup import backup, database_file
from db.engine import WRITES, serialize
from db.errors import SchemaError
from db.outputs import free_name
from db.revisions import MIGRATIONS, known_revisions, newer
from db.types import now


def alembic_config(connection: Connection | None = None) -> Config:
    """Return the alembic configuration; there is no alembic.ini to keep in step."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the newest revision that this program knows."""
    found = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if found is None:
        raise SchemaError(f"no migrations found in {MIGRATIONS}; reinstall Relabel")
    return found


def revision(engine: Engine) -> str | None:
    """Return the database's revision, None when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, *, on_backup: Callable[[Path], object] | None = None) -> str:
    """Apply all missing migrations in one transaction and return the revision reached.

    A database of an older program is copied beside itself first (SQLite; `on_backup` is told
    where to). Raises SchemaError when the database was made by a newer program, BackupError when
    there is no room for the copy; nothing is changed then. Two processes may call this at once:
    the second waits, then finds nothing to do.
    """
    refuse_newer(engine)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        serialize(connection, "migrations")
        found = MigrationContext.configure(connection).get_current_revision()
        if found == head():
            return found
        if found is not None and engine.dialect.name == "sqlite":
            kept = _copy_first(engine, found)
            if on_backup is not None:
                on_backup(kept)
        command.upgrade(alembic_config(connection), "head")
    return head()


def _copy_first(engine: Engine, revision: str) -> Path:
    url = engine.url.render_as_string(hide_password=False)
    file = database_file(url)
    copy = free_name(file.with_name(f"{file.stem}-{revision}-{now():%Y%m%d-%H%M%S}.db"))
    backup(url, copy)
    return copy


def refuse_newer(engine: Engine) -> None:
    """Raise SchemaError when the database has a revision that this program does not know."""
    found = revision(engine)
    if found is not None and found not in known_revisions():
        raise SchemaError(newer(found))


def require_current(engine: Engine) -> None:
    """Raise SchemaError unless the database is at the newest revision."""
    refuse_newer(engine)
    found = revision(engine)
    if found != head():
        raise SchemaError(
            f"the database has schema {found or 'none'}, this program needs {head()}; "
            "run: python -m db upgrade"
        )
