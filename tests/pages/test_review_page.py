import uuid
from typing import Any

import pytest
from opened import Opener, words
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from db.projects import get_or_add_annotator
from db.schema import Annotator, Gold, Project, Tweet
from db.sessions import reading, writing
from labeling.answering import record
from labeling.asking import Answer
from labeling.review import adjudicate


def disagree(engine: Engine, project: int, count: int) -> list[int]:
    """Have Ada call tweets Pro and Ben call them Anti; return their numbers."""
    with writing(engine) as session:
        query = select(Tweet.id).where(Tweet.imported_label.is_(None)).order_by(Tweet.id)
        tweets = list(session.scalars(query.limit(count)))
        for tweet_id in tweets:
            say(session, project, tweet_id, "Ada", kind="label", label="1")
            say(session, project, tweet_id, "Ben", kind="label", label="-1")
    return tweets


def say(session: Session, project: int, tweet_id: int, name: str, **what: Any) -> None:
    person = session.scalars(select(Annotator).where(Annotator.name == name)).one()
    answer = Answer(key=uuid.uuid4().hex, tweet_id=tweet_id, **what)
    record([answer], session.get_one(Project, project), person, session=session)


def decide(engine: Engine, project: int, tweet_id: int, label: str, note: str = "") -> None:
    """Decide as Rita, who is at another browser."""
    with writing(engine) as session:
        rita = get_or_add_annotator("Rita", session=session, role="reviewer")
        adjudicate(
            session.get_one(Project, project), tweet_id, label, rita, session=session, note=note
        )


def press(at: AppTest, label: str) -> AppTest:
    return next(button for button in at.button if button.label == label).click().run()


def notes(at: AppTest) -> list[tuple[str | None, str | None]]:
    return [(one.key, one.value) for one in at.text_input if one.label.startswith("Why")]


def golds(engine: Engine) -> dict[int, tuple[str, str, str]]:
    with reading(engine) as session:
        decided = session.scalars(select(Gold).where(Gold.source == "adjudicated"))
        return {one.tweet_id: (one.label, one.source, one.note) for one in decided}


@pytest.fixture
def disputed(project: int, engine: Engine) -> int:
    """A tweet that Ada calls Pro and Ben calls Anti; return its number."""
    return disagree(engine, project, 1)[0]


def test_a_disagreement_shows_the_tweet_and_who_said_what(disputed: int, open_page: Opener) -> None:
    at = open_page("review")
    assert not at.exception
    assert "people disagree (1)" in words(at)
    assert "Ada: Pro" in words(at)
    assert "Ben: Anti" in words(at)


def test_names_can_be_hidden(disputed: int, open_page: Opener) -> None:
    at = open_page("review")
    at.toggle(key="review_hide_names").set_value(True).run()
    assert "Ben" not in words(at)
    assert "Somebody: Anti" in words(at)


