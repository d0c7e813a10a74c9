from pathlib import Path

from opened import Opener, words
from sqlalchemy import Engine, select

from db import jobs, projects
from db.model_versions import promote
from db.schema import Gold, Project, Tweet
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
    assert "gold labels of the test split" in words(at)


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
    at.selectbox(key="models_version_scores").select(1).run()
    assert at.button(key="promote_1").label == "Roll back to version 1"


def test_the_current_version_has_no_promote_button(modelled: int, open_page: Opener) -> None:
    at = open_page("models")
    at.selectbox(key="models_version_scores").select(2).run()
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
            "negative_flip_rate": 0.02,
            "per_label": {
                "-1": {
                    "support": 40,
                    "current_recall": 0.5,
                    "candidate_recall": 0.6,
                    "change": 0.1,
                    "interval": [-0.05, 0.25],
                },
                "0": {
                    "support": 0,
                    "current_recall": None,
                    "candidate_recall": None,
                    "change": None,
                    "interval": None,
                },
            },
            "reasons": ["recall of label '0' falls by 0.100"],
        }
        texts = [tweet.text for tweet in tweets]
    at = open_page("models")
    assert not at.exception
    assert "1 tweet fixed, 2 tweets broken (2.0 % of all: the negative-flip rate)" in words(at)
    recalls = next(frame.value for frame in at.dataframe if "Change" in frame.value)
    assert recalls.to_numpy().tolist() == [
        ["Anti", 40, "0.500", "0.600", "+0.100", "-0.050 to +0.250"],
        ["Neutral", 0, "–", "–", "–", "–"],
    ]
    assert "Not promoted by itself because:\n– recall of label 'Neutral' falls" in words(at)
    lists = [frame.value["Tweet"].tolist() for frame in at.dataframe if "Tweet" in frame.value]
    assert lists == [texts[:1], texts[1:]]


