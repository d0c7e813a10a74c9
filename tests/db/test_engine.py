"""The engine's pragmas, its transactions, and its refusal of an unsafe SQLite."""

import sqlite3
from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, text

from db.engine import has_wal_reset_bug, journal_mode, make_engine
from db.errors import UnsafeSqliteError
from db.schema import Project
from db.sessions import reading, writing


@pytest.mark.parametrize(
    ("version", "bad"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 4), False),
    ],
)
def test_versions_with_the_wal_reset_bug_are_known(
    version: tuple[int, int, int], bad: bool
) -> None:
    assert has_wal_reset_bug(version) is bad


def test_an_unsafe_sqlite_is_refused_in_wal_mode_and_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = SimpleNamespace(sqlite_version="3.40.1", sqlite_version_info=(3, 40, 1))
    with pytest.raises(UnsafeSqliteError, match="pip install pysqlite3"):
        journal_mode(old)  # type: ignore[arg-type]
    monkeypatch.setenv("RELABEL_SQLITE_JOURNAL", "delete")
    assert journal_mode(old) == "delete"  # type: ignore[arg-type]


def test_each_connection_is_durable_and_checks_foreign_keys(engine: Engine) -> None:
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 15_000,
    }


def test_a_failed_write_leaves_nothing(engine: Engine) -> None:
    def half() -> None:
        with writing(engine) as session:
            session.add(Project(name="half"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with reading(engine) as session:
        assert session.query(Project).count() == 0


def test_a_reader_keeps_its_view_while_another_writes(engine: Engine) -> None:
    with reading(engine) as session:
        assert session.query(Project).count() == 0
        with writing(engine) as other:
            other.add(Project(name="later"))
        assert session.query(Project).count() == 0
    with reading(engine) as session:
        assert session.query(Project).count() == 1


def test_a_writer_that_reads_first_waits_instead_of_failing(url: str, engine: Engine) -> None:
    second = make_engine(url)
    with writing(engine) as session:
        session.query(Project).count()
        with second.connect() as reader:  # readers never wait for the writer
            assert reader.execute(text("SELECT count(*) FROM project")).scalar() == 0
        session.add(Project(name="first"))
    with writing(second) as session:
        assert session.query(Project).count() == 1
        session.add(Project(name="second"))
    second.dispose()
    with reading(engine) as session:
        assert session.query(Project).count() == 2


def test_the_bundled_sqlite_is_used() -> None:
    engine = make_engine("sqlite://")
    assert engine.dialect.dbapi is not None
    assert not has_wal_reset_bug(engine.dialect.dbapi.sqlite_version_info)  # type: ignore[attr-defined]
    assert engine.dialect.dbapi is not sqlite3 or not has_wal_reset_bug(sqlite3.sqlite_version_info)
    engine.dispose()
