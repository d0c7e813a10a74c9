"""Signing in at a provider, through Streamlit's own sign-in, in a real browser."""

from collections.abc import Iterator

import label_corpus
import pytest
from app_server import AppServer
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, BrowserContext, Page, expect
from provider import Provider
from sqlalchemy import Engine, select

from db import accounts
from db.engine import make_engine
from db.migrate import upgrade
from db.schema import AuditEntry, SignIn
from db.sessions import reading, writing

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[AppServer]:
    """A running app that knows Ben by his address."""
    data = tmp_path_factory.mktemp("oidc")
    engine = make_engine(f"sqlite:///{data / 'relabel.db'}")
    upgrade(engine)
    label_corpus.make_project(engine, data, count=20)
    with writing(engine) as session:
        accounts.add(accounts.NewAccount("Ben", "Ben@Example.org"), session=session)
    engine.dispose()
    server = AppServer(data)
    server.environment.update(provider.settings(server.url))
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


def go_through(page: Page) -> None:
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name="Continue", exact=True).click()


def outside(page: Page) -> None:
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def inside(page: Page) -> None:
    expect(page.get_by_role("link", name="Settings", exact=True)).to_be_visible()


def may_upload(team: AppServer, context: BrowserContext) -> bool:
    """Tell whether the app would look at a file from this browser at all."""
    reply = context.request.put(f"{team.url}/_stcore/upload_file/any/file", data="x")
    assert reply.status in {401, 403}
    return bool(reply.status == 403)  # it asks for the page's token, which this request lacks


def test_a_provider_lets_a_known_address_in_until_they_sign_out(
    team: AppServer, provider: Provider, store: Engine, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(team.url)
    outside(page)
    assert may_upload(team, context) is False
    go_through(page)
    inside(page)
    page.reload()
    inside(page)
    assert may_upload(team, context) is True
    kept = [one for one in context.cookies() if one["name"].startswith("_streamlit_user")]
    assert kept
    assert all(one["httpOnly"] for one in kept)
    page.get_by_role("button", name="Ben").click()
    with page.expect_response(f"{provider.issuer}/end?*"):
        page.get_by_role("button", name="Sign out").click()
    outside(page)
    # Copies of the provider's cookies, kept by whoever took them, are worth nothing now.
    context.add_cookies(kept)
    page.goto(team.url)
    expect(page.get_by_text("This sign-in has ended")).to_be_visible()
    assert may_upload(team, context) is False
    with reading(store) as session:
        (stay,) = session.scalars(select(SignIn))
        assert (stay.way, stay.why) == ("oidc", "signed out")
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions[-2:] == ["sign in", "sign out"]


def test_an_address_that_no_account_has_is_refused(
    team: AppServer, provider: Provider, context: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "email", "eve@example.org")
    page = context.new_page()
    page.goto(team.url)
    go_through(page)
    expect(page.get_by_text("No active account here has the address")).to_be_visible()
    assert may_upload(team, context) is False
    page.get_by_role("button", name="Sign in as somebody else").click()
    outside(page)


@pytest.mark.parametrize("fault", ["another key", "another audience", "not verified"])
def test_a_token_that_is_not_the_providers_for_us_lets_nobody_in(
    fault: str,
    team: AppServer,
    provider: Provider,
    context: BrowserContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if fault == "another key":
        monkeypatch.setattr(provider, "key", RSAKey.generate_key(2048, {"kid": "one"}))
    elif fault == "another audience":
        monkeypatch.setattr(provider, "audience", "somebody else")
    else:
        monkeypatch.setattr(provider, "verified", False)
    page = context.new_page()
    page.goto(team.url)
    go_through(page)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_role("link", name="Settings", exact=True)).to_have_count(0)


def test_a_made_up_answer_of_the_provider_lets_nobody_in(
    team: AppServer, context: BrowserContext
) -> None:
    context.add_cookies([{"name": "_streamlit_user", "value": "e30.forged.x", "url": team.url}])
    page = context.new_page()
    page.goto(f"{team.url}/oauth2callback?code=made-up&state=made-up")
    outside(page)
