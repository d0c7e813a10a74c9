"""T18: reloads, the back button, two tabs, double presses, cut networks and killed servers, in a
real Chromium: exactly one event for each decision, none lost once "saved" showed.

Planted: answers not kept in the browser before they are sent (found by reloads and killed servers).
"""

import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from scale import amount
from sqlalchemy import Engine, select

from db.schema import AnnotationEvent, Tweet
from db.sessions import reading

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "browser"), str(TESTS / "widget")]

from app_server import AppServer  # noqa: E402
from card_page import SAVED, ready, saved, tweet  # noqa: E402
from chromium import app, browser, engine, visitor  # noqa: E402, F401
from label_corpus import make_project  # noqa: E402

pytestmark = pytest.mark.browser
Visitor = Callable[..., Page]
Decision = tuple[str, str]
CYCLES = amount(3, 50)
LABELS = {"1": "-1", "2": "0", "3": "1", "4": "2"}
# Reads what is on screen and presses in one go: nothing can come in between. Null where no tweet
# is on screen: two hands are faster than what is prefetched.
PRESS = """
(key) => {
  const root = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")]
    .map((one) => one.shadowRoot).find((one) => one?.querySelector(".tweet"));
  const tweet = root.querySelector(".tweet");
  if (tweet.checkVisibility() === false) return null;
  const text = tweet.textContent;
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, composed: true }));
  return text;
}
"""


class Work:
    """The decisions that were made, and those that the store knows."""

    def __init__(self, engine: Engine, app: AppServer) -> None:
        self.engine = engine
        self.app = app
        self.rng = random.Random(18)
        self.made: list[Decision] = []
        self.lost_after_saved = 0
        self.seen = 0  # events of what was done before

    def decide(self, page: Page) -> None:
        """Press a label key and note on which tweet."""
        key, text = self.rng.choice("1234"), None
        while text is None:
            expect(page.locator(".relabel .tweet")).to_be_visible(timeout=60_000)
            expect(page.locator(".relabel .tweet")).not_to_be_empty(timeout=60_000)
            text = page.evaluate(PRESS, key)
        self.made.append((text, LABELS[key]))

    def wait_saved(self, *pages: Page) -> None:
        """Wait until the cards say that all is saved; then it must be in the store.

        A card speaks of its own answers: `pages` are all that were decided on since the last time.
        """
        for page in pages:
            expect(saved(page)).to_have_text(SAVED, timeout=90_000)
        self.lost_after_saved += sum((Counter(self.made) - Counter(self.kept())).values())

    def kept(self, *, everything: bool = False) -> list[Decision]:
        """Return the label events as (text, label), by default those not seen before."""
        with reading(self.engine) as session:
            query = (
                select(Tweet.text, AnnotationEvent.label)
                .join(Tweet, Tweet.id == AnnotationEvent.tweet_id)
                .where(AnnotationEvent.kind == "label")
                .order_by(AnnotationEvent.id)
            )
            found = [(row[0], row[1] or "") for row in session.execute(query)]
        return found if everything else found[self.seen :]

    def verdict(self) -> dict[str, int]:
        """Return what went wrong, by name; all must be 0."""
        made, kept = Counter(self.made), Counter(self.kept())
        after, self.lost_after_saved = self.lost_after_saved, 0
        return {
            "decisions lost": sum((made - kept).values()),
            "events twice": sum((kept - made).values()),
            "lost after saved": after,
        }


def reloads(work: Work, visitor: Visitor) -> None:
    page = ready(visitor())
    for _ in range(CYCLES):
        for _ in range(work.rng.randint(1, 3)):
            work.decide(page)
        if work.rng.random() < 0.5:
            work.wait_saved(page)
        page.reload()
    work.wait_saved(ready(page))


def back_button(work: Work, visitor: Visitor) -> None:
    page = ready(visitor())
    for _ in range(CYCLES):
        work.decide(page)
        page.get_by_role("link", name="Export", exact=True).first.click()
        expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible(timeout=30_000)
        page.go_back()
        expect(page.locator(".relabel .tweet")).not_to_be_empty(timeout=30_000)
    work.wait_saved(page)


def two_tabs(work: Work, visitor: Visitor) -> None:
    tabs = [ready(visitor()), ready(visitor())]
    for _ in range(CYCLES):
        for page in work.rng.sample(tabs, 2):
            work.decide(page)
    work.wait_saved(*tabs)


def double_presses(work: Work, visitor: Visitor) -> None:
    page = ready(visitor())
    for _ in range(CYCLES):
        work.made.append((tweet(page), "-1"))
        for _ in range(5):  # held: the browser repeats the key
            page.keyboard.down("1")
        page.keyboard.up("1")
        button = page.get_by_role("button", name=re.compile("^Label Pro"))
        for _ in range(2):
            work.made.append((tweet(page), "1"))
            button.click()
        if work.rng.random() < 0.5:
            work.wait_saved(page)
    work.wait_saved(page)


def cut_networks(work: Work, visitor: Visitor) -> None:
    page = ready(visitor())
    for _ in range(CYCLES):
        page.context.set_offline(True)
        for _ in range(work.rng.randint(1, 3)):
            work.decide(page)
        if work.rng.random() < 0.3:
            expect(saved(page)).to_have_text(re.compile("kept here"), timeout=30_000)
        page.context.set_offline(False)
        work.wait_saved(page)


def killed_servers(work: Work, visitor: Visitor) -> None:
    page = ready(visitor())
    for cycle in range(CYCLES):
        work.decide(page)
        if cycle % 2:
            work.wait_saved(page)
        work.app.kill()
        for _ in range(1 + cycle % 2):
            work.decide(page)
        work.app.start()
        if cycle % 2:
            page.reload()
            ready(page)
        work.wait_saved(page)


def _open(visitor: Visitor, opened: list[Page]) -> Page:
    opened.append(visitor())
    return opened[-1]


TROUBLES = (reloads, back_button, two_tabs, double_presses, cut_networks, killed_servers)


@pytest.mark.timeout(3600)
def test_no_decision_is_lost_or_counted_twice(
    visitor: Visitor,
    app: AppServer,
    engine: Engine,
    tell: Callable[..., None],
) -> None:
    make_project(engine, app.data, count=amount(200, 2_000))
    app.start()
    work, found = Work(engine, app), {}
    for trouble in TROUBLES:
        opened: list[Page] = []
        trouble(work, partial(_open, visitor, opened))
        for page in opened:
            page.close()
        name = trouble.__name__.replace("_", " ")
        found[name] = lost = work.verdict()
        done = {"decisions": len(work.made), name: CYCLES}
        tell("the label page in Chromium", done=done, lost=lost)
        work.made.clear()
        work.seen = len(work.kept(everything=True))
    assert {name: lost for name, lost in found.items() if any(lost.values())} == {}
