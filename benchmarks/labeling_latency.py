"""How long a person waits on the label page, measured in a real Chromium on the real app.

    python -m benchmarks.labeling_latency [--tweets 100000] [--presses 100]
        [--others 7] [--others-as store|client|browser] [--training] [--data DIR]

--others: so many people more answer meanwhile, every 1.5 seconds each: as processes that call
what the label page calls on the same store (store), in pages of the same server that are not
painted here, as theirs would be on machines of their own (client), or in pages that are, in a
browser of the lowest priority (browser). --training: a fine-tuning goes on meanwhile. --data: a
store kept from an earlier run, to spare its making.

Prints one JSON object: milliseconds from a key press to the next tweet painted and to "saved ✓"
(which the page says after the commit), and how many of 20 presses, 20 ms apart, were saved.
Reach, with 100,000 tweets in the store: 95 of 100 under 50 ms and under 300 ms; 20 of 20.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import Engine, func, select

from benchmarks import clients, company
from benchmarks.folders import folder
from benchmarks.importing import generate
from db import migrate, projects
from db.engine import make_engine
from db.model_versions import add_model_version, promote
from db.predictions import add_predictions
from db.project_settings import ProjectSettings
from db.schema import AnnotationEvent, Annotator, Tweet
from db.sessions import reading, writing
from labeling.creating import create_project
from labeling.importing import import_file
from trainer.scores import prediction_rows

VALUES = ["-1", "0", "1", "2"]
PROJECT, PERSON = "Latency", "Ada"
BURST, GAP_MS = 20, 20
PAUSE_MS = (150, 400)  # between measured presses, as a quick person would
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

# A message posted in an animation frame is handled after that frame was painted.
METER = """
() => {
  const root = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
    .map((one) => one.shadowRoot).find((one) => one?.querySelector(".tweet"));
  const meter = { at: 0, painted: [], saved: [] };
  let waitsForPaint = false;
  let waitsForSaved = false;
  addEventListener("keydown", (event) => {
    meter.at = event.timeStamp;
    waitsForPaint = waitsForSaved = true;
  }, true);
  new MutationObserver(() => {
    if (!waitsForPaint) return;
    waitsForPaint = false;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => meter.painted.push(performance.now() - meter.at);
      channel.port2.postMessage(0);
    });
  }).observe(root.querySelector(".tweet"), { childList: true, characterData: true, subtree: true });
  const word = root.querySelector("[data-ref=saved]");
  new MutationObserver(() => {
    if (!waitsForSaved || !word.textContent.startsWith("saved")) return;
    waitsForSaved = false;
    meter.saved.push(performance.now() - meter.at);
  }).observe(word, { childList: true, characterData: true, subtree: true });
  window.meter = meter;
}
"""


def fill_store(data: Path, tweets: int) -> Engine:
    """Make a store with a project of generated tweets, all predicted by a made-up model."""
    engine = make_engine(f"sqlite:///{data / 'relabel.db'}")
    migrate.upgrade(engine)
    # A probe that trains meanwhile is another benchmark's subject.
    settings = ProjectSettings(auto_probe=False, daily_goal=100_000)
    with writing(engine) as session:
        project_id = create_project(
            PROJECT, session=session, template="climate", settings=settings
        ).id
        projects.get_or_add_annotator(PERSON, session=session, role="admin")
    file = data / "tweets.csv"
    generate(file, tweets)
    import_file(file, engine=engine, project_name=PROJECT, file_name=file.name)
    with writing(engine) as session:
        _predict(project_id, engine, session=session)
    return engine


def open_store(data: Path) -> Engine:
    """Open the store of an earlier run."""
    engine = make_engine(f"sqlite:///{data / 'relabel.db'}")
    migrate.upgrade(engine)
    return engine


def _predict(project_id: int, engine: Engine, *, session: Any) -> None:
    version = add_model_version(
        project_id,
        session=session,
        facts={
            "kind": "fine_tuned",
            "base_model": "made-up",
            "directory": "models/made-up",
            "manifest_sha256": "0" * 64,
            "label_map": VALUES,
            "metrics": {},
        },
    )
    promote(version, session=session)
    ids = session.scalars(select(Tweet.id).where(Tweet.project_id == project_id)).all()
    drawn = np.random.default_rng(0).dirichlet([0.7] * len(VALUES), len(ids))
    rows = prediction_rows(drawn.astype(np.float32), VALUES)
    for tweet_id, row in zip(ids, rows, strict=True):
        row["tweet_id"] = tweet_id
    add_predictions(version.id, rows, session=session)


@contextmanager
def served(data: Path) -> Iterator[str]:
    """Run the app on a free port; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += [f"--server.port={port}", "--server.headless=true"]
    environment = {**os.environ, "RELABEL_DATA": str(data)}
    with (data / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):  # noqa: S310
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _saved(page: Page) -> None:
    page.locator(".relabel .saved[data-word=saved]").wait_for(timeout=20_000)


