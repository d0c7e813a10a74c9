"""A person takes one tweet out of a duplicate group, and puts it back."""

from collections.abc import Callable

import pytest
from small_store import Store
from sqlalchemy import select

from db.schema import AuditEntry, DuplicateGroup, Tweet
from labeling.errors import AnswerError
from labeling.splitting import rejoin, split_off

MakeStore = Callable[..., Store]


def groups(store: Store) -> dict[int, tuple[int, int | None, bool, str]]:
    with store.read() as (session, *_):
        rows = session.scalars(select(DuplicateGroup)).all()
        return {one.id: (one.size, one.representative_id, one.open, one.split) for one in rows}


def group_of(store: Store, tweet_id: int) -> int:
    with store.read() as (session, *_):
        return session.get_one(Tweet, tweet_id).group_id


def apart(store: Store, tweet_id: int, act=split_off) -> int:
    with store.write() as (session, project, person):
        return act(project, tweet_id, person, session=session)


def test_the_borrowed_gold_label_is_taken_back_and_the_split_stays(store_of: MakeStore) -> None:
    store = store_of((3, 1), splits=("test", "train"))
    store.label(1, "0")
    assert store.golds() == {1: ("0", "single"), 2: ("0", "propagated"), 3: ("0", "propagated")}
    own = apart(store, 3)
    assert store.golds() == {1: ("0", "single"), 2: ("0", "propagated")}
    assert groups(store)[own] == (1, 3, True, "test")
    assert groups(store)[1] == (2, 1, False, "test")
    with store.read() as (session, *_):
        assert session.get_one(Tweet, 3).split == "test"
    assert 3 in [item.tweet_id for item in store.ask()]


def test_gold_that_the_group_had_from_the_tweet_is_taken_back_too(store_of: MakeStore) -> None:
    store = store_of((3,))
    store.label(1, "0")
    own = apart(store, 1)
    assert store.golds() == {1: ("0", "single")}
    assert groups(store)[1] == (2, 2, True, "train")
    assert groups(store)[own][2] is False
    store.label(2, "1")
    assert store.golds() == {1: ("0", "single"), 2: ("1", "single"), 3: ("1", "propagated")}


def test_putting_it_back_restores_what_was(store_of: MakeStore) -> None:
    store = store_of((3,))
    store.label(1, "0")
    before = (groups(store), store.golds())
    apart(store, 1)
    assert apart(store, 1, rejoin) == 1
    assert (groups(store), store.golds()) == before
    apart(store, 1)
    assert group_of(store, 1) != 1


def test_each_act_is_in_the_audit_list(store_of: MakeStore) -> None:
    store = store_of((2,))
    own = apart(store, 2)
    apart(store, 2, rejoin)
    with store.read() as (session, *_):
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        found = [(one.action, one.detail) for one in entries]
    assert found == [
        ("split off tweet", {"tweet": 2, "from": 1, "to": own}),
        ("rejoin tweet", {"tweet": 2, "from": own, "to": 1}),
    ]


def test_what_cannot_be_is_refused(store_of: MakeStore) -> None:
    store = store_of((2, 1))
    with pytest.raises(AnswerError, match="stands alone"):
        apart(store, 3)
    with pytest.raises(AnswerError, match="was not split off"):
        apart(store, 1, rejoin)
    with pytest.raises(AnswerError, match="not in project"):
        apart(store, 99)
