"""The card as a test sees it, and what the store holds."""

from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine, select

from db.schema import Annotation, AnnotationEvent
from db.sessions import reading

SAVED = "saved ✓"


def ready(page: Page) -> Page:
    """Wait until the card has its first tweet."""
    expect(page.locator(".relabel .tweet")).not_to_be_empty(timeout=20_000)
    expect(saved(page)).to_have_text(SAVED, timeout=10_000)
    return page


def saved(page: Page) -> Locator:
    return page.locator(".relabel [data-ref=saved]")


def tweet(page: Page) -> str:
    return page.locator(".relabel .tweet").evaluate("element => element.textContent")


def events(engine: Engine) -> list[AnnotationEvent]:
    with reading(engine) as session:
        found = session.scalars(select(AnnotationEvent).order_by(AnnotationEvent.id)).all()
        session.expunge_all()
        return list(found)


def standing(engine: Engine) -> list[str | None]:
    with reading(engine) as session:
        return list(session.scalars(select(Annotation.label).order_by(Annotation.event_id)))
