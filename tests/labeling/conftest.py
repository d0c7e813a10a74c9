"""Fixtures of the tests of labeling."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_store import Store, make_store
from sqlalchemy import Engine, func, select

from db.engine import make_engine
from db.migrate import upgrade
from db.schema import Base
from db.sessions import reading, writing
from labeling.creating import create_project
from labeling.importing import ImportReport, import_file

Bring = Callable[..., ImportReport]
Count = Callable[[type[Base]], int]


@pytest.fixture
def store_of(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Make small projects (see small_store.make_store) and close their files afterwards."""
    made: list[Store] = []

    def make(*arguments: Any, **settings: Any) -> Store:
        made.append(make_store(tmp_path, *arguments, **settings))
        return made[-1]

    yield make
    for store in made:
        store.engine.dispose()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'relabel.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def climate(engine: Engine) -> str:
    """The name of a project made from the climate template."""
    with writing(engine) as session:
        return create_project("climate", session=session, template="climate").name


@pytest.fixture
def bring(engine: Engine, climate: str, tmp_path: Path) -> Bring:
    """Bring text or bytes into the climate project; keywords as of import_file."""

    def _bring(content: str | bytes, **options: object) -> ImportReport:
        path = tmp_path / "tweets.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return import_file(path, **{"engine": engine, "project_name": climate} | options)

    return _bring


@pytest.fixture
def count(engine: Engine) -> Count:
    """Count the rows of a table."""

    def _count(table: type[Base]) -> int:
        with reading(engine) as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    return _count
