"""T11: what people and files write is shown as text, letter by letter, and never acts.

120 texts stand as tweets, labels, projects, people, file name, error, model and reject at once;
every page is opened in Chromium, whose content policy is switched off here: the policy is the
second wall, and must not hide a hole in the first. A server of the test's own listens for
whatever a text gets out.

Faults planted once: st.html for the text of a tweet's own page (scripts ran, the canary was
asked); st.write of a project's name (the canary was asked for a picture, and texts were not shown
as they are). None was planted in the card's own JavaScript.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect
from scale import amount
from scripts import payloads
from sqlalchemy import Engine, select, update

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "browser"), str(HERE.parent / "widget")]

import label_corpus  # noqa: E402
from app_server import AppServer  # noqa: E402
from chromium import browser  # noqa: E402, F401

from db.engine import make_engine  # noqa: E402
from db.migrate import upgrade  # noqa: E402
from db.projects import labels_of, settings_of  # noqa: E402
from db.schema import (  # noqa: E402
    Annotator,
    DuplicateGroup,
    ImportBatch,
    ImportReject,
    Job,
    Label,
    ModelVersion,
    Project,
    Tweet,
)
from db.sessions import writing  # noqa: E402
from labeling.answering import Answer, record  # noqa: E402

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PROJECT = label_corpus.NAME
TOGETHER = " ¦ "
GROUPS = 3
# What is not opened for its texts anyway.
PAGES = ("review", "train", "models", "insights")
PARTS = ("Guidelines", "People", "Log")
# Set by no text of the app, and made by no part of it.
TRACES = "[onerror],[onload],[ontoggle],[onfocus],[onstart],object,embed,marquee,base,[srcdoc]"
SHOWN = """() => {
  const found = [];
  const walk = (root) => {
    for (const one of root.querySelectorAll('*')) {
      if (one.shadowRoot) walk(one.shadowRoot);
      if (one.matches('[data-testid="stText"], .tweet, [role="option"]')) found.push(one.innerText);
    }
  };
  walk(document);
  return found;
}"""


class Canary:
    """Somebody else's server: whoever asks it for anything has been had."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        canary = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                canary.asked.append(self.path)
                self.send_response(204)
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[AppServer]:
    server = AppServer(tmp_path)
    yield server
    server.kill()


def fill(engine: Engine, folder: Path, texts: list[str]) -> None:
    """Make a project in which everything that can be named is named by a hostile text."""
    project_id = label_corpus.make_project(engine, folder, count=len(texts))
    with writing(engine) as session:
        _name_tweets(project_id, texts, session)
        for place, text in enumerate(texts):
            session.add(Label(project_id=project_id, value=f"v{place}", name=text, active=False))
            session.add(Project(name=text, settings={}, source_columns={}))
            session.add(Annotator(name=text))
        session.add(Annotator(name="Ada", role="admin"))
        session.flush()
        for label, text in zip(_active(project_id, session), texts, strict=False):
            label.name = label.description = text
        _name_the_rest(project_id, TOGETHER.join(texts), session)
    with writing(engine) as session:
        project = session.get_one(Project, project_id)
        first = session.scalars(select(Tweet.id).order_by(Tweet.id)).first()
        for place, person in enumerate(session.scalars(select(Annotator)).all()):
            if person.name in texts:
                answer = Answer(
                    key=f"key {place}", kind="label", tweet_id=first, label=str(place % 2)
                )
                record([answer], project, person, session=session)