def test_a_project_may_hide_names_until_the_decision(
    disputed: int, project: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        found = session.get_one(Project, project)
        found.settings = {**found.settings, "hide_names": True}
    at = open_page("review")
    assert not at.toggle
    assert "Ben" not in words(at)
    at.button(key=f"review_decide_{disputed}_1").click().run()
    assert "Last decision: Pro (Ada: Pro, Ben: Anti)" in words(at)


def test_taking_back_has_its_place_before_the_first_decision(
    disputed: int, open_page: Opener
) -> None:
    at = open_page("review")
    assert "No decision here yet" in words(at)
    assert next(button for button in at.button if button.label == "Take it back").disabled


def test_a_decision_becomes_gold_and_can_be_taken_back(
    disputed: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("review")
    at.text_input(key=f"review_note_{disputed}").set_value("Irony counts as meant.")
    at.button(key=f"review_decide_{disputed}_-1").click().run()
    assert not at.exception
    with reading(engine) as session:
        gold = session.get_one(Gold, disputed)
        assert (gold.label, gold.source, gold.note) == (
            "-1",
            "adjudicated",
            "Irony counts as meant.",
        )
    assert "The queue is empty" in words(at)
    next(button for button in at.button if button.label == "Take it back").click().run()
    with reading(engine) as session:
        gold_now = session.get(Gold, disputed)
        assert gold_now is None or gold_now.source != "adjudicated"
    assert "Ada: Pro" in words(at)


def test_an_annotator_cannot_review(disputed: int, open_page: Opener) -> None:
    at = open_page("review", person="Ben")
    assert "takes a reviewer" in words(at)
    assert not [button for button in at.button if button.label.startswith("Decide")]


def test_an_empty_queue_says_what_will_come_here(project: int, open_page: Opener) -> None:
    at = open_page("review")
    assert not at.exception
    assert "come here by themselves" in words(at)


def test_a_decision_on_a_tweet_that_another_decided_meanwhile_is_refused_and_its_reason_kept(
    project: int, open_page: Opener, engine: Engine
) -> None:
    first, second = disagree(engine, project, 2)
    at = open_page("review")
    decide(engine, project, first, "1")
    at.text_input(key=f"review_note_{first}").set_value("Irony counts as meant.")
    at.button(key=f"review_decide_{first}_-1").click().run()
    assert golds(engine) == {first: ("1", "adjudicated", "")}
    (said,) = [one.value for one in at.error]
    assert "already decided by Rita: Pro" in said
    assert "Irony counts as meant." in said
    assert notes(at) == [(f"review_note_{second}", "")]
    press(at, "Decide Anti")
    assert golds(engine)[second] == ("-1", "adjudicated", "")
    assert not at.error


def test_a_second_press_of_the_same_decision_is_one_decision(
    disputed: int, project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("review")
    at.text_input(key=f"review_note_{disputed}").set_value("So it is.")
    pressed = at.button(key=f"review_decide_{disputed}_1")
    pressed.click().run()
    with writing(engine) as session:
        ada = session.scalars(select(Annotator).where(Annotator.name == "Ada")).one()
        adjudicate(session.get_one(Project, project), disputed, "1", ada, session=session)
    assert golds(engine) == {disputed: ("1", "adjudicated", "So it is.")}


def test_the_tweet_in_view_stays_when_another_one_is_decided_elsewhere(
    project: int, open_page: Opener, engine: Engine
) -> None:
    first, second, third = disagree(engine, project, 3)
    at = open_page("review")
    press(at, "Later")
    assert notes(at) == [(f"review_note_{second}", "")]
    decide(engine, project, first, "1")
    at.toggle(key="review_hide_names").set_value(True).run()
    assert notes(at) == [(f"review_note_{second}", "")]
    assert "1 of 2" in words(at)
    decide(engine, project, second, "1")
    press(at, "Later")
    assert notes(at) == [(f"review_note_{third}", "")]


def test_a_reason_outlives_later_back_and_taking_the_decision_back(
    project: int, open_page: Opener, engine: Engine
) -> None:
    first, second = disagree(engine, project, 2)
    at = open_page("review")
    at.text_input(key=f"review_note_{first}").set_value("Half written")
    press(at, "Later")
    assert notes(at) == [(f"review_note_{second}", "")]
    press(at, "Back")
    assert notes(at) == [(f"review_note_{first}", "Half written")]
    press(at, "Decide Pro")
    assert golds(engine)[first][2] == "Half written"
    assert notes(at) == [(f"review_note_{second}", "")]
    press(at, "Take it back")
    assert notes(at) == [(f"review_note_{first}", "Half written")]
    assert golds(engine) == {}
    at.switch_page("labeling/pages/data.py").run()
    at.switch_page("labeling/pages/review.py").run()
    assert notes(at) == [(f"review_note_{first}", "Half written")]


def test_who_flagged_a_tweet_without_an_answer_gave_no_answer(
    project: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        tweet_id = session.scalars(select(Tweet.id)).first()
        assert tweet_id is not None
        say(session, project, tweet_id, "Ada", kind="flag")
        say(session, project, tweet_id, "Ben", kind="skip")
    at = open_page("review")
    assert "Ada: no answer" in words(at)
    assert "Ben: skipped" in words(at)


def test_without_a_chosen_reason_the_page_does_not_call_the_queue_empty(
    disputed: int, open_page: Opener
) -> None:
    at = open_page("review")
    at.session_state["review_reasons"] = []
    at.run()
    assert "Nothing waits for the chosen reasons." in words(at)
    assert "The queue is empty" not in words(at)
