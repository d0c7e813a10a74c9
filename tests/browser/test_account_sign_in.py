"""Signing in with name and password, in a real browser against the real server."""

import re
import urllib.request
from collections.abc import Iterator

import label_corpus
import pytest
from app_server import AppServer
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import Engine, select

from db import accounts, sign_ins
from db.engine import make_engine
from db.migrate import upgrade
from db.schema import AuditEntry, SignIn
from db.sessions import reading, writing
from labeling.accounts import REFUSED

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"  # noqa: S105 - of made-up people


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """A running app with accounts: Ada is an admin, Ben and Cem label."""
    data = tmp_path_factory.mktemp("team")
    engine = make_engine(f"sqlite:///{data / 'relabel.db'}")
    upgrade(engine)
    label_corpus.make_project(engine, data, count=20)
    with writing(engine) as session:
        for name, role in (("Ada", "admin"), ("Ben", "annotator"), ("Cem", "annotator")):
            accounts.add(accounts.NewAccount(name, None, role, PASSWORD), session=session)
    engine.dispose()
    server = AppServer(data)
    server.environment["RELABEL_ACCESS"] = "accounts"
    server.start()
    yield server
    server.kill()


@pytest.fixture
def store(team: AppServer) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{team.data / 'relabel.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context()
    yield made
    made.close()


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_role("textbox", name="Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def inside(page: Page) -> None:
    expect(page.get_by_role("link", name="Settings", exact=True)).to_be_visible()


def outside(page: Page) -> None:
    expect(page.get_by_role("textbox", name="Password", exact=True)).to_be_visible()


def cookie(context: BrowserContext) -> dict:
    return next((one for one in context.cookies() if one["name"] == "relabel_session"), {})


def test_people_come_in_by_password_stay_over_a_reload_and_leave(
    team: AppServer, store: Engine, context: BrowserContext
) -> None:
    # A cookie of the way in without passwords is worth nothing here.
    context.add_cookies([{"name": "relabel_person", "value": "Ada", "url": team.url}])
    page = context.new_page()
    page.goto(team.url)
    outside(page)
    sign_in(page, "Ada", "not the password")
    expect(page.get_by_text(REFUSED)).to_be_visible()
    sign_in(page, "Nobody at all", "not the password")
    expect(page.get_by_text(REFUSED)).to_be_visible()
    with page.expect_response(re.compile("/relabel/session")) as answered:
        sign_in(page, "Ada", PASSWORD)
    assert answered.value.status == 204
    inside(page)
    kept = cookie(context)
    assert kept["httpOnly"]
    assert kept["sameSite"] == "Strict"
    assert "relabel_session" not in page.evaluate("document.cookie")
    page.reload()
    inside(page)
    page.get_by_role("button", name="Ada").click()
    # Nobody becomes somebody else with one click.
    expect(page.get_by_text("Person at this browser")).to_have_count(0)
    with page.expect_response(re.compile("/relabel/session")):
        page.get_by_role("button", name="Sign out").click()
    outside(page)
    assert cookie(context) == {}
    # A copy of the cookie, kept by whoever took it, is worth nothing now.
    context.add_cookies([{**kept}])
    page.reload()
    outside(page)
    with reading(store) as session:
        actions = session.scalars(select(AuditEntry.action)).all()
    assert actions.count("sign in refused") == 2
    assert actions.count("sign in") == actions.count("sign out") == 1


def test_forged_cookies_and_tickets_let_nobody_in(
    team: AppServer, store: Engine, context: BrowserContext
) -> None:
    page = context.new_page()
    for token in ("", "forged", "' OR 1=1 --", "a" * 3000):
        context.add_cookies([{"name": "relabel_session", "value": token, "url": team.url}])
        page.goto(team.url)
        outside(page)
    address = f"{team.url}/relabel/session"
    header = {"X-Relabel": "session"}
    assert context.request.post(address, data="forged", headers=header).status == 403
    assert context.request.post(address, data="", headers=header).status == 403
    assert context.request.post(address, data="a" * 3000, headers=header).status == 413
    with writing(store) as session:
        cem = accounts.named("Cem", session=session)
        ticket = sign_ins.begin(cem, session=session)[1]
    # Without the header another site could have sent it.
    assert context.request.post(address, data=ticket).status == 403
    assert context.request.post(address, data=ticket, headers=header).status == 204
    # Good once.
    assert context.request.post(address, data=ticket, headers=header).status == 403


def test_an_account_that_is_disabled_is_out_at_its_next_act(
    team: AppServer, store: Engine, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(team.url)
    sign_in(page, "Ben", PASSWORD)
    inside(page)
    with writing(store) as session:
        accounts.change(accounts.named("Ben", session=session), session=session, active=False)
    page.get_by_role("link", name="Data", exact=True).click()
    outside(page)
    sign_in(page, "Ben", PASSWORD)
    expect(page.get_by_text(REFUSED)).to_be_visible()


def test_a_stay_that_expired_is_over(
    team: AppServer, store: Engine, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(team.url)
    with page.expect_response(re.compile("/relabel/session")):
        sign_in(page, "Cem", PASSWORD)
    inside(page)
    with writing(store) as session:
        for stay in session.scalars(select(SignIn)):
            stay.seen_at -= sign_ins.IDLE
    page.reload()
    outside(page)


def test_every_answer_of_the_server_carries_the_headers(team: AppServer) -> None:
    with urllib.request.urlopen(team.url, timeout=10) as reply:  # noqa: S310
        headers = reply.headers
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_watchdogs_need_no_sign_in_and_uploads_do(team: AppServer, context: BrowserContext) -> None:
    reply = context.request.get(f"{team.url}/health")
    assert (reply.status, reply.json()) == (200, {"ok": True, "database": "answers"})
    page = context.new_page()
    page.goto(team.url)
    outside(page)
    route = f"{team.url}/_stcore/upload_file/any/file"
    assert context.request.put(route, data="x").status == 401
    with page.expect_response(re.compile("/relabel/session")):
        sign_in(page, "Ada", PASSWORD)
    inside(page)
    page.get_by_role("link", name="Data", exact=True).click()
    page.get_by_role("radio", name="Bring in a file", exact=True).click()
    with page.expect_response(lambda answer: "/_stcore/upload_file/" in answer.url) as sent:
        page.locator("input[type=file]").set_input_files(
            files=[{"name": "a.csv", "mimeType": "text/csv", "buffer": b"message,tweetid\nhi,1\n"}]
        )
    assert sent.value.status == 204
