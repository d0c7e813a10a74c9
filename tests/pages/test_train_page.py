import re
from dataclasses import fields
from typing import Any

import pytest
from opened import Opener, words
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest

from db import jobs
from db.runs import open_run
from db.schema import Annotator, Job, Project, Tweet
from db.sessions import reading, writing
from labeling.answering import record
from labeling.asking import Answer
from labeling.pages.parts import train_form
from trainer.advice import Advice
from trainer.config import TrainConfig, notebook_preset


def test_the_page_begins_with_one_sentence_on_new_answers_and_time(
    modelled: int, open_page: Opener
) -> None:
    at = open_page("train")
    assert not at.exception
    assert not at.error
    assert "since version" in at.text[0].value
    assert re.search(r"training takes (about \d|a few seconds)", at.text[0].value)


def test_counts_are_shown_for_every_split(project: int, open_page: Opener) -> None:
    said = words(open_page("train"))
    for split in ("train", "validation", "test"):
        assert f"{split}: " in said
    assert "never predictions" in said


def test_a_project_without_labels_cannot_start_and_says_how_many_are_missing(
    engine: Engine, open_page: Opener
) -> None:
    from page_project import NAME

    from db import projects
    from labeling import creating

    with writing(engine) as session:
        creating.create_project(NAME, session=session, template="climate")
        projects.get_or_add_annotator("Ada", session=session, role="admin")
    at = open_page("train")
    assert "Too few labels to train" in at.warning[0].value
    start = next(button for button in at.button if button.label == "Start training")
    assert start.disabled


