"""Gold labels: the rules, alone and in the store."""

from collections.abc import Callable
from pathlib import Path

import pytest
from small_store import Store
from sqlalchemy import select

from db.schema import Annotator, DuplicateGroup, Gold, Tweet
from labeling.creating import update_settings
from labeling.errors import PermissionRefused
from labeling.importing import import_file
from labeling.permissions import ACTIONS, ROLES, may, require, require_of
from labeling.resolving import Decision, Said, decide

MakeStore = Callable[..., Store]


def said(*labels: str) -> list[Said]:
    return [Said(place, label, place) for place, label in enumerate(labels, start=1)]


@pytest.mark.parametrize(
    ("labels", "overlap", "expected"),
    [
        ((), 1, None),
        (("a",), 1, Decision("a", "single", 1)),
        (("a", "b"), 1, Decision("a", "single", 1)),
        (("a",), 2, None),
        (("a", "b"), 2, None),
        (("a", "a"), 2, Decision("a", "agreement")),
        (("a", "b", "a"), 2, Decision("a", "agreement")),
        (("a", "a"), 3, None),
        (("a", "b", "a"), 3, Decision("a", "agreement")),
        (("a", "b", "c"), 3, None),
        (("a", "a", "b", "b"), 3, None),
    ],
)
def test_the_rule(labels: tuple[str, ...], overlap: int, expected: Decision | None) -> None:
    assert decide(said(*labels), overlap) == expected


def test_an_answer_from_a_stale_page_comes_after_all_others() -> None:
    late = Said(1, "a", 1, conflict=True)
    assert decide([late, Said(2, "b", 2)], 1) == Decision("b", "single", 2)
    assert decide([late], 1) == Decision("a", "single", 1)


def import_label(store: Store, tweet_id: int, label: str) -> None:
    with store.write() as (session, project, _):
        session.get_one(Tweet, tweet_id).imported_label = label
        session.add(Gold(tweet_id=tweet_id, project_id=project.id, label=label, source="imported"))


def test_an_imported_label_yields_only_to_a_person_who_chose_the_tweet(
    store_of: MakeStore,
) -> None:
    store = store_of()
    item = store.ask(count=1)[0]
    import_label(store, item.tweet_id, "0")
    store.label(item, "1")  # asked by the queue before the import
    assert store.golds()[item.tweet_id] == ("0", "imported")
    key, _ = store.label(item.tweet_id, "2")
    assert store.golds()[item.tweet_id] == ("2", "single")
    store.undo(key)
    assert store.golds()[item.tweet_id] == ("0", "imported")


def test_propagation_spares_imported_and_own_labels(store_of: MakeStore) -> None:
    store = store_of((4,))
    import_label(store, 2, "0")
    store.label(3, "2")
    store.label(1, "1")
    assert store.golds() == {
        1: ("1", "single"),
        2: ("0", "imported"),
        3: ("2", "single"),
        4: ("2", "propagated"),
    }


def test_when_its_origin_is_taken_back_a_member_takes_the_next_answer_of_the_group(
    store_of: MakeStore,
) -> None:
    store = store_of((3,))
    key, _ = store.label(1, "1")
    store.label(2, "2")
    assert store.golds()[3] == ("1", "propagated")
    store.undo(key)
    assert store.golds() == {
        1: ("2", "propagated"),
        2: ("2", "single"),
        3: ("2", "propagated"),
    }


def test_tweets_imported_into_an_answered_group_get_its_answer(
    store_of: MakeStore, tmp_path: Path
) -> None:
    store = store_of(model=False)
    path = tmp_path / "more.csv"
    path.write_text("sentiment,message,tweetid\n,Same words here,901\n,Other words,902\n")
    import_file(path, engine=store.engine, project_name=store.name, columns=None, file_name="a")
    with store.read() as (session, _, _person):
        first = session.scalars(select(Tweet.id).where(Tweet.external_id == "901")).one()
    store.label(first, "1")
    path.write_text("sentiment,message,tweetid\n,RT @x: same WORDS here!,903\n2,other words,904\n")
    import_file(path, engine=store.engine, project_name=store.name, columns=None, file_name="b")
    with store.read() as (session, _, _person):
        golds = {
            name: (gold.label, gold.source)
            for name, gold in session.execute(
                select(Tweet.external_id, Gold).join(Gold, Gold.tweet_id == Tweet.id)
            )
        }
        is_open = dict(
            session.execute(
                select(Tweet.external_id, DuplicateGroup.open)
                .join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
                .where(Tweet.external_id.in_(("901", "902")))
            ).all()
        )
    assert golds == {
        "901": ("1", "single"),
        "903": ("1", "propagated"),
        "904": ("2", "imported"),
    }
    assert is_open == {"901": False, "902": False}


def test_asking_fewer_people_or_counting_for_copies_settles_what_was_answered_before(
    store_of: MakeStore,
) -> None:
    store = store_of((1, 3), overlap=2, propagate=False)
    store.label(1, "1")
    assert store.golds() == {}
    with store.write() as (session, project, _person):
        update_settings(project, {"overlap": 1}, session=session)
    assert store.golds() == {1: ("1", "single")}
    store.label(2, "2")
    with store.write() as (session, project, _person):
        update_settings(project, {"propagate": True}, session=session)
    assert store.golds() == {
        1: ("1", "single"),
        2: ("2", "single"),
        3: ("2", "propagated"),
        4: ("2", "propagated"),
    }


def test_each_role_may_do_what_the_table_says_and_no_more() -> None:
    for action, least in ACTIONS.items():
        for role in ROLES:
            assert may(role, action) == (ROLES.index(role) >= ROLES.index(least))
    assert not may("visitor", "answer")
    with pytest.raises(PermissionRefused, match="'annotator' may not adjudicate"):
        require("annotator", "adjudicate")
    with pytest.raises(PermissionRefused, match="no action"):
        may("admin", "fly")
    with pytest.raises(PermissionRefused, match="no longer active"):
        require_of(Annotator(name="old", role="admin", active=False), "answer")
