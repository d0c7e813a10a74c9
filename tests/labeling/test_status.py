from collections.abc import Callable

from small_store import Store

from labeling.status import status

MakeStore = Callable[..., Store]


def test_a_status_counts_tweets_groups_splits_gold_and_predictions(store_of: MakeStore) -> None:
    store = store_of((3, 1, 1, 1), splits=("train", "validation", "test", "train"))
    with store.read() as (session, project, _):
        before = status(project, session=session)
    assert (before.tweets, before.groups, before.reviewed) == (6, 4, 0)
    assert before.splits == {"train": 4, "validation": 1, "test": 1}
    assert (before.predictions, before.current_model) == (6, 1)
    assert before.gold == {}
    assert before.unlabelled == 6


def test_reviewed_by_a_person_and_gold_are_different_counts(store_of: MakeStore) -> None:
    store = store_of((3, 1))
    store.label(1, "2")
    with store.read() as (session, project, _):
        after = status(project, session=session)
    assert after.reviewed == 1
    assert after.gold == {"single": 1, "propagated": 2}
    assert after.labels == {"-1": 0, "0": 0, "1": 0, "2": 3}
    assert after.unlabelled == 1
    assert (after.labour.answers, after.labour.tweets, after.labour.per_answer) == (1, 3, 3.0)


def test_labour_counts_each_answer_and_is_unknown_before_the_first(store_of: MakeStore) -> None:
    store = store_of((3, 1), overlap=2)
    with store.read() as (session, project, _):
        assert status(project, session=session).labour.per_answer is None
    store.label(1, "2")
    store.label(1, "2", "bob")
    with store.read() as (session, project, _):
        told = status(project, session=session).to_json()
    assert told["labour"] == {"answers": 2, "tweets": 3, "tweets_per_answer": 1.5}


def test_an_empty_project_has_a_status(store_of: MakeStore) -> None:
    store = store_of((1,), model=False)
    with store.read() as (session, project, _):
        found = status(project, session=session)
    assert (found.predictions, found.current_model) == (0, None)
