import uuid

import pytest
from opened import Opener, words
from sqlalchemy import Engine, select

from db.schema import Annotator, Label, Project, Tweet
from db.sessions import writing
from labeling.answering import record
from labeling.asking import Answer
from labeling.insights import share_of
from labeling.pages.parts import figures
from labeling.pages.parts.label_set import LabelSet
from labeling.suggestion_effect import Arm, SuggestionEffect


@pytest.fixture
def answered(modelled: int, engine: Engine) -> int:
    """Twelve tweets answered by two people, who differ on every third."""
    with writing(engine) as session:
        ids = session.scalars(select(Tweet.id).where(Tweet.imported_label.is_(None)).limit(12))
        found = session.get_one(Project, modelled)
        people = session.scalars(select(Annotator).order_by(Annotator.name)).all()
        for place, tweet_id in enumerate(ids.all()):
            for person in people:
                differs = place % 3 == 0 and person.name == "Ben"
                answer = Answer(
                    key=uuid.uuid4().hex,
                    kind="label",
                    tweet_id=tweet_id,
                    label="0" if differs else "1",
                    seconds=2.0,
                )
                record([answer], found, person, session=session)
    return modelled


def test_people_are_listed_with_their_answers_and_agreement(
    answered: int, open_page: Opener
) -> None:
    at = open_page("insights")
    assert not at.exception
    assert list(at.dataframe[0].value["Person"]) == ["Ada", "Ben"]
    assert list(at.dataframe[0].value["Answers"]) == [12, 12]
    assert "Krippendorff's alpha" in at.dataframe[1].value["Coefficient"].tolist()
    assert at.dataframe[2].value["Pair"].tolist() == ["Ada, Ben"]


def test_too_few_answers_are_said_to_be_too_few(answered: int, open_page: Opener) -> None:
    at = open_page("insights", insights_part="Suggestions")
    assert not at.exception
    assert "Too few answers" in words(at)


def test_a_label_that_nobody_gave_has_a_share_of_nothing() -> None:
    labels = LabelSet(())
    none = share_of(0, 0)
    shown = Arm(4, none, none, {"1": share_of(4, 4)}, None)
    blind = Arm(6, none, none, {"0": share_of(6, 6)}, None)
    effect = SuggestionEffect(shown, blind, None, None, None, None, "")
    rows = {row[0]: row[1:3] for row in figures.arms(effect, labels).to_numpy().tolist()}
    assert rows["Share of 1"][1].startswith("0.0 % (0.0 % to ")
    assert rows["Share of 0"][0].startswith("0.0 % (0.0 % to ")


def test_the_corpus_part_says_how_far_the_work_is(answered: int, open_page: Opener) -> None:
    at = open_page("insights", insights_part="Corpus")
    assert not at.exception
    assert "have a gold label" in words(at)


def test_labels_named_like_columns_have_columns_of_their_own(
    answered: int, open_page: Opener, engine: Engine
) -> None:
    names = {"0": "Answers", "1": "Day", "2": "Suggestions accepted"}
    with writing(engine) as session:
        for label in session.scalars(select(Label).where(Label.project_id == answered)):
            label.name = names.get(label.value, label.name)
    at = open_page("insights", insights_part="Corpus")
    assert not at.exception
    table = at.dataframe[-1].value
    assert list(table) == [
        "Day",
        "Answers",
        "Answers (label)",
        "Day (label)",
        "Suggestions accepted",
    ]
    assert table["Answers"].tolist() == [24]
    assert table["Answers (label)"].tolist() == [4]
    assert table["Day (label)"].tolist() == [20]


def test_a_project_without_answers_says_so(project: int, open_page: Opener) -> None:
    at = open_page("insights")
    assert not at.exception
    assert "Nobody has answered yet" in words(at)


def test_figures_of_people_are_not_for_annotators(answered: int, open_page: Opener) -> None:
    at = open_page("insights", person="Ben")
    assert "for reviewers and admins" in words(at)
    assert not at.dataframe
