from opened import Opener, words
from sqlalchemy import Engine, select

from db import jobs, projects
from db.schema import Project, Tweet
from db.sessions import reading, writing


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


def test_a_first_training_that_failed_is_named_with_its_reason(
    project: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        job = jobs.enqueue(project, "train", {"config": {}}, session=session)
        job.state, job.error = "failed", "the disk is full; free some space and resume"
    for name in ("models", "data"):
        at = open_page(name)
        assert not at.exception
        assert "the disk is full" in at.error[0].value


def test_a_reader_of_two_versions_sees_what_would_change(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        found = session.get_one(Project, modelled)
        tweets = session.scalars(select(Tweet).order_by(Tweet.id).limit(3)).all()
        version = projects.get_model(found, 3, session=session)
        version.comparison = {
            "version": 2,
            "fixed": [tweets[0].id],
            "broken": [tweets[1].id, tweets[2].id],
            "difference": {"macro_f1": 0.031, "interval": [-0.01, 0.07]},
            "mcnemar_p": 0.25,
            "reasons": ["recall of label '0' falls by 0.100"],
        }
        texts = [tweet.text for tweet in tweets]
    at = open_page("models")
    assert not at.exception
    assert "1 tweet fixed, 2 tweets broken" in words(at)
    assert "recall of label '0' falls" in words(at)
    lists = [frame.value["Tweet"].tolist() for frame in at.dataframe if "Tweet" in frame.value]
    assert lists == [texts[:1], texts[1:]]