def measure(page: Page, presses: int) -> dict[str, list[float]]:
    """Press label keys one by one, each after the last was saved; milliseconds of each."""
    draw = np.random.default_rng(0)
    page.evaluate(METER)
    for _ in range(presses):
        page.keyboard.press(str(draw.integers(1, 5)))
        page.wait_for_timeout(float(draw.uniform(*PAUSE_MS)))
        _saved(page)
    meter: dict[str, list[float]] = page.evaluate("() => window.meter")
    return {"painted": meter["painted"], "saved": meter["saved"]}


def burst(page: Page, engine: Engine) -> int:
    """Press keys faster than anybody reads; return how many rows that made."""
    before = _events(engine)
    for _ in range(BURST):
        page.keyboard.press("2")
        page.wait_for_timeout(GAP_MS)
    _saved(page)
    return _events(engine) - before


def _events(engine: Engine) -> int:
    """Count the events of the person who is measured."""
    with reading(engine) as session:
        query = (
            select(func.count(AnnotationEvent.id))
            .join(Annotator, Annotator.id == AnnotationEvent.annotator_id)
            .where(Annotator.name == PERSON)
        )
        return session.scalar(query) or 0


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return the middle, the 95th of 100 and the worst, in milliseconds."""
    middle, high = np.percentile(values, [50, 95])
    return {"p50": round(middle, 1), "p95": round(high, 1), "max": round(max(values), 1)}


def run(wish: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Fill a store, serve it, measure, and return the figures."""
    fresh = not (data / "relabel.db").exists()
    engine = fill_store(data, wish.tweets) if fresh else open_store(data)
    people = company.names(wish.others)
    company.add_people(engine, people)
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with ExitStack() as stack:
        address = stack.enter_context(served(data))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        if wish.training:
            stack.enter_context(company.training(data, engine, PROJECT))
        if people and wish.others_as == "browser":
            wrapped = company.polite(path, data) if path else path
            theirs = playwright.chromium.launch(executable_path=wrapped, args=ARGUMENTS)
            stack.enter_context(company.others_in_the_browser(theirs, address, people))
        elif people and wish.others_as == "client":
            crowd = clients.others_at_their_machines(address, people, company.PACE_SECONDS)
            stack.enter_context(crowd)
        elif people:
            url = f"sqlite:///{data / 'relabel.db'}"
            stack.enter_context(company.others_at_the_store(url, PROJECT, people))
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        context.add_cookies([{"name": "relabel_person", "value": PERSON, "url": address}])
        page = context.new_page()
        page.goto(address)
        page.locator(".relabel .label").first.wait_for(timeout=60_000)
        _saved(page)
        page.wait_for_timeout(2000)
        found = measure(page, wish.presses)
        saved = burst(page, engine)
    engine.dispose()
    return {
        "tweets": wish.tweets,
        "presses": wish.presses,
        **company.described(wish.others, wish.others_as, wish.training),
        "key_to_painted_ms": summary(found["painted"]),
        "key_to_saved_ms": summary(found["saved"]),
        "burst": {"presses": BURST, "gap_ms": GAP_MS, "saved": saved},
        "processors": os.cpu_count(),
    }


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tweets", type=int, default=100_000)
    parser.add_argument("--presses", type=int, default=100)
    parser.add_argument("--others", type=int, default=0)
    parser.add_argument("--others-as", choices=("store", "client", "browser"), default="store")
    parser.add_argument("--training", action="store_true")
    parser.add_argument("--data", type=Path)
    wish = parser.parse_args()
    with folder(wish.data) as data:
        print(json.dumps(run(wish, data), indent=2))


if __name__ == "__main__":
    main()
