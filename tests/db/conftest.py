"""A migrated store in a temporary directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.engine import make_engine
from db.migrate import upgrade
from db.schema import Project
from db.sessions import writing


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'relabel.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def project_id(engine: Engine) -> int:
    with writing(engine) as session:
        project = Project(name="climate")
        session.add(project)
        session.flush()
        return project.id
