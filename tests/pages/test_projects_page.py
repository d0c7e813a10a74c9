import time
from pathlib import Path

import pytest
from opened import Opener, words
from sqlalchemy import Engine

from db import jobs, projects
from db.sessions import reading, writing


@pytest.fixture
def admin(engine: Engine) -> None:
    """An installation with one person and no project."""
    with writing(engine) as session:
        projects.get_or_add_annotator("Ada", session=session, role="admin")


def _button(at, label):
    return next(button for button in at.button if button.label == label)


def test_an_empty_installation_offers_the_example_and_a_project_of_ones_own(
    admin: None, open_page: Opener
) -> None:
    at = open_page("projects")
    assert not at.exception
    labels = [button.label for button in at.button]
    assert "Bring in the example project" in labels
    assert "Create the project" in labels


def test_other_pages_of_an_empty_installation_lead_to_projects(
    admin: None, open_page: Opener
) -> None:
    for name in ("train", "models", "data", "export"):
        at = open_page(name)
        assert not at.exception
        assert "There is no project yet" in words(at)


def test_a_project_is_created_from_the_template(
    admin: None, open_page: Opener, engine: Engine
) -> None:
    at = open_page("projects")
    at.text_input(key="projects_name").set_value("Stance *2026*")
    _button(at, "Create the project").click().run()
    assert not at.exception
    with reading(engine) as session:
        project = projects.get_project("Stance *2026*", session=session)
        names = [label.name for label in projects.labels_of(project, session=session)]
    assert names == ["Anti", "Neutral", "Pro", "News"]


def test_a_project_is_created_with_labels_made_by_hand(
    admin: None, open_page: Opener, engine: Engine
) -> None:
    at = open_page("projects")
    at.text_input(key="projects_name").set_value("Tone")
    at.radio(key="projects_template").set_value("own").run()
    at.session_state["projects_labels"] = {
        "edited_rows": {
            0: {"value": "a", "name": "Angry", "description": "It shouts."},
            1: {"value": "c", "name": "Calm"},
        },
        "added_rows": [],
        "deleted_rows": [],
    }
    _button(at, "Create the project").click().run()
    assert not at.exception
    with reading(engine) as session:
        project = projects.get_project("Tone", session=session)
        found = [(x.value, x.hotkey) for x in projects.labels_of(project, session=session)]
    assert found == [("a", "1"), ("c", "2")]


@pytest.mark.parametrize(
    ("name", "message"), [("", "Give the project a name"), ("Climate stance", "exists already")]
)
def test_a_name_that_cannot_be_creates_nothing(
    name: str, message: str, project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("projects")
    at.text_input(key="projects_name").set_value(name)
    _button(at, "Create the project").click().run()
    assert message in at.error[0].value
    with reading(engine) as session:
        assert len(projects.list_projects(session=session)) == 1


@pytest.mark.slow
def test_one_click_brings_the_example_in_and_pre_labels_it(
    admin: None, open_page: Opener, engine: Engine, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    monkeypatch.setenv("RELABEL_ENGINE", "local")
    at = open_page("projects")
    _button(at, "Bring in the example project").click().run()
    assert not at.exception
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        with reading(engine) as session:
            found = projects.list_projects(session=session)[0]
            recent = jobs.recent_jobs(found.id, session=session)
            # The first classifier pre-labels before it takes over, in the same job.
            if any(job.kind == "train" and job.state == "succeeded" for job in recent):
                break
            assert not [job.error for job in recent if job.state == "failed"]
        time.sleep(0.5)
    at = open_page("data")
    assert "have a prediction" in words(at)
    assert not list((data / "uploads").iterdir())


def test_an_address_of_no_project_opens_none_and_leads_to_those_that_there_are(
    project: int, open_page: Opener
) -> None:
    for name in ("data", "settings", "label", "projects"):
        at = open_page(name, project="*Nope*")
        assert not at.exception
        said = name != "projects"
        assert ("There is no project called “\\*Nope\\*”" in words(at)) is said
        assert dict(at.query_params) == {"project": "*Nope*"}
        assert not [button for button in at.button if button.label == "Save labels"]
    at = open_page("data", project="Nope")
    at.button(key=f"relabel_project_picker_instead_{project}").click().run()
    assert "160 tweets" in words(at)
    assert dict(at.query_params) == {"project": "Climate stance"}
