"""The schema: migrated, complete, and refused when it does not fit."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from first_schema import FIRST, contents, make_first
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


def test_the_first_release_s_data_survives_the_upgrade(engine_at_first: Engine) -> None:
    before = make_first(engine_at_first)
    assert all(len(rows) == 3 for rows in before.values())
    copies: list[Path] = []
    assert upgrade(engine_at_first, on_backup=copies.append) == head()
    after = contents(engine_at_first)
    for table, rows in before.items():
        assert len(after[table]) >= len(rows), table
        for old, new in zip(rows, after[table], strict=False):
            kept = {name: value for name, value in old.items() if name in new}
            assert {name: new[name] for name in kept} == kept, table
    with engine_at_first.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    if head() != FIRST:
        (copy,) = copies
        old = make_engine(f"sqlite:///{copy}")
        assert revision(old) == FIRST
        assert contents(old) == before
        old.dispose()


@pytest.fixture
def engine_at_first(url: str) -> Iterator[Engine]:
    made = make_engine(url)
    yield made
    made.dispose()