def _name_tweets(project_id: int, texts: list[str], session) -> None:
    """Give each tweet its text, and put them into three groups: a page shows 50 of a group."""
    tweets = session.scalars(select(Tweet).order_by(Tweet.id)).all()
    heads = [tweets[place].group_id for place in range(GROUPS)]
    session.execute(
        update(DuplicateGroup)
        .where(DuplicateGroup.id.in_(heads))
        .values(size=len(texts) // GROUPS, split="train")
    )
    for place, (tweet, text) in enumerate(zip(tweets, texts, strict=True)):
        tweet.text, tweet.group_id, tweet.split = text, heads[place % GROUPS], "train"


def _active(project_id: int, session) -> list[Label]:
    return list(labels_of(session.get_one(Project, project_id), session=session))


def _name_the_rest(project_id: int, together: str, session) -> None:
    project = session.get_one(Project, project_id)
    project.settings = {**settings_of(project).to_json(), "base_model": together}
    for version in session.scalars(select(ModelVersion)):
        version.base_model = together
    batch = ImportBatch(
        project_id=project_id, file_name=together, sha256="0", state="done", rows=2, rejected=1
    )
    session.add(batch)
    session.flush()
    reject = ImportReject(batch_id=batch.id, line=2, column="x", reason=together, raw=together)
    session.add(reject)
    counts = {"rows": 2, "accepted": 1, "groups": 1, "duplicates": 0, "rejected": 1}
    session.add_all(
        (
            Job(
                project_id=project_id,
                kind="import",
                state="succeeded",
                params={"file_name": together},
                result={**counts, "batch_id": batch.id},
            ),
            Job(project_id=project_id, kind="export", state="failed", error=together),
        )
    )


class Watcher:
    """A page that notes what acted on it."""

    def __init__(self, page: Page, url: str, canary: Canary) -> None:
        self.url, self.canary = url, canary
        self.look_at(page)
        self.hits: list[tuple[str, str]] = []
        self.dialogs: list[str] = []
        self.ran = self.traces = self.views = 0

    def look_at(self, page: Page) -> None:
        """Go on with another page, such as another browser's."""
        self.page = page
        page.on("dialog", self._dialog)

    def _dialog(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self, path: str, person: str | None = "Ada") -> list[str]:
        """Open a page, wait until it stands, and return the texts that it shows."""
        self.page.goto(f"{self.url}{path}")
        # Drawn before the page itself; until then nothing runs yet.
        first = self.page.get_by_role("button", name=person or "Continue", exact=True)
        expect(first).to_be_visible(timeout=60_000)
        expect(self.page.get_by_test_id("stApp")).to_have_attribute(
            "data-test-script-state", "notRunning", timeout=60_000
        )
        return self.look()

    def look(self) -> list[str]:
        self.views += 1
        where = self.page.url.removeprefix(self.url)
        self.hits += [(where, asked) for asked in self.canary.asked[len(self.hits) :]]
        self.ran += bool(self.page.evaluate("window.ran === 1"))
        self.traces += self.page.locator(TRACES).count()
        return [self._said(text) for text in self.page.evaluate(SHOWN)]

    @staticmethod
    def _said(text: str) -> str:
        return text.replace("\u2060", "")


def missing(texts: list[str], shown: list[str]) -> list[str]:
    """Return the texts that are not shown as they are, by themselves or within a line."""
    exact, whole = set(shown), "\n".join(shown)
    return [
        f"{text[_same(text, whole) :][:60]!r} after {text[: _same(text, whole)][-60:]!r}"
        for text in texts
        if text not in exact and text not in whole
    ]


def _same(text: str, whole: str) -> int:
    """Return how many of the text's first characters are shown together somewhere."""
    length = 0
    while length < len(text) and text[: length + 1] in whole:
        length += 1
    return length


def test_texts_are_shown_and_never_act(
    app: AppServer,
    browser: Browser,
    canary: Canary,
    tmp_path: Path,
    tell: Callable[..., None],
) -> None:
    texts = payloads(canary.url)
    assert len(set(texts)) >= 120
    engine = make_engine(f"sqlite:///{tmp_path / 'relabel.db'}")
    upgrade(engine)
    fill(engine, tmp_path, texts)
    engine.dispose()
    app.start()
    context = browser.new_context(bypass_csp=True, viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "relabel_person", "value": "Ada", "url": app.url}])
    watcher = Watcher(context.new_page(), app.url, canary)
    here = f"project={quote(PROJECT)}"
    lost: dict[str, list[str]] = {}
    shown: list[str] = []
    for number in range(1, GROUPS + 1):
        shown += watcher.open(f"/data?{here}&tweet={number}")
    lost["tweet"] = missing(texts, shown)
    lost["annotator"] = missing([f"{text}: " for text in texts], shown)
    lost["project"] = missing(texts, watcher.open(f"/projects?{here}"))
    lost["label"] = missing(texts, watcher.open(f"/settings?{here}"))
    together = [TOGETHER.join(texts)]
    lost["file name"] = missing(together, watcher.open(f"/data?{here}&data_view=Bring+in+a+file"))
    with watcher.page.expect_download() as loaded:
        watcher.page.get_by_role("button", name="Download 1 reject").first.click()
    report = loaded.value.path().read_text(encoding="utf-8")
    lost["reject"] = missing(together, [report.replace('""', '"')])
    watcher.open(f"/export?{here}")
    said = watcher.page.get_by_test_id("stAlert").all_inner_texts()
    lost["error"] = missing(together, [watcher._said(text) for text in said])
    watcher.open(f"/settings?{here}&settings_part=Defaults")
    field = watcher.page.get_by_role("textbox", name="Base model")
    expect(field).not_to_have_value("")
    lost["model"] = missing(together, [field.input_value()])
    for name in PAGES:
        watcher.open(f"/{name}?{here}")
    for part in PARTS:
        watcher.open(f"/settings?{here}&settings_part={part}")
    _walk(watcher, here, amount(8, len(texts)))
    context.close()
    stranger = browser.new_context(bypass_csp=True)
    watcher.look_at(stranger.new_page())
    _pick_names(watcher)
    stranger.close()
    counts = {
        "scripts run": watcher.ran,
        "dialogs": len(watcher.dialogs),
        "canary hits": len(canary.asked),
        "elements made": watcher.traces,
        "texts changed": sum(map(len, lost.values())),
    }
    tell(
        "hostile texts",
        done={"texts": len(texts), "surfaces": len(lost), "page views": watcher.views},
        lost=counts,
    )
    changed = {surface: texts[:3] for surface, texts in lost.items() if texts}
    assert counts == dict.fromkeys(counts, 0), (changed, watcher.hits[:5])


def _walk(watcher: Watcher, here: str, count: int) -> None:
    """Answer tweets on the card, whose texts and labels are hostile, and look at each."""
    watcher.open(f"/label?{here}")
    card = watcher.page.locator(".relabel .tweet")
    for _ in range(count):
        if card.count() == 0:
            break
        watcher.page.keyboard.press("1")
        watcher.look()


def _pick_names(watcher: Watcher) -> None:
    """Look at the list of people's names that the sign-in offers."""
    watcher.open("/projects", person=None)
    watcher.page.get_by_role("combobox").first.click()
    expect(watcher.page.get_by_role("option").first).to_be_visible()
    watcher.look()
