from opened import Opener, words
from sqlalchemy import Engine

from db import projects
from db.sessions import reading


def test_a_project_without_versions_says_where_the_first_one_comes_from(
    project: int, open_page: Opener
) -> None:
    at = open_page("models")
    assert not at.exception
    assert "No model version yet" in words(at)


def test_the_table_names_every_version_with_split_number_and_interval(
    modelled: int, open_page: Opener
) -> None:
    at = open_page("models")
    assert not at.exception
    assert not at.error
    table = at.dataframe[0].value
    assert list(table["State"]) == ["candidate", "current", "retired"]
    assert " to " in table["Macro-F1, validation"][0]
    assert "gold labels of the validation split" in words(at)


def test_promoting_the_candidate_makes_it_current_and_says_so(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("models")
    at.button(key="promote_3").click().run()
    assert not at.exception
    with reading(engine) as session:
        project = projects.list_projects(session=session)[0]
        current = projects.current_model(project, session=session)
        assert current is not None
        assert current.number == 3
    assert "Version 3 is current" in at.toast[0].value


def test_an_older_version_is_offered_as_a_roll_back(modelled: int, open_page: Opener) -> None:
    at = open_page("models")
    at.selectbox(key="models_version").select(1).run()
    assert at.button(key="promote_1").label == "Roll back to version 1"


def test_the_current_version_has_no_promote_button(modelled: int, open_page: Opener) -> None:
    at = open_page("models")
    at.selectbox(key="models_version").select(2).run()
    assert not [button for button in at.button if button.key and button.key.startswith("promote")]
