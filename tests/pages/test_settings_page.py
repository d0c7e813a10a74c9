import page_project
import pytest
from opened import Opener, words
from sqlalchemy import Engine, select

from db import projects
from db.project_settings import ProjectSettings
from db.schema import Gold, Project
from db.sessions import reading, writing
from labeling import creating, people
from labeling.templates import NewLabel

RENAMED = {"edited_rows": {0: {"name": "Denies"}}, "added_rows": [], "deleted_rows": []}
MERGE_BOXES = ("Answers of", "count for")


def _click(at, label):
    return next(button for button in at.button if button.label == label).click().run()


def _project(engine: Engine, session):
    return projects.get_project("Climate stance", session=session)


def test_a_label_is_renamed_and_keeps_its_value(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("settings")
    at.session_state[f"settings_labels_{project}_0"] = {
        "edited_rows": {0: {"name": "Denies"}},
        "added_rows": [],
        "deleted_rows": [],
    }
    _click(at, "Save labels")
    assert not at.exception
    with reading(engine) as session:
        label = projects.labels_of(_project(engine, session), session=session)[0]
    assert (label.value, label.name) == ("-1", "Denies")
    assert "Labels saved" in at.toast[0].value


def test_two_labels_with_one_name_are_refused_and_nothing_is_changed(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("settings")
    at.session_state[f"settings_labels_{project}_0"] = {
        "edited_rows": {0: {"name": "Pro"}},
        "added_rows": [],
        "deleted_rows": [],
    }
    _click(at, "Save labels")
    assert "two labels have the name" in at.error[0].value.lower()
    with reading(engine) as session:
        names = [x.name for x in projects.labels_of(_project(engine, session), session=session)]
    assert names == ["Anti", "Neutral", "Pro", "News"]


def test_guidelines_are_saved(project: int, open_page: Opener, engine: Engine) -> None:
    at = open_page("settings", settings_part="Guidelines")
    for text in ("Judge the tweet.", "Judge the **author**."):
        at.text_area[0].set_value(text).run()
        _click(at, "Save guidelines")
        assert not at.exception
        assert not at.error
    with reading(engine) as session:
        assert _project(engine, session).guidelines == "Judge the **author**."


def test_guidelines_that_somebody_else_saved_since_are_not_overwritten(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("settings", settings_part="Guidelines")
    with writing(engine) as session:
        creating.set_guidelines(_project(engine, session), "Mia's.", session=session)
    assert at.run().text_area[0].value == "Mia's."  # nothing was typed here
    at.text_area[0].set_value("Ada's.").run()
    with writing(engine) as session:
        creating.set_guidelines(_project(engine, session), "Mia's again.", session=session)
    _click(at, "Save guidelines")
    assert "somebody else changed the guidelines" in at.error[0].value.lower()
    assert at.text_area[0].value == "Ada's."
    with reading(engine) as session:
        assert _project(engine, session).guidelines == "Mia's again."


def test_labels_that_somebody_else_saved_since_are_not_overwritten(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("settings")
    at.session_state[f"settings_labels_{project}_0"] = RENAMED
    at.run()
    with writing(engine) as session:
        found = _project(engine, session)
        labels = creating.active_labels(found, session=session)
        creating.edit_labels(found, labels[1:], session=session)
    _click(at, "Save labels")
    assert "somebody else changed the labels" in at.error[0].value.lower()
    assert at.dataframe[0].value["value"].tolist()[0] == "-1"  # the row that was renamed
    with reading(engine) as session:
        found = _project(engine, session)
        names = [one.name for one in projects.labels_of(found, session=session)]
    assert names == ["Neutral", "Pro", "News"]


def test_labels_with_unsaved_edits_are_not_merged_and_nothing_is_taken_back(
    project: int, open_page: Opener, engine: Engine
) -> None:
    page_project.give_pro_another_value(engine, project)
    at = open_page("settings")
    at.selectbox(key=f"settings_merge_{project}_0").set_value("0").run()
    at.selectbox(key=f"settings_merge_into_{project}_0").set_value("2").run()

    def disabled() -> list[bool]:
        return [one.disabled for one in at.button if one.label in ("Merge", "Take back")]

    assert disabled() == [False, False]
    at.session_state[f"settings_labels_{project}_0"] = RENAMED
    at.run()
    assert disabled() == [True, True]
    assert "changes that are not saved" in words(at)
    _click(at, "Save labels")
    assert "changes that are not saved" not in words(at)


def test_the_last_admin_cannot_step_down(project: int, open_page: Opener) -> None:
    at = open_page("settings", settings_part="People")
    at.session_state["settings_people_0"] = {
        "edited_rows": {0: {"role": "annotator"}},
        "added_rows": [],
        "deleted_rows": [],
    }
    _click(at, "Save people")
    assert "nobody would be an active admin" in at.error[0].value.lower()


def test_a_role_goes_to_whom_it_was_given_though_somebody_came_in_between(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("settings", settings_part="People")
    at.session_state["settings_people_0"] = {
        "edited_rows": {1: {"role": "reviewer"}},
        "added_rows": [],
        "deleted_rows": [],
    }
    with writing(engine) as session:
        projects.get_or_add_annotator("Bea", session=session)
    _click(at, "Save people")
    assert not at.exception
    assert not at.error
    with reading(engine) as session:
        roles = {one.name: one.role for one in people.list_people(session=session)}
    assert roles == {"Ada": "admin", "Bea": "annotator", "Ben": "reviewer"}
    assert at.dataframe[0].value["name"].tolist() == ["Ada", "Bea", "Ben"]


def test_defaults_are_saved(project: int, open_page: Opener, engine: Engine) -> None:
    at = open_page("settings", settings_part="Defaults")
    order = next(box for box in at.selectbox if box.label == "Order")
    order.set_value("random")
    _click(at, "Save defaults")
    assert not at.exception
    with reading(engine) as session:
        stored = projects.settings_of(_project(engine, session))
    assert stored.queue_order == "random"


def test_what_is_typed_for_a_project_is_not_saved_into_another(
    project: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        other = creating.create_project("Up", session=session, template="climate").id
    at = open_page("settings", settings_part="Defaults", project="Climate stance")
    next(box for box in at.number_input if box.label == "Goal of a day").set_value(77)
    next(box for box in at.multiselect if box.label == "Ada").set_value(["1"])
    at.button(key=f"relabel_project_picker_{other}").click().run()
    _click(at, "Save defaults")
    assert not at.exception
    with reading(engine) as session:
        stored = projects.settings_of(projects.get_project("Up", session=session))
    assert stored == ProjectSettings()


def test_saving_a_default_leaves_those_that_somebody_else_saved_since(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("settings", settings_part="Defaults")
    with writing(engine) as session:
        changes = {"daily_goal": 77, "expertise": {"2": ["1"]}}
        creating.update_settings(_project(engine, session), changes, session=session)
    next(box for box in at.number_input if box.label == "People per tweet").set_value(2)
    _click(at, "Save defaults")
    assert not at.error
    with reading(engine) as session:
        stored = projects.settings_of(_project(engine, session))
    assert (stored.overlap, stored.daily_goal, stored.expertise) == (2, 77, {"2": ["1"]})
    assert next(box for box in at.number_input if box.label == "Goal of a day").value == 77


@pytest.mark.parametrize(
    ("name", "kept"),
    [("no model/at/all", False), ("/no/such/folder", False), ("", False), ("bert-base", True)],
)
def test_a_base_model_that_cannot_be_one_is_refused_when_it_is_saved(
    name: str, kept: bool, project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("settings", settings_part="Defaults")
    next(box for box in at.text_input if box.label == "Base model").set_value(name)
    _click(at, "Save defaults")
    assert not at.exception
    assert [error.value.endswith("or a name like bert-base-uncased") for error in at.error] == (
        [] if kept else [True]
    )
    with reading(engine) as session:
        assert (projects.settings_of(_project(engine, session)).base_model == name) is kept


def test_an_annotator_sees_settings_but_cannot_save(project: int, open_page: Opener) -> None:
    at = open_page("settings", person="Ben")
    assert "Only an admin" in words(at)
    assert next(button for button in at.button if button.label == "Save labels").disabled


def test_labels_are_merged_and_the_newest_change_is_taken_back(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("settings")
    at.selectbox(key=f"settings_merge_{project}_0").set_value("0").run()
    at.selectbox(key=f"settings_merge_into_{project}_0").set_value("1").run()
    next(button for button in at.button if button.label == "Merge").click().run()
    assert not at.exception
    assert "Neutral counts for Pro." in words(at)
    assert at.selectbox(key=f"settings_merge_{project}_1").value is None
    with reading(engine) as session:
        assert not session.scalar(select(Gold.tweet_id).where(Gold.label == "0").limit(1))
    next(button for button in at.button if button.label == "Take back").click().run()
    assert not at.exception
    assert "Neutral counts for Pro." not in words(at)
    assert "0 parted from 1 again" in words(at)
    with reading(engine) as session:
        assert session.scalar(select(Gold.tweet_id).where(Gold.label == "0").limit(1))


def test_a_renamed_label_is_listed_and_gets_its_name_back(
    project: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        found = session.get_one(Project, project)
        labels = projects.labels_of(found, session=session)
        wanted = [
            NewLabel(one.value, "Favour" if one.name == "Pro" else one.name, one.description)
            for one in labels
            if one.value != "2"
        ]
        creating.edit_labels(found, wanted, session=session)
    at = open_page("settings")
    assert "Pro (1) renamed Favour" in words(at)
    assert "News (2) retired" in words(at)
    next(button for button in at.button if button.label == "Take back").click().run()
    assert not at.exception
    with reading(engine) as session:
        found = session.get_one(Project, project)
        names = [one.name for one in projects.labels_of(found, session=session)]
    assert names == ["Anti", "Neutral", "Pro", "News"]


def test_a_retired_label_is_told_from_the_active_one_of_its_name(
    project: int, open_page: Opener, engine: Engine
) -> None:
    page_project.give_pro_another_value(engine, project)
    at = open_page("settings")
    assert "Retired: Pro (1)" in words(at)
    merge, into = (next(box for box in at.selectbox if box.label == x) for x in MERGE_BOXES)
    assert merge.options == ["Anti", "Neutral", "Pro (1, retired)", "Pro", "News"]
    merge.select("Pro (1, retired)").run()
    into.select("Pro").run()
    _click(at, "Merge")
    assert not at.exception
    assert "Pro (1, merged) counts for Pro." in words(at)
    with reading(engine) as session:
        found = projects.labels_of(_project(engine, session), session=session, active=False)
    assert {one.value: one.merged_into for one in found}["1"] == "pro"
