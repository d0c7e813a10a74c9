import pytest
from opened import Opener, words
from sqlalchemy import Engine, select

from db import projects
from db.schema import Annotator
from db.sessions import reading, writing
from labeling.pages.parts import session_keys


def test_the_first_person_types_a_name_and_becomes_admin(engine: Engine, open_page: Opener) -> None:
    at = open_page("projects", person="nobody yet")
    assert "The first person here is the admin" in words(at)
    at.text_input(key="sign_in_name").set_value(" Ada ")
    at.button[0].click().run()
    assert not at.exception
    with reading(engine) as session:
        person = session.scalars(select(Annotator)).one()
    assert (person.name, person.role) == ("Ada", "admin")
    assert at.session_state[session_keys.ANNOTATOR] == person.id


def test_later_people_pick_their_name(project: int, open_page: Opener, engine: Engine) -> None:
    at = open_page("projects", person="nobody")
    at.selectbox(key="sign_in_known").set_value("Ben")
    at.button[0].click().run()
    assert not at.exception
    with reading(engine) as session:
        ben = session.scalars(select(Annotator).where(Annotator.name == "Ben")).one()
    assert at.session_state[session_keys.ANNOTATOR] == ben.id


def test_a_new_name_typed_beside_the_known_ones_counts(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("projects", person="nobody")
    at.selectbox(key="sign_in_known").set_value("Ben")
    at.text_input(key="sign_in_name").set_value("Cleo")
    at.button[0].click().run()
    assert not at.exception
    with reading(engine) as session:
        cleo = session.scalars(select(Annotator).where(Annotator.name == "Cleo")).one()
    assert (at.session_state[session_keys.ANNOTATOR], cleo.role) == (cleo.id, "annotator")


def test_a_page_from_before_the_first_person_takes_the_name_that_was_typed_there(
    engine: Engine, open_page: Opener
) -> None:
    at = open_page("projects", person="nobody yet")
    at.text_input(key="sign_in_name").set_value("Ben")
    with writing(engine) as session:
        projects.get_or_add_annotator("Ada", session=session, role="admin")
    at.button[0].click().run()
    assert not at.exception
    with reading(engine) as session:
        ben = session.scalars(select(Annotator).where(Annotator.name == "Ben")).one()
    assert at.session_state[session_keys.ANNOTATOR] == ben.id


@pytest.mark.parametrize("name", ["", "   ", "a\u0000b", "tab\there"])
def test_a_name_that_cannot_be_is_refused(name: str, engine: Engine, open_page: Opener) -> None:
    at = open_page("projects", person="nobody yet")
    at.text_input(key="sign_in_name").set_value(name)
    at.button[0].click().run()
    assert "visible characters" in at.error[0].value
    with reading(engine) as session:
        assert session.scalars(select(Annotator)).all() == []


def test_signing_out_asks_for_a_name_again(project: int, open_page: Opener) -> None:
    at = open_page("projects")
    next(button for button in at.button if button.label == "Sign out").click().run()
    assert "Who is labelling?" in words(at)


def test_a_database_of_a_newer_program_is_named_in_one_line(
    engine: Engine, open_page: Opener
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    at = open_page("projects")
    assert not at.exception
    assert "start the newer version" in at.error[0].value
