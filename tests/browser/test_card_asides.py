"""What a person asks of the tweet on screen: its words, its group, an example of it."""

from collections.abc import Callable

import pytest
from app_server import AppServer
from card_page import SAVED, events, ready, saved, tweet
from label_corpus import make_project
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, select

from db.schema import LabelExample
from db.sessions import reading
from labeling.importing import import_file

pytestmark = pytest.mark.browser
Visitor = Callable[..., Page]


@pytest.fixture
def project(app: AppServer, engine: Engine) -> int:
    number = make_project(engine, app.data, count=4)
    twins = app.data / "twins.csv"
    twins.write_text("message,tweetid\nThe same <b>words,501\nthe same <b>words!,502\n", "utf-8")
    import_file(twins, engine=engine, project_name="Climate stance", file_name=twins.name)
    app.start()
    return number


def go_to(page: Page, text: str) -> None:
    for _ in range(10):
        if tweet(page) == text:
            return
        page.keyboard.press("ArrowRight")
    raise AssertionError(f"{text!r} is not among the tweets at hand")


def test_a_tweet_lists_what_it_stands_for_and_one_can_be_split_off(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    go_to(page, "The same <b>words")
    chip = page.get_by_role("button", name="stands for 2 tweets")
    chip.click()
    panel = page.get_by_role("dialog", name="The tweets it stands for")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    page.keyboard.press("1")  # keys label nothing while one reads the list
    panel.get_by_role("button", name="split off: the same <b>words!").click()
    put_back = panel.get_by_role("button", name="put back")
    expect(put_back).to_be_visible()
    expect(chip).to_have_count(0)
    put_back.click()
    expect(put_back).to_have_count(0)
    expect(chip).to_have_count(1)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    page.keyboard.press("2")
    expect(saved(page)).to_have_text(SAVED)
    assert [(event.kind, event.label) for event in events(engine)] == [("label", "0")]


def test_the_tweet_on_screen_becomes_an_example_in_the_guidelines(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    shown = tweet(page)
    page.keyboard.press("g")
    page.get_by_role("button", name="Add this tweet as an example of Pro").click()
    panel = page.get_by_role("dialog", name="Guidelines")
    expect(panel.get_by_role("heading", name="Pro, for example")).to_be_visible()
    expect(panel.get_by_role("listitem").last).to_have_text(shown, use_inner_text=False)
    with reading(engine) as session:
        assert [one.label for one in session.scalars(select(LabelExample))] == ["1"]


def test_explaining_says_what_is_wrong_and_does_not_hold_up_the_work(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    page.keyboard.press("e")
    # The made-up model has no files.
    expect(page.locator(".relabel .notice")).to_contain_text("Cannot be explained", timeout=60_000)
    page.keyboard.press("e")
    first = tweet(page)
    page.keyboard.press("1")
    assert tweet(page) != first
    expect(page.locator(".relabel [data-ref=explain]")).to_have_attribute("aria-pressed", "false")
    expect(saved(page)).to_have_text(SAVED)
    assert len(events(engine)) == 1