@pytest.mark.parametrize("kind", ["fine_tuned", "probe"])
def test_the_recommended_kind_is_chosen_at_first(
    kind: str, project: int, open_page: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.advice.advise", lambda counts: Advice(kind, "Take it."))
    assert open_page("train").segmented_control(key="train_kind").value == kind


def test_starting_queues_a_training_with_the_settings_on_screen(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("train")
    at.segmented_control(key="train_kind").set_value("probe")
    at.number_input(key="train_epochs").set_value(5)
    at.run()
    next(button for button in at.button if button.label == "Start training").click().run()
    assert not at.exception
    with reading(engine) as session:
        job = jobs.recent_jobs(modelled, session=session, kind="train", limit=1)[0]
        assert job.params["config"]["kind"] == "probe"
        assert job.params["config"]["epochs"] == 5


def test_settings_that_cannot_be_are_refused_in_words(modelled: int, open_page: Opener) -> None:
    at = open_page("train")
    at.text_input(key="train_base_model").set_value("  ").run()
    assert not at.exception
    assert "base_model" in at.error[0].value.replace("\\", "")


# What a person does not set there: commands and notebooks do.
BY_COMMAND = {"threads", "probe_steps", "probe_l2"}


def test_every_setting_is_on_the_page() -> None:
    there = {name for group in train_form.GROUPS.values() for name in group}
    there |= {"kind", "epochs", "base_model", "split"}
    assert there | BY_COMMAND == {field.name for field in fields(TrainConfig)}


def test_an_mlp_head_has_the_widths_that_were_typed(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("train")
    start = "train_Relabel's defaults"
    at.selectbox(key=f"{start}_head").set_value("mlp")
    at.selectbox(key=f"{start}_decay").set_value("cosine")
    at.number_input(key=f"{start}_dropout").set_value(0.1)
    widths = at.text_input(key=f"{start}_mlp_widths")
    widths.set_value("64, wide").run()
    assert not at.exception
    assert "whole numbers from 1 to 8192" in at.error[0].value
    widths.set_value("64 32").run()
    assert not at.error
    next(button for button in at.button if button.label == "Start training").click().run()
    with reading(engine) as session:
        job = jobs.recent_jobs(modelled, session=session, kind="train", limit=1)[0]
        config = TrainConfig.from_json(job.params["config"])
    assert (config.head, config.mlp_widths) == ("mlp", (64, 32))
    assert (config.decay, config.dropout) == ("cosine", 0.1)


def start(at: AppTest) -> AppTest:
    return next(button for button in at.button if button.label == "Start training").click().run()


def seed(at: AppTest) -> Any:
    return at.number_input(key="train_Relabel's defaults_seed")


@pytest.mark.parametrize("state", ["failed", "succeeded"])
def test_settings_are_kept_while_a_training_runs_and_after_it(
    state: str, modelled: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("train")
    at.segmented_control(key="train_kind").set_value("fine_tuned")
    at.number_input(key="train_epochs").set_value(5)
    at.text_input(key="train_base_model").set_value("../etc")
    at.number_input(key="train_Relabel's defaults_dropout").set_value(None)
    seed(at).set_value(7)
    start(at.run())
    with writing(engine) as session:
        job = jobs.recent_jobs(modelled, session=session, kind="train", limit=1)[0]
        job_id, job.state, job.pid = job.id, "running", 1
        jobs.renew(job, session=session)
    assert "A training is running" in words(at.run())
    with writing(engine) as session:
        jobs.get_job(job_id, session=session).state = state
    at.run()
    assert not at.exception
    assert not at.warning
    assert at.segmented_control(key="train_kind").value == "fine_tuned"
    assert at.number_input(key="train_epochs").value == 5
    assert at.text_input(key="train_base_model").value == "../etc"
    assert at.number_input(key="train_Relabel's defaults_dropout").value is None
    assert seed(at).value == 7
    # In another session only what went wrong is there to be put right.
    other = open_page("train")
    assert not other.exception
    assert seed(other).value == (7 if state == "failed" else 0)
    assert other.number_input(key="train_epochs").value == (5 if state == "failed" else 3)


def test_a_kind_that_nobody_chose_follows_the_recommendation(
    modelled: int, open_page: Opener, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.advice.advise", lambda counts: Advice("probe", "Take it."))
    at = start(open_page("train"))
    with writing(engine) as session:
        job = jobs.recent_jobs(modelled, session=session, kind="train", limit=1)[0]
        job.state = "running"
        jobs.renew(job, session=session)
    at.run()
    with writing(engine) as session:
        jobs.recent_jobs(modelled, session=session, kind="train", limit=1)[0].state = "succeeded"
    monkeypatch.setattr("trainer.advice.advise", lambda counts: Advice("fine_tuned", "Take it."))
    assert at.run().segmented_control(key="train_kind").value == "fine_tuned"


def test_a_setting_that_may_be_empty_stays_empty(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("train")
    dropout = at.number_input(key="train_Relabel's defaults_dropout")
    assert dropout.value == 0.0
    assert dropout.proto.HasField("default") is False, "a browser goes back to a default"
    dropout.set_value(None).run()
    assert not at.exception
    start(at)
    with reading(engine) as session:
        job = jobs.recent_jobs(modelled, session=session, kind="train", limit=1)[0]
        assert job.params["config"]["dropout"] is None


def test_a_preset_is_trained_as_it_is_and_shows_its_kind_and_epochs(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("train")
    at.selectbox(key="train_preset").set_value("The course notebook's").run()
    assert not at.exception
    assert not at.warning
    assert at.segmented_control(key="train_kind").value == "fine_tuned"
    assert at.number_input(key="train_epochs").value == 7
    next(button for button in at.button if button.label == "Start training").click().run()
    with reading(engine) as session:
        job = jobs.recent_jobs(modelled, session=session, kind="train", limit=1)[0]
        config = TrainConfig.from_json(job.params["config"])
    assert config == notebook_preset(base_model=config.base_model)


def test_a_job_that_failed_is_shown_with_its_reason_and_can_be_tried_again(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("train")
    next(button for button in at.button if button.label == "Start training").click().run()
    assert "could not be started" in at.error[0].value
    assert any(button.label == "Try again" for button in at.button)


def test_the_last_training_is_the_one_that_a_person_asked_for(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        asked = jobs.recent_jobs(modelled, session=session, kind="train", limit=1)[0]
        asked.result = {"version": 3}
        params = {"config": {}, "then": "promote", "automatic": True}
        own = jobs.enqueue(modelled, "train", params, session=session)
        own.state, own.result = "succeeded", {"version": 2}
    at = open_page("train")
    assert not at.exception
    assert "Version 3, fine-tuned, candidate" in words(at)
    assert at.button(key="promote_3")
    assert "After it the app trained version 2 by itself" in words(at)
    with writing(engine) as session:
        running = jobs.enqueue(modelled, "train", params, session=session).id
        assert jobs.reserve_next(session=session) is not None
        jobs.adopt(running, session=session)
    assert "A training is running" in words(open_page("train"))


def test_a_training_that_only_the_app_asked_for_is_shown_too(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        for job in jobs.recent_jobs(modelled, session=session, kind="train"):
            job.params = {**job.params, "automatic": True}
    assert "Version 3, fine-tuned, candidate" in words(open_page("train"))


def test_a_running_training_shows_progress_and_can_be_cancelled(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        job_id = jobs.enqueue(modelled, "train", {"config": {}}, session=session).id
        assert jobs.reserve_next(session=session) is not None
        jobs.adopt(job_id, session=session)
        jobs.report_progress(
            job_id, session=session, done=10, total=40, message="training", eta_seconds=120.0
        )
    at = open_page("train")
    assert not at.exception
    assert "Closing this page changes nothing" in words(at)
    at.button(key=f"job_cancel_{job_id}").click().run()
    with reading(engine) as session:
        assert session.scalar(select(Job.cancel_requested).where(Job.id == job_id))


def test_who_may_not_train_is_told_who_may_cancel(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        job_id = jobs.enqueue(modelled, "train", {"config": {}}, session=session).id
        assert jobs.reserve_next(session=session) is not None
    for name in ("train", "models"):
        at = open_page(name, person="Ben")
        button = at.button(key=f"job_cancel_{job_id}")
        assert button.disabled
        assert button.help == "Cancelling takes an admin."


def test_a_cancel_that_is_refused_says_so_in_its_place(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        job_id = jobs.enqueue(modelled, "train", {"config": {}}, session=session).id
        assert jobs.reserve_next(session=session) is not None
    at = open_page("train")
    with writing(engine) as session:
        ada = session.scalars(select(Annotator).where(Annotator.name == "Ada")).one()
        ada.role = "annotator"
    at.button(key=f"job_cancel_{job_id}").click().run()
    assert not at.exception
    assert "may not train" in at.error[0].value
    assert "Train" in at.title[0].value
    with reading(engine) as session:
        assert not session.scalar(select(Job.cancel_requested).where(Job.id == job_id))


def test_an_interrupted_training_can_be_resumed(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        job = jobs.enqueue(modelled, "train", {"config": {}}, session=session)
        job.state = "interrupted"
        job_id = job.id
    at = open_page("train")
    assert "was interrupted" in at.warning[0].value
    assert at.button(key=f"job_resume_{job_id}").label == "Resume"


@pytest.mark.parametrize("result", [None, {"version": 4}])
def test_a_cancelled_training_that_kept_a_version_does_not_go_on(
    modelled: int, open_page: Opener, engine: Engine, result: dict[str, int] | None
) -> None:
    with writing(engine) as session:
        job = jobs.enqueue(modelled, "train", {"config": {}}, session=session)
        job.state, job.result = "cancelled", result
    at = open_page("train")
    assert not at.exception
    assert any(button.label == "Resume" for button in at.button) is (result is None)
    said = [info.value for info in at.info if "was cancelled" in info.value]
    assert all(("candidate on Models" in text) is (result is not None) for text in said)


def test_a_cancelled_training_does_not_use_up_the_new_answers(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        ada = session.scalars(select(Annotator).where(Annotator.name == "Ada")).one()
        tweet_id = session.scalars(select(Tweet.id).where(Tweet.imported_label.is_(None))).first()
        answer = Answer(key="one", kind="label", tweet_id=tweet_id or 0, label="1")
        record([answer], session.get_one(Project, modelled), ada, session=session)
        job = jobs.enqueue(modelled, "train", {"config": {}}, session=session)
        facts = {"kind": "probe", "base_model": "bundled"}
        open_run(modelled, job.id, session=session, facts=facts)
        job.state = "cancelled"
    at = open_page("train")
    assert "1 new answer since version 3" in at.text[0].value
