"""What stands around the pages: the phone's menu, and the way in."""

from collections.abc import Callable

import pytest
from app_server import AppServer
from label_corpus import make_project
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, select

from db.schema import Annotator
from db.sessions import reading

pytestmark = pytest.mark.browser
Visitor = Callable[..., Page]
PHONE = (390, 844)


@pytest.fixture
def project(app: AppServer, engine: Engine) -> int:
    number = make_project(engine, app.data, count=4)
    app.start()
    return number


def test_the_phones_menu_can_be_closed_and_closes_itself_behind_a_choice(
    visitor: Visitor, project: int
) -> None:
    page = visitor(size=PHONE, path="/models")
    expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible(timeout=20_000)
    opener, closer = (
        page.get_by_test_id("stExpandSidebarButton"),
        page.get_by_role("button", name="Collapse sidebar"),
    )
    opener.click()
    closer.click()  # nothing lies on it
    expect(closer).to_have_count(0)
    opener.click()
    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible(timeout=20_000)
    expect(closer).to_have_count(0)
    opener.click()
    expect(closer).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible(timeout=20_000)
    expect(closer).to_have_count(0)


@pytest.mark.parametrize("before", ["click", "Tab"])
def test_a_new_name_counts_whatever_follows_the_typing(
    before: str, visitor: Visitor, project: int, engine: Engine
) -> None:
    page = visitor("")
    page.get_by_label("New here? Your name").press_sequentially("Cleo")
    if before == "Tab":
        page.keyboard.press("Tab")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Cleo")).to_be_visible(timeout=20_000)
    with reading(engine) as session:
        assert session.scalar(select(Annotator.role).where(Annotator.name == "Cleo")) == "annotator"


def test_a_page_from_before_the_first_person_takes_what_is_typed_there(
    visitor: Visitor, app: AppServer, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM annotator")
    app.start()
    old, new = visitor(""), visitor("nobody")
    field = old.get_by_label("Your name", exact=True)
    expect(field).to_be_visible(timeout=20_000)
    new.get_by_label("Your name", exact=True).fill("Ada")
    new.get_by_role("button", name="Continue").click()
    expect(new.get_by_role("button", name="Ada")).to_be_visible(timeout=20_000)
    field.fill("Ben")
    old.get_by_role("button", name="Continue").click()
    expect(old.get_by_role("button", name="Ben")).to_be_visible(timeout=20_000)


def test_an_address_of_no_project_stays_as_it_is(visitor: Visitor, project: int) -> None:
    page = visitor(path="/data?project=Nope")
    expect(page.get_by_text("There is no project called “Nope”")).to_be_visible(timeout=20_000)
    assert page.url.endswith("/data?project=Nope")
    page.get_by_test_id("stMain").get_by_role("button", name="Climate stance").last.click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible(timeout=20_000)
    assert page.url.endswith("/data?project=Climate+stance")
