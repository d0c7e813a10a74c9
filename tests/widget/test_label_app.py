"""The label page without a browser: what surrounds the card, and the plain buttons."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from label_corpus import QUIET, make_project
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button, TextInput

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


def button(at: AppTest, label: str) -> Button:
    return next(one for one in at.button if one.label == label)


def comment(at: AppTest) -> TextInput:
    return next(one for one in at.text_input if one.label == "Comment on this tweet")


def comments(engine: Engine) -> list[tuple[str | None, str | None]]:
    with reading(engine) as session:
        query = select(Annotation.label, Annotation.comment).order_by(Annotation.event_id)
        return [(label, words) for label, words in session.execute(query)]


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
    button(at, "Pro").click().run()
    assert not at.exception
    assert said(engine) == [("label", "1")]
    assert texts(at) != before
    assert texts(at)[0].startswith("1 done today")


def test_a_second_press_before_the_page_is_new_is_no_second_answer(
    engine: Engine, tmp_path: Path
) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    button(at, "Pro").click()
    button(at, "News").click()
    at.run()
    assert not at.exception
    assert len(said(engine)) == 1


def test_plain_undo_shows_the_tweet_again(engine: Engine, tmp_path: Path) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    tweet = texts(at)[1]
    button(at, "News").click().run()
    button(at, "Undo the last answer").click().run()
    assert tweet in texts(at)
    button(at, "Anti").click().run()
    assert said(engine) == [("label", "2"), ("undo", None), ("label", "-1")]
    with reading(engine) as session:
        assert session.scalars(select(Annotation.label)).all() == ["-1"]


def test_plain_flags_and_comments_keep_the_tweet_on_screen(engine: Engine, tmp_path: Path) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    tweet = texts(at)[1]
    button(at, "Flag").click().run()
    comment(at).set_value("irony?")
    button(at, "Save the comment").click().run()
    assert not at.exception
    assert tweet in texts(at)
    assert [kind for kind, _ in said(engine)] == ["flag", "comment"]
    button(at, "Pro").click().run()
    with reading(engine) as session:
        stands = session.scalars(select(Annotation)).one()
        assert (stands.label, stands.flagged, stands.comment) == ("1", True, "irony?")


def test_plain_buttons_say_why_nothing_is_left(engine: Engine, tmp_path: Path) -> None:
    make_project(engine, tmp_path, count=1, settings=QUIET)
    at = open_page(engine, plain=True)
    button(at, "Skip").click().run()
    assert not at.exception
    assert len(texts(at)) >= 2
    assert "Anti" not in [one.label for one in at.button]


def test_a_plain_comment_that_was_not_saved_goes_with_the_answer_and_not_on_to_the_next_tweet(
    engine: Engine, tmp_path: Path
) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    comment(at).set_value("about the first")
    button(at, "Pro").click().run()
    assert not at.exception
    assert comment(at).value == ""
    button(at, "Save the comment").click().run()
    assert comments(engine) == [("1", "about the first")]
    button(at, "Undo the last answer").click().run()
    assert comment(at).value == "about the first"


def test_an_emptied_plain_comment_is_taken_away(engine: Engine, tmp_path: Path) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    comment(at).set_value("oops").run()
    assert comments(engine) == [(None, "oops")]
    comment(at).set_value("").run()
    assert comments(engine) == []
    button(at, "Pro").click().run()
    assert comments(engine) == [("1", None)]


def test_a_plain_button_pressed_twice_answers_no_tweet_that_was_not_on_screen(
    engine: Engine, tmp_path: Path
) -> None:
    make_project(engine, tmp_path, count=8)
    at = open_page(engine, plain=True)
    pressed = button(at, "Pro")
    pressed.click().run()
    assert button(at, "Pro").key != pressed.key
