"""Tweets chosen ahead, in a transaction that only reads, and claimed later."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from small_store import Store
from sqlalchemy import func, select

from db.schema import Lease
from labeling.choosing import Ahead, deal_ahead
from labeling.queue import QueueItem

MakeStore = Callable[..., Store]
GROUPS = {"few": (1,) * 20, "many": (1,) * 2500}  # looked at one by one, found by index


def chosen(store: Store, who: str = "ann", **more: Any) -> Ahead:
    with store.read(who) as (session, project, person):
        return deal_ahead(project, person, session=session, count=6, **more)


def ids(items: Sequence[QueueItem]) -> list[int]:
    return [item.tweet_id for item in items]


@pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
def test_what_was_chosen_ahead_is_what_would_be_asked(
    store_of: MakeStore, groups: tuple[int, ...]
) -> None:
    store = store_of(groups, random_share=0.5)
    store.ask("ann", count=1)  # both people are known from here on
    store.ask("ben", count=1)
    ahead = chosen(store)
    assert len(ahead.picks) == 5  # one is held
    with store.read() as (session, _, _person):
        assert session.scalar(select(func.count(Lease.id))) == 2
    asked = store.ask(count=6, ahead=ahead)
    assert ids(asked)[1:] == [pick.tweet_id for pick in ahead.picks]
    assert [item.probability for item in asked[1:]] == [one.probability for one in ahead.picks]


def test_a_tweet_that_was_claimed_meanwhile_is_not_asked(store_of: MakeStore) -> None:
    store = store_of()
    store.ask("ann", count=0)
    ahead = chosen(store)
    others = ids(store.ask("ben", count=4))
    assert set(others) <= {pick.tweet_id for pick in ahead.picks}
    asked = ids(store.ask(count=6, ahead=ahead))
    assert len(asked) == 6
    assert not set(asked) & set(others)


def test_a_tweet_that_was_answered_meanwhile_is_not_asked(store_of: MakeStore) -> None:
    store = store_of()
    store.ask("ann", count=0)
    ahead = chosen(store)
    item = store.ask("ben", count=1)[0]
    store.label(item, "1", who="ben")
    assert item.tweet_id not in ids(store.ask(count=6, ahead=ahead))


def test_who_answered_meanwhile_is_asked_anew(store_of: MakeStore) -> None:
    store = store_of()
    item = store.ask("ann", count=1)[0]
    ahead = chosen(store)
    store.label(item, "1")
    key = store.label(ahead.picks[0].tweet_id, "1")[0]  # their own choice, in another tab
    store.undo(key)
    fresh = chosen(store)
    assert fresh.last_event != ahead.last_event
    assert ids(store.ask(count=6, ahead=ahead)) == [pick.tweet_id for pick in fresh.picks]


def test_nothing_is_chosen_where_enough_is_held_already(store_of: MakeStore) -> None:
    store = store_of()
    store.ask("ann", count=6)
    assert chosen(store).picks == ()


def test_tweets_at_hand_are_not_chosen(store_of: MakeStore) -> None:
    store = store_of()
    at_hand = ids(store.ask("ann", count=3))
    picks = chosen(store, exclude=at_hand).picks
    assert not {pick.tweet_id for pick in picks} & set(at_hand)
