"""Who is asked what: order, claims, shares, and what comes back on a reload."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from small_store import Store
from sqlalchemy import select, update

from db.schema import (
    Annotation,
    AnnotationEvent,
    DuplicateGroup,
    Gold,
    Lease,
    ModelVersion,
    Prediction,
    Tweet,
)
from db.types import now
from labeling.focus import Focus
from labeling.queue import why_empty

MakeStore = Callable[..., Store]


def expire_claims(store: Store) -> None:
    with store.write() as (session, _, _person):
        session.execute(update(Lease).values(expires_at=now() - timedelta(seconds=1)))


def test_the_least_sure_come_first(store_of: MakeStore) -> None:
    store = store_of()
    assert [item.tweet_id for item in store.ask(count=5)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("order", "first"), [("least_confident", 1), ("margin", 1), ("entropy", 1)]
)
def test_each_order_begins_with_its_most_telling(
    store_of: MakeStore, order: str, first: int
) -> None:
    store = store_of(queue_order=order)
    item = store.ask(count=1)[0]
    assert (item.tweet_id, item.reason) == (first, order)


def test_large_projects_are_walked_in_the_same_order(store_of: MakeStore) -> None:
    store = store_of((1,) * 2500)  # more than candidates.FEW, so by index
    for order in ("least_confident", "margin", "entropy"):
        store.set(queue_order=order)
        items = store.ask(order, count=6)
        assert len({item.reason for item in items}) == 1
        confidences = [item.suggestion.confidence for item in items if item.suggestion]
        assert confidences == sorted(confidences)
        assert len(confidences) == 6
    held = [
        item.tweet_id
        for order in ("least_confident", "margin", "entropy")
        for item in store.ask(order, count=6)
    ]
    assert sorted(held) == list(range(1, 19))


def test_the_walk_goes_on_where_the_person_was_and_comes_back_for_what_it_left(
    store_of: MakeStore,
) -> None:
    store = store_of((1,) * 9000)
    with store.write() as (session, project, person):
        # All predictions but the last ten are of tweets that this person has skipped.
        session.flush()
        event = AnnotationEvent(
            idempotency_key="s",
            project_id=project.id,
            tweet_id=1,
            annotator_id=person.id,
            kind="skip",
        )
        session.add(event)
        session.flush()
        session.add_all(
            Annotation(
                project_id=project.id,
                tweet_id=number,
                annotator_id=person.id,
                kind="skip",
                event_id=event.id,
            )
            for number in range(1, 9001)
            if number not in {5, 8995}
        )
    items = store.ask(count=1)
    assert [item.tweet_id for item in items] == [5]
    store.label(items[0], "1")
    assert [item.tweet_id for item in store.ask(count=5)] == [8995]


def test_two_people_never_hold_the_same_tweet(store_of: MakeStore) -> None:
    store = store_of()
    mine = {item.tweet_id for item in store.ask("ann", count=8)}
    theirs = {item.tweet_id for item in store.ask("bob", count=8)}
    assert len(mine) == len(theirs) == 8
    assert not mine & theirs


def test_a_reload_shows_the_same_tweets_in_the_same_order_and_mode(store_of: MakeStore) -> None:
    store = store_of((1,) * 60, random_share=0.3, blind_share=0.3, splits=("train", "test"))
    before = store.ask()
    store.ask("bob")
    after = store.ask()
    assert [item.to_json() for item in before] == [item.to_json() for item in after]


def test_what_the_browser_has_is_not_sent_again(store_of: MakeStore) -> None:
    store = store_of()
    first = [item.tweet_id for item in store.ask(count=5)]
    more = [item.tweet_id for item in store.ask(count=5, exclude=first)]
    assert len(more) == 5
    assert not set(first) & set(more)
    assert [item.tweet_id for item in store.ask(count=10)] == first + more


def test_claims_that_run_out_go_to_others_and_the_late_answer_is_kept_as_a_conflict(
    store_of: MakeStore,
) -> None:
    store = store_of()
    late = store.ask("ann", count=3)
    expire_claims(store)
    taken = store.ask("bob", count=3)
    assert [item.tweet_id for item in taken] == [item.tweet_id for item in late]
    assert all(
        new.lease_generation > old.lease_generation for new, old in zip(taken, late, strict=True)
    )
    _, first = store.label(taken[0], "1", "bob")
    _, second = store.label(late[0], "2", "ann")
    assert (first.state, second.state) == ("saved", "conflict")
    assert store.golds() == {late[0].tweet_id: ("1", "single")}
    with store.read() as (session, _, _person):
        labels = session.scalars(select(Annotation.label).order_by(Annotation.id)).all()
    assert labels == ["1", "2"]


def test_an_answer_after_the_time_ran_out_counts_if_nobody_took_the_tweet(
    store_of: MakeStore,
) -> None:
    store = store_of()
    item = store.ask(count=1)[0]
    expire_claims(store)
    _, saved = store.label(item, "1")
    assert saved.state == "saved"


def test_a_stale_page_never_overwrites_ones_own_newer_answer(store_of: MakeStore) -> None:
    store = store_of()
    old = store.ask("ann", count=1)[0]
    expire_claims(store)
    store.ask("bob", count=1)
    store.label(old.tweet_id, "1", "ann")  # chosen on the data page meanwhile
    _, stale = store.label(old, "2", "ann")
    assert stale.state == "conflict"
    with store.read() as (session, _, _person):
        assert session.scalars(select(Annotation.label)).all() == ["1"]


def test_with_overlap_each_tweet_goes_to_as_many_different_people(store_of: MakeStore) -> None:
    store = store_of((1,) * 6, overlap=2)
    asked: Counter[int] = Counter()
    for who in ("ann", "bob", "cid"):
        items = store.ask(who)
        asked.update(item.tweet_id for item in items)
        for item in items:
            store.label(item, "1", who)
        assert store.ask(who) == []
    assert set(asked.values()) == {2}
    assert set(store.golds().values()) == {("1", "agreement")}


def test_with_overlap_no_gold_without_a_majority(store_of: MakeStore) -> None:
    store = store_of((1,), overlap=3)
    for who, label in (("ann", "1"), ("bob", "0"), ("cid", "2")):
        store.label(store.ask(who)[0], label, who)
    assert store.golds() == {}
    assert store.ask("dan") == []


def test_groups_with_gold_are_not_asked(store_of: MakeStore) -> None:
    store = store_of((3, 1))
    with store.write() as (session, project, _person):
        session.add(Gold(tweet_id=2, project_id=project.id, label="1", source="imported"))
    assert [item.tweet_id for item in store.ask()] == [4]


def test_without_propagation_each_member_is_asked(store_of: MakeStore) -> None:
    store = store_of((3, 1), propagate=False)
    items = store.ask()
    assert sorted(item.tweet_id for item in items) == [1, 2, 3, 4]
    store.label(items[0], "1")
    assert list(store.golds().values()) == [("1", "single")]


def test_held_out_tweets_are_asked_blind_and_at_random(store_of: MakeStore) -> None:
    store = store_of((1,) * 300, splits=("train", "validation", "test"))
    items = store.ask(count=150)
    with store.read() as (session, _, _person):
        splits = dict(session.execute(select(Tweet.id, Tweet.split)).all())
    for item in items:
        if splits[item.tweet_id] == "train":
            assert (item.reason, item.blind) == ("least_confident", False)
            assert item.suggestion is not None
        else:
            assert (item.reason, item.blind, item.suggestion) == ("random", True, None)
            assert item.probability == pytest.approx(1 / 300)
    held_out = sum(splits[item.tweet_id] != "train" for item in items)
    assert 70 <= held_out <= 130  # two thirds of what is open


def test_shares_of_random_and_blind_are_about_as_set(store_of: MakeStore) -> None:
    store = store_of((1,) * 1000, random_share=0.3, blind_share=0.2)
    items = store.ask(count=500)
    assert 110 <= sum(item.reason == "random" for item in items) <= 190
    assert 65 <= sum(item.blind for item in items) <= 140
    assert all(item.suggestion is None for item in items if item.blind)


def test_the_random_order_is_seeded_and_not_the_order_of_import(store_of: MakeStore) -> None:
    store = store_of((1,) * 3000, queue_order="random")
    items = [item.tweet_id for item in store.ask(count=50)]
    assert len(set(items)) == 50
    assert items != sorted(items)
    with store.write() as (session, _, _person):
        session.query(Lease).delete()
    assert [item.tweet_id for item in store.ask(count=50)] == items


def test_tweets_without_prediction_come_last(store_of: MakeStore) -> None:
    store = store_of((1,) * 10)
    with store.write() as (session, _, _person):
        session.query(Prediction).filter(Prediction.tweet_id <= 5).delete()
    items = store.ask()
    assert [item.tweet_id for item in items[:5]] == [6, 7, 8, 9, 10]
    assert {item.reason for item in items[5:]} == {"unpredicted"}
    assert len(items) == 10


def test_a_project_without_model_is_asked_at_random(store_of: MakeStore) -> None:
    store = store_of(model=False)
    items = store.ask()
    assert len(items) == 20
    assert {item.reason for item in items} == {"random"}
    assert all(item.suggestion is None for item in items)


@pytest.mark.parametrize("size", [20, 2500])
def test_one_may_ask_only_for_what_the_model_takes_for_one_label(
    store_of: MakeStore, size: int
) -> None:
    store = store_of((1,) * size)
    items = store.ask(count=3, focus=Focus(predicted_as="1"))
    assert [item.suggestion.label for item in items if item.suggestion] == ["1"] * 3
    assert [item.tweet_id for item in items] == [3, 7, 11]


def test_hidden_repeats_are_own_old_answers_and_change_nothing(store_of: MakeStore) -> None:
    store = store_of((1,) * 120)
    first = store.ask(count=60)
    for item in first:
        store.label(item, "1")
    store.set(repeat_share=0.5)
    items = store.ask(count=20)
    repeats = [item for item in items if item.reason == "repeat"]
    assert repeats
    old = [item.tweet_id for item in first][:10]  # the last fifty are too fresh
    assert {item.tweet_id for item in repeats} <= set(old)
    assert all(item.blind for item in repeats)
    golds = store.golds()
    key, saved = store.label(repeats[0], "2")
    assert saved.state == "saved"
    assert store.golds() == golds
    _, again = store.label(repeats[0], "0")  # thought better of it
    assert (again.state, store.golds()) == ("saved", golds)
    store.undo(key)
    assert store.golds() == golds
    asked = [item.tweet_id for item in store.ask(count=40) if item.reason == "repeat"]
    assert len(asked) == len(set(asked))


def test_nobody_gets_anothers_repeats(store_of: MakeStore) -> None:
    store = store_of((1,) * 120)
    for item in store.ask(count=60):
        store.label(item, "1")
    store.set(repeat_share=0.9)
    assert "repeat" not in {item.reason for item in store.ask("bob", count=30)}


def test_an_empty_queue_says_why(store_of: MakeStore) -> None:
    store = store_of((1,) * 3)

    def reason(who: str) -> str:
        with store.read(who) as (session, project, person):
            return why_empty(project, person, session=session)

    items = store.ask("ann")
    assert store.ask("bob") == []
    assert "3 are being asked of others" in reason("bob")
    store.act("skip", items[0])
    for item in items[1:]:
        store.label(item, "1")
    assert "skipped" in reason("ann")
    store.label(store.ask("bob")[0], "1", "bob")
    assert "Every tweet has a label" in reason("ann")


def test_an_empty_project_says_so(store_of: MakeStore) -> None:
    store = store_of((1,), model=False)
    with store.write() as (session, _, _person):
        session.query(Tweet).delete()
        session.query(DuplicateGroup).delete()
    with store.read() as (session, project, person):
        assert "no tweets" in why_empty(project, person, session=session)


def test_claims_on_tweets_labelled_meanwhile_are_dropped_on_reload(store_of: MakeStore) -> None:
    store = store_of()
    items = store.ask("ann", count=3)
    store.label(items[0].tweet_id, "1", "bob")  # on the data page
    shown = [item.tweet_id for item in store.ask("ann", count=3)]
    assert items[0].tweet_id not in shown
    assert shown[:2] == [items[1].tweet_id, items[2].tweet_id]


def test_the_suggestion_recorded_is_the_one_served_even_after_a_promotion(
    store_of: MakeStore,
) -> None:
    store = store_of()
    item = store.ask(count=1)[0]
    with store.write() as (session, _, _person):
        session.query(Prediction).delete()
        session.query(ModelVersion).update({"state": "retired"})
    _, saved = store.label(item, "1", shown=True)
    with store.read() as (session, _, _person):
        event = session.get_one(AnnotationEvent, saved.event_id)
    assert item.suggestion is not None
    assert event.suggested_label == item.suggestion.label
    assert event.suggestion_shown is True
