"""What goes on beside the person who is measured: other annotators, and a training run."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from sqlalchemy import Engine, select

from db import projects
from db.engine import make_engine
from db.schema import Annotator, Job, Project
from db.sessions import reading, writing
from labeling.widget.exchange import Exchange, fill, refill, take, to_json

# Between the answers of one of the others, in the mean; quicker than anybody reads. Drawn from
# half to one and a half of it: people do not answer in step.
PACE_SECONDS = 1.5
LABELS = ("-1", "0", "1", "2")
# Presses label keys by itself, as a person would, until the page is closed.
PRESSER = """
(ms) => {
  const press = () => {
    document.body.dispatchEvent(new KeyboardEvent("keydown", {
      key: String(1 + Math.floor(4 * Math.random())), bubbles: true, composed: true }));
    setTimeout(press, ms * (0.5 + Math.random()));
  };
  setTimeout(press, ms * Math.random());
}
"""


def names(count: int) -> list[str]:
    """Return names for that many other people."""
    return [f"Other {number}" for number in range(1, count + 1)]


@contextmanager
def others_at_the_store(url: str, project: str, people: list[str]) -> Iterator[None]:
    """Let people answer, a process each, by the very functions that the label page calls."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    workers = [context.Process(target=_answer_on, args=(url, project, one, stop)) for one in people]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        stop.set()
        for worker in workers:
            worker.join(timeout=30)


def _answer_on(url: str, project_name: str, person: str, stop: Event) -> None:
    engine = make_engine(url)
    with reading(engine) as session:
        project_id = session.scalars(select(Project.id).where(Project.name == project_name)).one()
        person_id = session.scalars(select(Annotator.id).where(Annotator.name == person)).one()
    exchange, number = Exchange(project_id, person_id), 0
    taken = take([], exchange, engine=engine)
    while not stop.wait(PACE_SECONDS * random.uniform(0.5, 1.5)):
        if not fill(exchange, engine=engine):
            refill(exchange, engine=engine)
        to_json(exchange, taken, engine=engine, base="")
        if not exchange.items:
            continue
        item, number = exchange.items[0], number + 1
        answer = {
            "key": f"{person}-{os.getpid()}-{number}",
            "kind": "label",
            "tweet_id": item.tweet_id,
            "label": LABELS[number % len(LABELS)],
            "seconds": PACE_SECONDS,
            "shown": item.suggestion is not None,
            "lease_generation": item.lease_generation,
        }
        taken = take([answer], exchange, engine=engine)
    engine.dispose()


@contextmanager
def others_in_the_browser(browser: Browser, address: str, people: list[str]) -> Iterator[None]:
    """Let people answer in pages of their own, served by the measured server."""
    pages = [_open(browser, address, one) for one in people]
    for page in pages:
        page.locator(".relabel .label").first.wait_for(timeout=120_000)
        page.evaluate(PRESSER, 1000 * PACE_SECONDS)
    try:
        yield
    finally:
        for page in pages:
            page.context.close()


def polite(browser: str, folder: Path) -> str:
    """Write a command that starts a browser at the lowest priority; return its path.

    Playwright starts it as a session of its own; Linux's autogroup, where it is on, shares the
    processors among sessions before it looks at priorities within one.
    """
    command = folder / "polite-browser"
    step_back = "{ echo 19 >/proc/self/autogroup; } 2>/dev/null"
    command.write_text(f'#!/bin/sh\n{step_back}\nexec nice -n 19 "{browser}" "$@"\n')
    command.chmod(0o755)
    return str(command)


def _open(browser: Browser, address: str, person: str) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.add_cookies([{"name": "relabel_person", "value": person, "url": address}])
    page = context.new_page()
    page.goto(address)
    return page


def add_people(engine: Engine, people: list[str]) -> None:
    """Make the others known, so that nobody has to sign in first."""
    with writing(engine) as session:
        for one in people:
            projects.get_or_add_annotator(one, session=session)


@contextmanager
def training(data: Path, engine: Engine, project: str, *, epochs: int = 50) -> Iterator[None]:
    """Keep a fine-tuning going, started as from the command line; cancelled at the end."""
    command = [sys.executable, "-m", "trainer", "run", "--project", project]
    command += ["--kind", "fine_tuned", "--epochs", str(epochs)]
    environment = {**os.environ, "RELABEL_DATA": str(data)}
    with ExitStack() as stack:
        log = stack.enter_context((data / "training.log").open("wb"))
        run = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _until_it_trains(engine, run)
            yield
            _refuse_ended(engine, run)
        finally:
            run.send_signal(signal.SIGINT)
            try:
                run.wait(timeout=120)
            except subprocess.TimeoutExpired:
                run.kill()


def _until_it_trains(engine: Engine, run: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 300
    while not _steps(engine):
        if run.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the training did not start; see training.log")
        time.sleep(1)


def _steps(engine: Engine) -> bool:
    with reading(engine) as session:
        query = select(Job.done).where(Job.kind == "train", Job.state == "running")
        return any(done > 0 for done in session.scalars(query))


def _refuse_ended(engine: Engine, run: "subprocess.Popen[bytes]") -> None:
    if run.poll() is not None or not _steps(engine):
        raise RuntimeError("the training ended before the measuring did; see training.log")


def described(count: int, how: str, trains: bool) -> Mapping[str, Any]:
    """Return what to say of the company beside the figures."""
    return {"others": count, "others_as": how if count else None, "training": trains}
