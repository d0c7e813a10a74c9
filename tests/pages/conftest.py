"""The surroundings of a page: a data directory, a project with models, a person."""

from collections.abc import Iterator
from pathlib import Path

import page_project
import pytest
from opened import ROOT, Opener, open_as
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from db import migrate
from db.engine import make_engine
from db.settings import Settings


@pytest.fixture(autouse=True)
def no_unknown_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail where a page met an error that is not its own: it shows one line, no exception."""
    yield
    unknown = [one for one in caplog.get_records("call") if one.name == "relabel.pages"]
    assert not unknown, "\n".join(str(one.exc_info and one.exc_info[1]) for one in unknown)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data directory that the app uses.

    The engine is one that this release refuses, so a page's jobs are written down and fail with
    that reason; no process outlives the test. A test that wants them run sets `local`.
    """
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("RELABEL_DATA", str(folder))
    monkeypatch.setenv("RELABEL_ENGINE", "ray")
    monkeypatch.delenv("RELABEL_DATABASE_URL", raising=False)
    monkeypatch.chdir(ROOT)
    return folder


@pytest.fixture
def engine(data: Path) -> Iterator[Engine]:
    """The store of that directory, at the newest schema."""
    made = make_engine(Settings.from_environment().database_url)
    migrate.upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> int:
    """A project of 160 tweets, two in three labelled, without a model version."""
    return page_project.make_project(engine, page_project.write_tweets(tmp_path / "tweets.csv"))


@pytest.fixture
def modelled(engine: Engine, project: int) -> int:
    """That project with a retired, a current and a candidate version."""
    page_project.add_version(engine, project, "zero_shot", quality=0.2, current=True)
    page_project.add_version(engine, project, "probe", quality=0.5, current=True)
    page_project.add_version(engine, project, "fine_tuned", quality=0.7, current=False)
    return project


@pytest.fixture
def open_page(engine: Engine) -> Opener:
    """Open a page of the app as a person; parameters are those of the address."""

    def opened(name: str, person: str = "Ada", **parameters: str) -> AppTest:
        return open_as(engine, name, person, parameters)

    return opened
