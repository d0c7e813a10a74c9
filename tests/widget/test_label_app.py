"""The label page without a browser: what surrounds the card, and the plain buttons."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from label_corpus import QUIET, make_project
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest

from db import migrate, projects
from db.engine import make_engine
from db.schema import Annotation, AnnotationEvent
from db.sessions import reading, writing
from db.settings import Settings
from labeling.pages.parts import session_keys

PAGE = str(Path(__file__).parents[2] / "labeling" / "pages" / "label.py")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("RELABEL_DATA", str(tmp_path))
    monkeypatch.delenv("RELABEL_DATABASE_URL", raising=False)
    made = make_engine(Settings.from_environment().database_url)
    migrate.upgrade(made)
    yield made
    made.dispose()


def open_page(engine: Engine, *, plain: bool = False) -> AppTest:
    with writing(engine) as session:
        person = projects.get_or_add_annotator("Ada", session=session, role="admin").id
    at = AppTest.from_file(PAGE, default_timeout=20)
    at.session_state[session_keys.ANNOTATOR] = person
    if plain:
        at.query_params["plain_buttons"] = "true"
    return at.run()


def said(engine: Engine) -> list[tuple[str, str | None]]:
    with reading(engine) as session:
        query = select(AnnotationEvent.kind, AnnotationEvent.label).order_by(AnnotationEvent.id)
        return [(kind, label) for kind, label in session.execute(query)]


def texts(at: AppTest) -> list[str]:
    return [one.value for one in at.text]


def test_without_a_project_the_page_says_so(engine: Engine) -> None:
    at = open_page(engine)
    assert not at.exception
    assert "no project yet" in at.info[0].value


def test_the_card_is_drawn_with_its_tweets(engine: Engine, tmp_path: Path) -> None:
    make_project(engine, tmp_path, count=5)
    at = open_page(engine)
    assert not at.exception
    assert not at.error
    assert at.get("bidi_component")


def test_a_project_without_predictions_can_be_labelled(engine: Engine, tmp_path: Path) -> None:
    make_project(engine, tmp_path, count=5, predicted=False)
    at = open_page(engine)
    assert not at.exception
    assert not at.error


def test_plain_buttons_show_the_tweet_word_for_word_and_record_a_label(
    engine: Engine, tmp_path: Path
) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    assert not at.exception
    before = texts(at)
    at.button(key="label_plain_1").click().run()
    assert not at.exception
    assert said(engine) == [("label", "1")]
    assert texts(at) != before
    assert texts(at)[0].startswith("1 done today")


def test_a_second_press_before_the_page_is_new_is_no_second_answer(
    engine: Engine, tmp_path: Path
) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    at.button(key="label_plain_1").click()
    at.button(key="label_plain_2").click()
    at.run()
    assert not at.exception
    assert len(said(engine)) == 1


def test_plain_undo_shows_the_tweet_again(engine: Engine, tmp_path: Path) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    tweet = texts(at)[1]
    at.button(key="label_plain_2").click().run()
    at.button(key="label_plain_undo").click().run()
    assert tweet in texts(at)
    at.button(key="label_plain_-1").click().run()
    assert said(engine) == [("label", "2"), ("undo", None), ("label", "-1")]
    with reading(engine) as session:
        assert session.scalars(select(Annotation.label)).all() == ["-1"]


def test_plain_flags_and_comments_keep_the_tweet_on_screen(engine: Engine, tmp_path: Path) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    tweet = texts(at)[1]
    at.button(key="label_plain_flag").click().run()
    at.text_input(key="label_plain_comment_words").set_value("irony?")
    next(one for one in at.button if one.label == "Save the comment").click().run()
    assert not at.exception
    assert tweet in texts(at)
    assert [kind for kind, _ in said(engine)] == ["flag", "comment"]
    at.button(key="label_plain_1").click().run()
    with reading(engine) as session:
        stands = session.scalars(select(Annotation)).one()
        assert (stands.label, stands.flagged, stands.comment) == ("1", True, "irony?")


def test_plain_buttons_say_why_nothing_is_left(engine: Engine, tmp_path: Path) -> None:
    make_project(engine, tmp_path, count=1, settings=QUIET)
    at = open_page(engine, plain=True)
    at.button(key="label_plain_skip").click().run()
    assert not at.exception
    assert len(texts(at)) >= 2
    assert all(not button.key.startswith("label_plain_-1") for button in at.button)
