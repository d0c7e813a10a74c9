"""The whole loop in a real browser: create, bring in, pre-label, correct, retrain, export."""

import csv
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from app_server import ROOT, AppServer
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, func, select

from db.engine import make_engine
from db.schema import AnnotationEvent, Gold, Job, ModelVersion, Tweet
from db.sessions import reading

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
EXAMPLE = ROOT / "examples" / "climate_example.csv"
LONG = 240_000


@pytest.fixture
def store(app: AppServer) -> Engine:
    app.start()
    engine = make_engine(f"sqlite:///{app.data / 'relabel.db'}")
    yield engine
    with reading(engine) as session:
        running = session.scalars(select(Job.pid).where(Job.state == "running")).all()
    for pid in filter(None, running):  # a job outlives its server: end what is left
        os.kill(pid, signal.SIGKILL)
    engine.dispose()


def go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=20_000)


def sign_in(page: Page) -> None:
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Continue").click()


def create(page: Page) -> None:
    page.get_by_label("Name", exact=True).fill("climate")
    page.get_by_label("Name", exact=True).press("Enter")
    page.get_by_role("button", name="Create the project").click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible(timeout=20_000)


def bring_in(page: Page) -> None:
    page.locator("input[type=file]").set_input_files(str(EXAMPLE))
    page.get_by_role("button", name=re.compile("^Bring in .* rows")).click(timeout=30_000)


def wait_for_version(page: Page, store: Engine, kind: str, *states: str) -> str:
    """Wait until a version of the kind is in a state and no job is open; return the state."""
    for _ in range(LONG // 1000):
        with reading(store) as session:
            found = session.scalar(
                select(ModelVersion.state).where(
                    ModelVersion.state.in_(states), ModelVersion.kind == kind
                )
            )
            busy = session.scalar(select(func.count()).where(Job.state.in_(("queued", "running"))))
        if found and not busy:
            return found
        page.wait_for_timeout(1000)
    with reading(store) as session:
        jobs = [(job.kind, job.state, job.error) for job in session.scalars(select(Job))]
    pytest.fail(f"no {kind} became {states}: {jobs}")


def label_by_keyboard(page: Page) -> None:
    page.get_by_role("link", name="Label", exact=True).click()
    tweet = page.locator(".relabel .tweet")
    saved = page.locator(".relabel [data-ref=saved]")
    expect(tweet).not_to_be_empty(timeout=30_000)
    for key in ("1", "2", "3", "4", "1"):
        page.keyboard.press(key)
        page.wait_for_timeout(60)
    page.keyboard.press("z")
    expect(saved).to_have_text("saved ✓", timeout=20_000)


def train(page: Page, store: Engine) -> str:
    go(page, "Train")
    # A probe may have been trained meanwhile: its charts are "Loss over epochs", too.
    page.get_by_role("radio", name="fine-tuned", exact=True).click()
    epochs = page.get_by_role("spinbutton", name="Epochs", exact=True)
    epochs.fill("2")
    epochs.press("Enter")
    page.get_by_role("button", name="Start training", exact=True).click()
    expect(page.get_by_text("Closing this page changes nothing")).to_be_visible(timeout=30_000)
    expect(page.locator("canvas, svg.marks, .vega-embed").first).to_be_visible(timeout=LONG)
    state = wait_for_version(page, store, "fine_tuned", "candidate", "current")
    expect(page.get_by_text("Last training")).to_be_visible(timeout=LONG)
    return state


def promote(page: Page) -> None:
    go(page, "Models")
    page.get_by_role("button", name=re.compile("^Promote version")).first.click()


def download(page: Page, folder: Path) -> Path:
    go(page, "Export")
    page.get_by_role("button", name="Write the file").click()
    button = page.get_by_role("button", name="Download", exact=True)
    expect(button).to_be_visible(timeout=60_000)
    with page.expect_download() as started:
        button.click()
    path = folder / "export.csv"
    started.value.save_as(path)
    return path


def gold_in_store(store: Engine) -> dict[str, tuple[str, str]]:
    query = select(Tweet.external_id, Gold.label, Gold.source).join(Gold, Gold.tweet_id == Tweet.id)
    with reading(store) as session:
        return {row[0]: (row[1], row[2]) for row in session.execute(query)}


def test_from_a_csv_to_a_promoted_model_and_back_to_a_csv(
    visitor: Callable[..., Page], app: AppServer, store: Engine, tmp_path: Path
) -> None:
    page = visitor("")
    sign_in(page)
    create(page)
    bring_in(page)
    wait_for_version(page, store, "probe", "current")
    label_by_keyboard(page)
    with reading(store) as session:
        kinds = list(session.scalars(select(AnnotationEvent.kind).order_by(AnnotationEvent.id)))
    assert kinds == ["label"] * 5 + ["undo"]
    if train(page, store) == "candidate":  # the gate promotes one that is surely better
        promote(page)
    wait_for_version(page, store, "fine_tuned", "current")
    path = download(page, tmp_path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:3] == ["sentiment", "message", "tweetid"]
    assert {row["tweetid"]: (row["sentiment"], row["source"]) for row in rows} == gold_in_store(
        store
    )
    reviewed = [row for row in rows if row["source"] == "single"]
    assert len(reviewed) == 4
    assert {row["annotators"] for row in reviewed} == {"Ada"}
