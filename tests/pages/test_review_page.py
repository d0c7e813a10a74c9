import uuid

import pytest
from opened import Opener, words
from sqlalchemy import Engine, select

from db.schema import Annotator, Gold, Project, Tweet
from db.sessions import reading, writing
from labeling.answering import record
from labeling.asking import Answer


@pytest.fixture
def disputed(project: int, engine: Engine) -> int:
    """A tweet that Ada calls Pro and Ben calls Anti; return its number."""
    with writing(engine) as session:
        tweet_id = session.scalars(select(Tweet.id).where(Tweet.imported_label.is_(None))).first()
        assert tweet_id is not None
        found = session.get_one(Project, project)
        for name, label in (("Ada", "1"), ("Ben", "-1")):
            person = session.scalars(select(Annotator).where(Annotator.name == name)).one()
            answer = Answer(key=uuid.uuid4().hex, kind="label", tweet_id=tweet_id, label=label)
            record([answer], found, person, session=session)
    return tweet_id


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
    at.button(key="review_decide_1").click().run()
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
    at.button(key="review_decide_-1").click().run()
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
