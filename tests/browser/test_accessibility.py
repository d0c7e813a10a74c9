"""axe-core finds no serious or critical fault on any page, in either theme."""

import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from app_server import AppServer
from card_page import ready
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, select

from db.schema import Annotator, Project, Tweet
from db.sessions import writing
from labeling.answering import record
from labeling.asking import Answer

TESTS = Path(__file__).resolve().parents[1]
sys.path.append(str(TESTS / "pages"))

from page_project import add_version, make_project, write_tweets  # noqa: E402

pytestmark = pytest.mark.browser
Visitor = Callable[..., Page]
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
PAGES = (
    "label",
    "review",
    "data",
    "data?tweet=600002",
    "train",
    "models",
    "insights",
    "insights?insights_part=Corpus",
    "export",
    "settings",
    "settings?settings_part=Guidelines",
    "projects",
)
LOOKS_MS = (0, 100, 500, 1000, 2000, 4000, 8000)  # pauses before each look; a fault stays
FAULTS = """
async () => {
  // What is still fading in would be measured too pale.
  const moving = document.getAnimations().filter((one) =>
    one.effect?.getTiming().iterations !== Infinity);
  await Promise.allSettled(moving.map((one) => one.finished));
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations
    .filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.html.slice(0, 160)}`));
}
"""


@pytest.fixture
def served(app: AppServer, engine: Engine) -> AppServer:
    project_id = make_project(engine, write_tweets(app.data / "tweets.csv"))
    add_version(engine, project_id, "fine_tuned", quality=0.7, current=True)
    add_version(engine, project_id, "probe", quality=0.6, current=False)
    with writing(engine) as session:
        tweet_id = session.scalars(select(Tweet.id).where(Tweet.imported_label.is_(None))).first()
        project = session.get_one(Project, project_id)
        for name, label in (("Ada", "1"), ("Ben", "-1")):
            person = session.scalars(select(Annotator).where(Annotator.name == name)).one()
            answer = Answer(key=uuid.uuid4().hex, kind="label", tweet_id=tweet_id or 0, label=label)
            record([answer], project, person, session=session)
    app.start()
    return app


def settled(page: Page) -> None:
    expect(page.locator("[data-testid=stApp]")).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=30_000
    )
    expect(page.locator("[data-stale=true]")).to_have_count(0, timeout=30_000)


def lasting_faults(page: Page) -> list[str]:
    """Return what stays wrong: a page that runs anew while it is measured pales meanwhile.

    On a busy machine a page runs for seconds, more than once.
    """
    found: list[str] = []
    for pause in LOOKS_MS:
        page.wait_for_timeout(pause)
        settled(page)
        found = page.evaluate(FAULTS)
        if not found:
            break
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_fault(visitor: Visitor, served: AppServer, theme: str) -> None:
    page = visitor(path="/label")
    page.emulate_media(color_scheme=theme)
    found = {}
    for name in PAGES:
        page.goto(f"{served.url}/{name}")
        if name == "label":
            ready(page)
        settled(page)
        page.evaluate(AXE)
        found[name] = lasting_faults(page)
    faults = [f"{name}: {fault}" for name, some in found.items() for fault in some]
    if faults:
        pytest.fail("\n".join(faults))
