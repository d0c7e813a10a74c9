"""The schema: migrated, complete, and refused when it does not fit."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, inspect, text

from db.engine import WRITES, make_engine
from db.errors import SchemaError
from db.migrate import alembic_config, head, require_current, revision, upgrade
from db.schema import Base


def test_the_migrations_make_exactly_the_schema(engine: Engine) -> None:
    assert set(Base.metadata.tables) <= set(inspect(engine).get_table_names())
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        command.check(alembic_config(connection))


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    assert upgrade(engine) == upgrade(engine) == revision(engine) == head()


def test_downgrading_to_nothing_and_up_again_works(engine: Engine) -> None:
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert revision(engine) is None
    assert upgrade(engine) == head()


def test_a_newer_schema_is_refused_with_the_next_step(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="newer version"):
        upgrade(engine)


def test_an_empty_database_is_not_mistaken_for_a_current_one(url: str) -> None:
    empty = make_engine(url)
    with pytest.raises(SchemaError, match="python -m db upgrade"):
        require_current(empty)
    empty.dispose()


def test_two_processes_may_migrate_at_once(url: str, tmp_path: Path) -> None:
    code = (
        "import sys; from db.engine import make_engine; from db.migrate import upgrade; "
        "upgrade(make_engine(sys.argv[1]))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    engine = make_engine(url)
    assert revision(engine) == head()
    engine.dispose()
