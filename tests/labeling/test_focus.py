"""Orders worked out ahead, searching, asking for one label, and who knows which labels best."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from small_store import LABELS, Store, add_model, make_store
from sqlalchemy import insert, select, update

from db.errors import InvalidSettingError
from db.project_settings import ProjectSettings
from db.schema import DuplicateGroup, Gold, Job, ModelVersion, Prediction, QueueScore, Tweet
from db.types import now
from labeling import ordering
from labeling.errors import AnswerError, NotEnoughLabels
from labeling.focus import Focus
from labeling.queue import put_back, why_empty
from labeling.searching import MOST

MakeStore = Callable[..., Store]


@pytest.fixture
def store_of(tmp_path: Path) -> MakeStore:
    def make(groups: tuple[int, ...] = (1,) * 20, **more: object) -> Store:
        return make_store(tmp_path, groups, **more)  # type: ignore[arg-type]

    return make


def work_out_as(store: Store, kind: str, tweet_ids: list[int]) -> None:
    with store.write() as (session, project, _):
        rows = [
            {"project_id": project.id, "kind": kind, "tweet_id": tweet_id, "score": float(place)}
            for place, tweet_id in enumerate(tweet_ids)
        ]
        session.execute(insert(QueueScore), rows)


@pytest.mark.parametrize("size", [20, 2500])
@pytest.mark.parametrize("order", ["diverse", "disagreement"])
def test_an_order_worked_out_ahead_comes_first_and_then_the_default(
    store_of: MakeStore, order: str, size: int
) -> None:
    store = store_of((1,) * size, queue_order=order)
    work_out_as(store, order, [9, 5, 7])
    items = store.ask(count=5)
    assert [item.tweet_id for item in items] == [9, 5, 7, 1, 2]
    assert [item.reason for item in items] == [order] * 3 + ["margin"] * 2


def test_a_person_may_choose_another_order_than_the_project(store_of: MakeStore) -> None:
    store = store_of((1,) * 20)
    work_out_as(store, "diverse", [9, 5, 7])
    assert [item.reason for item in store.ask(count=2, focus=Focus("diverse"))] == ["diverse"] * 2
    assert {item.reason for item in store.ask("bob", focus=Focus("random"))} == {"random"}
    with pytest.raises(AnswerError, match="no order"):
        Focus("alphabetical")


@pytest.mark.parametrize("size", [20, 2500])
def test_a_search_asks_only_for_training_tweets_that_contain_it(
    store_of: MakeStore, size: int
) -> None:
    store = store_of((1,) * size, splits=("train", "test"), random_share=0.5)
    with store.write() as (session, _, _person):
        session.execute(update(Tweet).where(Tweet.id.in_((5, 6, 11))).values(text="100% ICE_cold"))
    items = store.ask(count=5, focus=Focus(search="0% ice_"))
    assert [item.tweet_id for item in items] == [5, 11]
    assert {(item.reason, item.probability) for item in items} == {("focus", None)}
    store.label(items[0], "1")
    assert [item.tweet_id for item in store.ask(focus=Focus(search="0% ice_"))] == [11]


def test_nothing_found_says_what_was_looked_for(store_of: MakeStore) -> None:
    store = store_of()
    focus = Focus(search="polar bear", predicted_as="1")
    assert store.ask(focus=focus) == []
    with store.read() as (session, project, person):
        said = why_empty(project, person, session=session, focus=focus)
    assert "contains 'polar bear'" in said
    assert "taken for 'L1'" in said
    assert "clear the search" in said


def test_a_search_looks_at_a_bounded_number_of_tweets(store_of: MakeStore) -> None:
    store = store_of((1,) * (MOST + 500))
    assert len(store.ask(count=30, focus=Focus(search="text"))) == 30
    with pytest.raises(AnswerError, match="201 characters"):
        Focus(search="x" * 201)


def test_what_a_person_held_can_be_put_back_for_another_order(store_of: MakeStore) -> None:
    store = store_of()
    assert [item.tweet_id for item in store.ask(count=3)] == [1, 2, 3]
    with store.write() as (session, project, person):
        put_back(project, person, session=session)
    found = store.ask(count=3, focus=Focus(predicted_as=LABELS[3]))
    assert [item.tweet_id for item in found] == [4, 8, 12]
    assert [item.tweet_id for item in store.ask("bob", count=3)] == [1, 2, 3]


@pytest.mark.parametrize("size", [20, 2500])
def test_tweets_go_first_to_whoever_knows_their_suggested_label_best(
    store_of: MakeStore, size: int
) -> None:
    store = store_of((1,) * size)
    with store.write("ann") as (_, _project, ann):
        who = str(ann.id)
    store.set(expertise={who: ["1"]})
    assert [item.tweet_id for item in store.ask("bob", count=6)] == [1, 2, 4, 5, 6, 8]
    assert [item.tweet_id for item in store.ask("ann", count=3)] == [3, 7, 11]


def test_what_experts_are_kept_for_reaches_others_when_nothing_else_is_left(
    store_of: MakeStore,
) -> None:
    store = store_of((1,) * 8)
    store.set(expertise={"77": ["1"]})
    assert [item.tweet_id for item in store.ask("bob")] == [1, 2, 4, 5, 6, 8, 3, 7]


@pytest.mark.parametrize("wrong", [{"1": "0"}, {"x": ["0"]}, {"1": [0]}, ["1"]])
def test_expertise_of_the_wrong_form_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidSettingError, match="expertise"):
        ProjectSettings(expertise=wrong)  # type: ignore[arg-type]


def test_disagreement_puts_first_what_two_versions_see_differently(
    store_of: MakeStore, tmp_path: Path
) -> None:
    store = store_of((1,) * 6, queue_order="disagreement")
    with pytest.raises(NotEnoughLabels, match="two model versions"):
        ordering.work_out(store.engine, 1, "disagreement", cache=tmp_path)
    with store.write() as (session, project, _):
        session.execute(update(ModelVersion).values(state="retired"))
        newer = add_second_model(project, session)
        rows = session.scalars(select(Prediction).where(Prediction.model_version_id == newer.id))
        for row in rows:
            said = dict(zip(reversed(LABELS), row.probabilities, strict=True))
            row.probabilities = [said[label] for label in LABELS]
            if row.tweet_id in {3, 5}:
                row.probabilities = row.probabilities[1:] + row.probabilities[:1]
        newer.label_map = list(LABELS)
        session.add(Gold(tweet_id=6, project_id=project.id, label="1", source="single"))
        session.execute(update(DuplicateGroup).where(DuplicateGroup.id == 6).values(open=False))
        project_id = project.id
    assert ordering.work_out(store.engine, project_id, "disagreement", cache=tmp_path) > 0
    with store.read() as (session, _, _person):
        places = session.execute(
            select(QueueScore.tweet_id, QueueScore.score).order_by(QueueScore.score)
        ).all()
        said = {
            (row.model_version_id, row.tweet_id): np.array(row.probabilities)
            for row in session.scalars(select(Prediction))
        }
    assert 6 not in {row.tweet_id for row in places}
    for row in places:
        first, second = (said[model, row.tweet_id] for model in (1, 2))
        assert -row.score == pytest.approx(np.abs(first - second).sum() / 2)
    assert store.ask(count=1)[0].tweet_id == places[0].tweet_id


def add_second_model(project, session):
    session.execute(update(ModelVersion).values(number=7))
    return add_model(project, (1,) * 6, session)


def test_diverse_spreads_over_what_is_open_and_keeps_away_from_what_is_known(
    store_of: MakeStore, tmp_path: Path
) -> None:
    store = store_of((1,) * 6, splits=("train",))
    texts = {
        1: "the ice is melting",
        2: "the ice is melting fast",
        3: "football is on tonight",
        4: "the ice is melting now",
        5: "tax the rich",
        6: "the ice melts",
    }
    with store.write() as (session, project, _):
        for number, text in texts.items():
            session.execute(update(Tweet).where(Tweet.id == number).values(text=text))
        session.add(Gold(tweet_id=1, project_id=project.id, label="1", source="single"))
        session.execute(update(DuplicateGroup).where(DuplicateGroup.id == 1).values(open=False))
        project_id = project.id
    assert ordering.work_out(store.engine, project_id, "diverse", cache=tmp_path) == 5
    items = store.ask(count=5, focus=Focus("diverse"))
    assert {item.tweet_id for item in items[:2]} == {3, 5}
    assert {item.tweet_id for item in items} == {2, 3, 4, 5, 6}


def test_an_order_is_worked_out_anew_only_where_it_runs_dry(store_of: MakeStore) -> None:
    store = store_of((1,) * 300)

    def due(order: str, model_id: int = 1) -> bool:
        with store.read() as (session, project, _):
            return ordering.due(project.id, order, model_id, session=session)

    def ran(order: str) -> None:
        with store.write() as (session, project, _):
            params = {"order": order, "model_version_id": 1}
            long_ago = now() - timedelta(hours=1)
            session.add(
                Job(
                    project_id=project.id,
                    kind="order",
                    params=params,
                    state="succeeded",
                    finished_at=long_ago,
                )
            )

    assert not due("margin")
    assert due("diverse")
    ran("diverse")
    assert due("diverse")  # it found nothing, or all of it is answered
    work_out_as(store, "diverse", list(range(1, 201)))
    assert not due("diverse")
    with store.write() as (session, _, _person):
        session.execute(update(DuplicateGroup).where(DuplicateGroup.id < 150).values(open=False))
    assert due("diverse")
    ran("disagreement")
    work_out_as(store, "disagreement", list(range(1, 301)))
    assert not due("disagreement")
    assert due("disagreement", model_id=2)
