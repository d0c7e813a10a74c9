"""Take the documentation's pictures from the real app with the example project.

    python docs/screenshots.py [--themes light dark] [--sizes wide phone] [--out docs/images]

Brings the example in, waits for the first probe, labels a few tweets, and photographs each page.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from sqlalchemy import select

ROOT = Path(__file__).parent.parent
sys.path.extend([str(ROOT), str(ROOT / "tests" / "browser")])

from app_server import AppServer  # noqa: E402

from db.engine import make_engine  # noqa: E402
from db.projects import get_or_add_annotator, get_project  # noqa: E402
from db.schema import Annotation  # noqa: E402
from db.sessions import writing  # noqa: E402
from labeling.answering import record  # noqa: E402
from labeling.asking import Answer  # noqa: E402

SIZES = {"wide": (1280, 720), "phone": (390, 844)}
PAGES = ("label", "review", "data", "train", "models", "insights", "export", "settings")
# Things that one opens on the label page.
CARD = ("explain", "group", "guide")
SURE = re.compile("[67][0-9] %")
PROJECT = "Climate example"


def prepare(data: Path) -> None:
    """Create the example project by commands, with a probe and a fine-tuned candidate."""
    environment = {**os.environ, "RELABEL_DATA": str(data)}
    for command in (
        ["labeling", "create", PROJECT],
        ["labeling", "import", "examples/climate_example.csv", "--project", PROJECT],
        ["labeling", "prelabel", "--project", PROJECT],
        ["trainer", "run", "--project", PROJECT, "--epochs", "3"],
    ):
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, check=True)


def visit(browser: Browser, app: AppServer, theme: str, size: str) -> Page:
    """Open the app as Ada in a theme and a size."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        device_scale_factor=2 if size == "phone" else 1,
    )
    # The cookie that keeps a person signed in; the app knows her once she has signed in once.
    context.add_cookies([{"name": "relabel_person", "value": "Ada", "url": app.url}])
    page = context.new_page()
    page.goto(app.url)
    return page


def sign_in(page: Page) -> None:
    """Type the first name of an installation."""
    page.get_by_label("Your name").first.fill("Ada", timeout=30_000)
    page.get_by_role("button", name="Continue").click()


def label_some(page: Page) -> None:
    """Answer a few tweets, so that the pages have something to show."""
    expect(page.locator(".relabel .tweet")).not_to_be_empty(timeout=60_000)
    for key in "331f2343":
        page.wait_for_timeout(1500)
        page.keyboard.press(key)
    expect(page.locator(".relabel [data-ref=saved]")).to_have_text("saved ✓", timeout=20_000)


def disagree(data: Path) -> None:
    """Let Ben answer some of Ada's tweets otherwise, so that there is something to review."""
    engine = make_engine(f"sqlite:///{data / 'relabel.db'}")
    with writing(engine) as session:
        project = get_project(PROJECT, session=session)
        ada = get_or_add_annotator("Ada", session=session)
        ben = get_or_add_annotator("Ben", session=session)
        hers = select(Annotation).where(
            Annotation.annotator_id == ada.id, Annotation.label.is_not(None)
        )
        answers = [
            Answer(f"ben-{one.tweet_id}", "label", one.tweet_id, "0" if one.label != "0" else "1")
            for one in session.scalars(hers.order_by(Annotation.tweet_id).limit(3))
        ]
        record(answers, project, ben, session=session)
    engine.dispose()


def photograph(page: Page, app: AppServer, out: Path, name: str) -> None:
    """Save a picture of one page once it has stopped changing."""
    page.goto(f"{app.url}/{'' if name == 'label' else name}")
    page.wait_for_timeout(5000)
    if name == "label":
        walk_to(page, page.locator(".relabel .label.suggested"))  # not one of those asked without
    page.screenshot(path=out)
    print(out)


def photograph_card(page: Page, app: AppServer, out: Path, name: str) -> None:
    """Save a picture of what a key of the card opens."""
    page.goto(app.url)
    expect(page.locator(".relabel .tweet")).not_to_be_empty(timeout=60_000)
    wanted = {
        "guide": page.locator(".relabel .tweet"),
        "group": page.locator(".relabel button.chip"),
        "explain": page.locator(".relabel .label.suggested").filter(has_text=SURE),
    }[name]
    walk_to(page, wanted)
    page.keyboard.press({"explain": "e", "group": "t", "guide": "g"}[name])
    if name == "explain":
        expect(page.locator(".relabel .reason")).to_contain_text("tinted", timeout=60_000)
    page.wait_for_timeout(1500)
    page.screenshot(path=out)
    print(out)


def walk_to(page: Page, wanted: Locator) -> None:
    """Walk on to the first tweet that shows something."""
    for _ in range(60):
        if wanted.count():
            break
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)


def main() -> None:
    """Take all pictures asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--themes", nargs="+", default=["light"], choices=["light", "dark"])
    parser.add_argument("--sizes", nargs="+", default=["wide"], choices=list(SIZES))
    names = [*PAGES, *CARD]
    parser.add_argument("--pages", nargs="+", default=names, choices=names)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--data", type=Path, help="a data directory to use again")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    data = given.data or Path(tempfile.mkdtemp())
    fresh = not (data / "relabel.db").exists()
    if fresh:
        data.mkdir(parents=True, exist_ok=True)
        prepare(data)
    app = AppServer(data)
    app.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for theme in given.themes:
            for size in given.sizes:
                page = visit(browser, app, theme, size)
                if fresh:
                    sign_in(page)
                    label_some(page)
                    fresh = False
                if "review" in given.pages:
                    disagree(data)
                suffix = "" if (theme, size) == ("light", "wide") else f"-{size}-{theme}"
                for name in given.pages:
                    take = photograph_card if name in CARD else photograph
                    take(page, app, given.out / f"{name}{suffix}.png", name)
        browser.close()
    app.kill()


if __name__ == "__main__":
    main()
