"""GET /health: whether the database answers, told to anybody, and nothing else."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from db.engine import make_engine
from labeling.pages.parts import health, resources


@pytest.fixture
def ask() -> Callable[[], tuple[int, dict]]:
    client = TestClient(Starlette(routes=[Route("/health", health.Health().answer)]))

    def _ask() -> tuple[int, dict]:
        reply = client.get("/health")
        assert reply.headers["cache-control"] == "no-store"
        return reply.status_code, reply.json()

    return _ask


def test_it_is_well_while_the_database_answers(engine: Engine, ask: Callable) -> None:
    assert ask() == (200, {"ok": True, "database": "answers"})


def test_it_is_not_well_without_the_database_and_tells_strangers_no_more(
    tmp_path: Path, ask: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    places = {
        "does not answer": tmp_path / "broken.db",
        "has another schema": tmp_path / "empty.db",
    }
    for found, place in places.items():
        made = make_engine(f"sqlite:///{place}")
        monkeypatch.setattr(resources, "engine", lambda made=made: made)
        assert ask() == (503, {"ok": False, "database": found})
        made.dispose()


def test_a_database_that_hangs_is_asked_once_however_many_ask(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, goes_on = [], threading.Event()

    def hang() -> str:
        asked.append(1)
        goes_on.wait(60)
        return "answers"

    monkeypatch.setattr(health, "LONGEST", 0.05)
    monkeypatch.setattr(health, "ask_database", hang)
    app = Starlette(routes=[Route("/health", health.Health().answer)])
    with TestClient(app) as client:
        for _ in range(4):
            reply = client.get("/health")
            assert (reply.status_code, reply.json()["database"]) == (503, "does not answer")
        assert len(asked) == 1
        goes_on.set()
        monkeypatch.setattr(health, "LONGEST", 30.0)
        assert client.get("/health").status_code == 200
