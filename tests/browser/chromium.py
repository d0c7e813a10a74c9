"""A real Chromium, a real app and its store, as fixtures: import them where they are used."""

import atexit
import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from app_server import AppServer
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from sqlalchemy import Engine

from db import migrate, projects
from db.engine import make_engine
from db.sessions import writing

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "no Chromium was found; install it: apt-get install chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDE = (1280, 720)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(INSTALL)
        pytest.skip(INSTALL)
    started = driver().chromium.launch(executable_path=path, args=ARGUMENTS)
    yield started
    started.close()


@functools.cache
def driver() -> Playwright:
    """The one Playwright of the test run: a thread can have one only, whoever asks first."""
    manager = sync_playwright()
    atexit.register(manager.__exit__)
    return manager.start()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[AppServer]:
    """An app with an empty data directory, not started yet."""
    server = AppServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def engine(app: AppServer) -> Iterator[Engine]:
    """The app's store, with two people in it."""
    made = make_engine(f"sqlite:///{app.data / 'relabel.db'}")
    migrate.upgrade(made)
    with writing(made) as session:
        for name in ("Ada", "Ben"):
            projects.get_or_add_annotator(name, session=session, role="admin")
    yield made
    made.dispose()


@pytest.fixture
def visitor(browser: Browser, app: AppServer) -> Iterator[Callable[..., Page]]:
    """Open pages as a person: `visitor("Ada", size=(390, 844))`.

    An error of the page fails the test, and so does one of the app that is not its own.
    """
    contexts: dict[str, BrowserContext] = {}
    errors: list[str] = []

    def open_page(person: str = "Ada", *, size: tuple[int, int] = WIDE, path: str = "/") -> Page:
        if person not in contexts:
            context = browser.new_context(viewport={"width": size[0], "height": size[1]})
            context.add_cookies([{"name": "relabel_person", "value": person, "url": app.url}])
            contexts[person] = context
        page = contexts[person].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(app.url + path)
        return page

    yield open_page
    for context in contexts.values():
        context.close()
    assert not errors, errors
    assert not app.unknown_errors()
