"""A tweet's own page on Data: what its address is, and what comes of a click there."""

from collections.abc import Callable

import pytest
from app_server import AppServer
from label_corpus import make_project
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, select

from db.schema import LabelExample
from db.sessions import reading

pytestmark = pytest.mark.browser
Visitor = Callable[..., Page]


def test_the_first_click_on_a_tweets_own_page_counts_and_all_tweets_stays_the_list(
    visitor: Visitor, app: AppServer, engine: Engine
) -> None:
    make_project(engine, app.data, count=4)
    app.start()
    page = visitor(path="/data")
    rows = page.get_by_test_id("stDataFrame")
    expect(rows).to_be_visible(timeout=20_000)
    rows.click(position={"x": 20, "y": 50})
    page.get_by_role("button", name="Its own page").click()
    adding = page.get_by_role("button", name="Add as an example of")
    expect(adding).to_be_visible(timeout=20_000)
    assert "tweet=" in page.url
    adding.click()
    page.get_by_role("button", name="Neutral").click()
    expect(page.get_by_text("An example of Neutral")).to_be_visible(timeout=20_000)
    with reading(engine) as session:
        assert [one.label for one in session.scalars(select(LabelExample))] == ["0"]
    expect(adding).to_be_visible()
    for way in (
        page.get_by_role("button", name="All tweets"),
        page.get_by_role("link", name="Data"),
    ):
        address = page.url
        way.click()
        expect(rows).to_be_visible(timeout=20_000)
        assert "tweet=" not in page.url
        page.reload()
        expect(rows).to_be_visible(timeout=20_000)
        page.goto(address)
        expect(adding).to_be_visible(timeout=20_000)
