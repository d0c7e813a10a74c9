"""What the card and the store say to each other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from label_corpus import make_project
from sqlalchemy import Engine, func, select

from db import migrate, projects
from db.engine import make_engine
from db.schema import Annotation, AnnotationEvent, Lease
from db.sessions import reading, writing
from labeling.widget import exchange as wire
from labeling.widget.exchange import (
    Exchange,
    Taken,
    fill,
    look_again,
    model_due,
    refill,
    take,
    to_json,
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(f"sqlite:///{tmp_path / 'relabel.db'}")
    migrate.upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def exchange(engine: Engine, tmp_path: Path) -> Exchange:
    project_id = make_project(engine, tmp_path)
    with writing(engine) as session:
        person = projects.get_or_add_annotator("Ada", session=session).id
    made = Exchange(project_id, person)
    refill(made, engine=engine)
    return made


def label(exchange: Exchange, key: str, *, place: int = 0, value: str = "1") -> dict[str, Any]:
    item = exchange.items[place]
    return {
        "key": key,
        "kind": "label",
        "tweet_id": item.tweet_id,
        "label": value,
        "seconds": 1.5,
        "shown": True,
        "lease_generation": item.lease_generation,
    }


def events(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count(AnnotationEvent.id))) or 0


def test_an_outbox_is_recorded_and_every_key_acknowledged(
    engine: Engine, exchange: Exchange
) -> None:
    sent = [label(exchange, "a"), label(exchange, "b", place=1, value="-1")]
    taken = take(sent, exchange, engine=engine)
    assert [(one.key, one.state) for one in taken.acks] == [("a", "saved"), ("b", "saved")]
    assert events(engine) == 2


def test_a_key_that_comes_again_is_acknowledged_again_and_recorded_once(
    engine: Engine, exchange: Exchange
) -> None:
    sent = [label(exchange, "a")]
    take(sent, exchange, engine=engine)
    again = take(sent, exchange, engine=engine)
    other_page = Exchange(exchange.project_id, exchange.annotator_id)
    elsewhere = take(sent, other_page, engine=engine)
    assert [one.key for one in again.acks] == ["a"]
    assert [(one.key, one.state) for one in elsewhere.acks] == [("a", "repeated")]
    assert events(engine) == 1


def test_an_answer_that_cannot_be_read_holds_up_no_other(
    engine: Engine, exchange: Exchange
) -> None:
    broken = {**label(exchange, "b"), "tweet_id": "seven"}
    unknown = {**label(exchange, "c", place=1), "label": "9"}
    sent = ["nonsense", {"kind": "label"}, broken, unknown, label(exchange, "a", place=2)]
    taken = take(sent, exchange, engine=engine)
    states = {one.key: one.state for one in taken.acks}
    assert states == {"a": "saved", "b": "refused", "c": "refused"}
    assert events(engine) == 1


def test_an_answered_tweet_leaves_the_hand_and_a_refused_one_stays(
    engine: Engine, exchange: Exchange
) -> None:
    first, second = exchange.items[:2]
    take(
        [label(exchange, "a"), {**label(exchange, "b", place=1), "label": "9"}],
        exchange,
        engine=engine,
    )
    left = [item.tweet_id for item in exchange.items]
    assert first.tweet_id not in left
    assert second.tweet_id in left


def test_the_hand_is_filled_when_it_gets_low_and_not_before(
    engine: Engine, exchange: Exchange
) -> None:
    assert len(exchange.items) == wire.AT_HAND
    few = wire.AT_HAND - wire.REFILL_BELOW
    take([label(exchange, f"k{n}", place=n) for n in range(few)], exchange, engine=engine)
    refill(exchange, engine=engine)
    assert len(exchange.items) == wire.REFILL_BELOW
    take([label(exchange, "one more")], exchange, engine=engine)
    refill(exchange, engine=engine)
    assert len(exchange.items) == wire.AT_HAND
    ids = [item.tweet_id for item in exchange.items]
    assert len(set(ids)) == len(ids)


def test_a_page_leaves_the_fetching_to_its_next_answer_while_another_fetches(
    engine: Engine, exchange: Exchange
) -> None:
    few = wire.AT_HAND - wire.REFILL_BELOW + 1
    take([label(exchange, f"k{n}", place=n) for n in range(few)], exchange, engine=engine)
    with wire._fetching:
        refill(exchange, engine=engine)
        assert len(exchange.items) == wire.AT_HAND - few
        more = len(exchange.items) - wire.URGENT_BELOW + 1
        take([label(exchange, f"m{n}", place=n) for n in range(more)], exchange, engine=engine)
        assert fill(exchange, engine=engine), "a card that would run dry waits for nobody"
    assert len(exchange.items) >= wire.REFILL_BELOW


def test_a_reload_gives_back_ones_own_tweets_and_another_person_gets_others(
    engine: Engine, exchange: Exchange
) -> None:
    again = Exchange(exchange.project_id, exchange.annotator_id)
    refill(again, engine=engine)
    assert [one.tweet_id for one in again.items] == [one.tweet_id for one in exchange.items]
    with writing(engine) as session:
        ben = projects.get_or_add_annotator("Ben", session=session).id
    other = Exchange(exchange.project_id, ben)
    refill(other, engine=engine)
    assert not {one.tweet_id for one in other.items} & {one.tweet_id for one in exchange.items}


def test_an_undo_brings_the_tweet_back_under_a_new_claim(
    engine: Engine, exchange: Exchange
) -> None:
    item = exchange.items[0]
    take([label(exchange, "a")], exchange, engine=engine)
    undo = {"key": "z", "kind": "undo", "tweet_id": item.tweet_id, "undoes_key": "a"}
    taken = take([undo], exchange, engine=engine)
    refill(exchange, engine=engine)
    assert [one.state for one in taken.acks] == ["saved"]
    claims = {one.tweet_id: one.lease_generation for one in exchange.items}
    assert claims[item.tweet_id] != item.lease_generation
    with reading(engine) as session:
        assert session.scalar(select(func.count(Annotation.id))) == 0


def test_what_the_card_gets_is_plain_and_complete(engine: Engine, exchange: Exchange) -> None:
    taken = take([label(exchange, "a")], exchange, engine=engine)
    data = to_json(exchange, taken, engine=engine, base="lab")
    assert [ack["key"] for ack in data["ack"]] == ["a"]
    assert [entry["key"] for entry in data["history"]] == ["a"]
    assert data["counters"]["done_today"] == 1
    assert data["counters"]["goal"] == 1000
    assert [one["hotkey"] for one in data["labels"]] == ["1", "2", "3", "4"]
    assert data["base"] == "lab"
    assert data["empty"] == ""
    assert to_json(exchange, Taken(), engine=engine, base="")["run"] == data["run"] + 1


def test_the_card_is_told_of_remarks_on_tweets_that_wait(
    engine: Engine, exchange: Exchange
) -> None:
    first, second = (item.tweet_id for item in exchange.items[:2])
    sent = [
        {"key": "c", "kind": "comment", "tweet_id": first, "comment": "hm"},
        {"key": "f", "kind": "flag", "tweet_id": second},
    ]
    taken = take(sent, exchange, engine=engine)
    again = Exchange(exchange.project_id, exchange.annotator_id)
    refill(again, engine=engine)
    told = to_json(again, taken, engine=engine, base="")["remarks"]
    assert sorted(told, key=lambda one: one["tweet_id"] != first) == [
        {"tweet_id": first, "flagged": False, "comment": "hm"},
        {"tweet_id": second, "flagged": True, "comment": None},
    ]


def test_two_projects_and_two_people_keep_their_answers_apart_in_the_browser(
    engine: Engine, exchange: Exchange, tmp_path: Path
) -> None:
    other_project = make_project(engine, tmp_path, count=5, name="Other")
    with writing(engine) as session:
        ben = projects.get_or_add_annotator("Ben", session=session).id
    scopes = {
        to_json(Exchange(project, person), Taken(), engine=engine, base="")["scope"]
        for project in (exchange.project_id, other_project)
        for person in (exchange.annotator_id, ben)
    }
    assert len(scopes) == 4


def test_an_empty_queue_says_why(engine: Engine, exchange: Exchange) -> None:
    for number in range(100):
        if not exchange.items:
            break
        take([label(exchange, f"k{number}")], exchange, engine=engine)
        refill(exchange, engine=engine)
    data = to_json(exchange, Taken(), engine=engine, base="")
    assert data["items"] == []
    assert data["empty"]
    with reading(engine) as session:
        assert session.scalar(select(func.count(Lease.id))) == 0


def test_the_model_is_looked_after_following_labels_but_not_at_each_of_them(
    engine: Engine, exchange: Exchange
) -> None:
    assert not model_due(exchange)
    take([label(exchange, "a")], exchange, engine=engine)
    assert model_due(exchange)
    take([label(exchange, "b")], exchange, engine=engine)
    assert not model_due(exchange)
    assert exchange.unseen_labels


def test_the_model_is_looked_after_again_when_a_job_was_in_the_way(
    engine: Engine, exchange: Exchange
) -> None:
    take([label(exchange, "a")], exchange, engine=engine)
    assert model_due(exchange)
    look_again(exchange)
    assert not model_due(exchange)  # not at once
    exchange.looked_after_at = float("-inf")
    assert model_due(exchange)