def test_what_was_fixed_and_broken_says_what_is_right_and_what_each_version_said(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        found = session.get_one(Project, modelled)
        query = select(Gold).where(Gold.label == "1").order_by(Gold.tweet_id).limit(4)
        gold = session.scalars(query).all()
        before, version = (projects.get_model(found, n, session=session) for n in (2, 3))
        version.comparison = {
            "version": 2,
            "fixed": [gold[0].tweet_id, gold[1].tweet_id],
            "broken": [gold[2].tweet_id, gold[3].tweet_id],
        }
        for row, wrong in ((before, [gold[0]]), (version, [gold[2], gold[3]])):
            kept = [
                {"tweet": one.tweet_id, "truth": "1", "predicted": "2", "confidence": 0.9}
                for one in wrong
            ]
            row.metrics = {**row.metrics, "mistakes": {"test": kept}}
        gold[3].label = "0"  # changed since: what was said of it then is not known any more
    at = open_page("models")
    assert not at.exception
    fixed, broken = (frame.value for frame in at.dataframe if "Tweet" in frame.value)
    said = ["Gold label", "Version 2", "Version 3"]
    assert fixed[said].to_numpy().tolist() == [["Pro", "News", "Pro"], ["Pro", "–", "–"]]
    assert broken[said].to_numpy().tolist() == [["Pro", "Pro", "News"], ["Neutral", "–", "–"]]
    assert all("tweet=" in address for address in [*fixed["Open"], *broken["Open"]])


def test_the_page_opens_on_a_newer_candidate_else_on_the_version_in_use(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    assert open_page("models").selectbox(key="models_version_scores").value == 3
    with writing(engine) as session:
        found = session.get_one(Project, modelled)
        promote(projects.get_model(found, 3, session=session), session=session)
        promote(projects.get_model(found, 2, session=session), session=session)
    at = open_page("models")
    assert at.selectbox(key="models_version_scores").value == 2
    at.selectbox(key="models_version_scores").select(3).run()
    assert at.button(key="promote_3").label == "Use version 3 again"


def test_every_score_stands_beside_the_version_in_use_and_what_must_be_beaten(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        version = projects.get_model(session.get_one(Project, modelled), 3, session=session)
        yardsticks = dict.fromkeys(("tfidf", "majority"), version.metrics["test"])
        version.metrics = {**version.metrics, "baselines": yardsticks}
    at = open_page("models")
    beside = next(frame.value for frame in at.dataframe if "Classifier" in frame.value)
    assert list(beside["Classifier"]) == [
        "Version 3",
        "Version 2, in use",
        "TF-IDF with logistic regression",
        "Majority label",
    ]
    assert {"Macro-F1", "Accuracy", "Weighted F1", "Log loss", "Calibration error"} < set(beside)
    assert " to " in beside["Macro-F1"][0]


def test_the_errors_of_the_version_in_use_have_an_address_and_show_what_was_corrected(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        version = projects.get_model(session.get_one(Project, modelled), 2, session=session)
        query = (
            select(Gold)
            .join(Tweet, Tweet.id == Gold.tweet_id)
            .where(Tweet.split == "test")
            .limit(2)
        )
        first, second = session.scalars(query).all()
        wrong = [
            {"tweet": gold.tweet_id, "truth": gold.label, "predicted": "2", "confidence": sure}
            for gold, sure in ((first, 0.9), (second, 0.7))
        ]
        version.metrics = {**version.metrics, "mistakes": {"test": wrong}}
        second.label = "1" if second.label != "1" else "0"
        texts = [session.get_one(Tweet, gold.tweet_id).text for gold in (first, second)]
    at = open_page("models", models_view="Errors")
    assert not at.exception
    assert "most confident errors" in words(at)
    shown = next(frame.value for frame in at.dataframe if "Predicted" in frame.value)
    assert list(shown["Tweet"]) == texts
    assert list(shown["Confidence"]) == [0.9, 0.7]
    assert shown["Label now"][0] == ""
    assert shown["Label now"][1] != ""
    assert "tweet=" in shown["Open"][0]


def test_a_version_from_before_errors_were_kept_says_so(modelled: int, open_page: Opener) -> None:
    at = open_page("models", models_view="Errors")
    assert "before errors were kept" in words(at)


CURVE = {
    "kind": "probe",
    "points": [
        {"labels": n, "scores": [s], "mean": s, "low": s - 0.01, "high": s + 0.01}
        for n, s in ((10, 0.3), (20, 0.35), (40, 0.4), (80, 0.42))
    ],
    "fitted": [{"labels": n, "value": 0.4, "low": 0.38, "high": 0.42} for n in (10, 80, 580)],
    "law": {"ceiling": 0.5, "scale": 1.0, "decay": 0.5},
    "more": 500,
    "gain": {"value": 0.031, "low": 0.01, "high": 0.05},
    "seeds": [0, 1, 2],
}
SPLIT = {"method": "m", "macro_f1": [0.6, 0.62], "mean": 0.61, "seen": 0.0, "straddling": 0}
LEAKAGE = {
    "n": 100,
    "grouped": SPLIT,
    "random": {**SPLIT, "macro_f1": [0.7, 0.72], "mean": 0.71, "seen": 0.23},
    "flattery": 0.1,
}


def test_both_studies_are_asked_for_on_the_page_and_their_answers_stay(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("models", models_view="Studies")
    assert not at.exception
    at.segmented_control(key="curve_kind").set_value("fine_tuned").run()
    at.button(key="study_curve").click().run()
    with reading(engine) as session:
        asked = jobs.recent_jobs(modelled, session=session, kind="curve")[0]
        assert asked.params["kind"] == "fine_tuned"
    assert "could not be started" in at.error[0].value  # the tests' engine starts nothing
    with writing(engine) as session:
        for kind, result in (("curve", CURVE), ("leakage", LEAKAGE)):
            job = jobs.enqueue(modelled, kind, {}, session=session)
            job.state, job.result = "succeeded", result
    at = open_page("models", models_view="Studies")
    assert not at.exception
    said = words(at)
    assert "500 more labels would likely add +0.031 macro-F1 (+0.010 to +0.050)" in said
    assert "10.0 points of macro-F1 more" in said
    table = at.dataframe[-1].value
    assert list(table["Test tweets with a copy in training"]) == ["0.0 %", "23.0 %"]


def test_a_damaged_version_is_not_put_in_use(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with reading(engine) as session:
        project = projects.list_projects(session=session)[0]
        version = projects.get_model(project, 3, session=session)
    file = Path(str(engine.url.database)).parent / version.directory / "classifier.json"
    file.write_text("{ }")
    at = open_page("models")
    at.button(key="promote_3").click().run()
    assert not at.exception
    assert "classifier.json" in at.error[0].value
    with reading(engine) as session:
        project = projects.list_projects(session=session)[0]
        current = projects.current_model(project, session=session)
        assert current is not None
        assert current.number == 2
