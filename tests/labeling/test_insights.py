"""What is said about people, suggestions and progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from small_store import Store, fresh_key
from sqlalchemy import select

from db.schema import AnnotationEvent, Annotator
from labeling.answering import Answer, record
from labeling.errors import PermissionRefused
from labeling.insights import PersonRow, people_table, share_of, team_agreement
from labeling.queue import next_items
from labeling.review import adjudicate
from labeling.suggestion_effect import SuggestionEffect, suggestion_effect
from labeling.timeline import days, progress

MakeStore = Callable[..., Store]


@contextmanager
def looking(store: Store) -> Iterator[tuple[Any, Any, Annotator]]:
    with store.write("rev") as (session, project, person):
        person.role = "reviewer"
        yield session, project, person


def people(store: Store) -> dict[str, PersonRow]:
    with looking(store) as (session, project, viewer):
        return {row.name: row for row in people_table(project, viewer, session=session)}


def effect(store: Store) -> SuggestionEffect:
    with looking(store) as (session, project, viewer):
        return suggestion_effect(project, viewer, session=session)


def test_a_share_has_an_interval_and_none_has_none() -> None:
    assert share_of(0, 0).value is None
    share = share_of(8, 10)
    assert share.value == 0.8
    assert share.interval is not None
    assert share.interval[0] < 0.8 < share.interval[1]


def test_each_persons_counts_speed_acceptance_and_agreement(store_of: MakeStore) -> None:
    store = store_of()
    items = store.ask("ann", count=4)
    for item, seconds in zip(items[:3], (1.0, 2.0, 9.0), strict=True):
        assert item.suggestion is not None
        label = item.suggestion.label if seconds < 9 else "0"
        store.label(item, label, "ann", seconds=seconds, shown=True)
    store.act("skip", items[3], "ann")
    with looking(store) as (session, project, viewer):
        adjudicate(project, items[0].tweet_id, "-1", viewer, session=session)
        adjudicate(project, items[1].tweet_id, "2", viewer, session=session)
    row = people(store)["ann"]
    assert (row.answers, row.skips, row.median_seconds) == (3, 1, 2.0)
    assert (row.acceptance.value, row.acceptance.n) == (pytest.approx(2 / 3), 3)
    # The third gold label is ann's own answer and proves nothing.
    assert (row.agreement_with_gold.value, row.agreement_with_gold.n) == (0.5, 2)


def test_what_was_taken_back_does_not_count(store_of: MakeStore) -> None:
    store = store_of()
    key, _ = store.label(store.ask("ann")[0], "1", "ann")
    store.undo(key, "ann")
    assert people(store) == {}
    with store.read() as (session, project, _):
        assert days(project, session=session) == []


def test_hidden_repeats_measure_self_consistency_alone(store_of: MakeStore) -> None:
    store = store_of((1,) * 120)
    for item in store.ask("ann", count=60):
        store.label(item, "1", "ann")
    store.set(repeat_share=0.6)
    repeats = [item for item in store.ask("ann", count=10) if item.reason == "repeat"][:2]
    store.label(repeats[0], "1", "ann")
    store.label(repeats[1], "2", "ann")
    row = people(store)["ann"]
    assert (row.answers, row.self_consistency.value, row.self_consistency.n) == (60, 0.5, 2)


def test_agreement_of_pairs_and_team_over_tweets_with_several_answers(
    store_of: MakeStore,
) -> None:
    store = store_of(overlap=2)
    for number in range(1, 11):
        store.label(number, "1" if number <= 5 else "2", "ann")
        store.label(number, "1" if number <= 4 else "2", "bob")
    store.label(11, "0", "ann")
    with looking(store) as (session, project, viewer):
        found = team_agreement(project, viewer, session=session, resamples=200)
    (pair,) = found.pairs
    assert {pair.first, pair.second} == {"ann", "bob"}
    assert pair.kappa.items == 10
    assert pair.kappa.observed == pytest.approx(0.9)
    assert pair.kappa.value == pytest.approx(0.8)
    assert found.fleiss.items == 10
    assert found.alpha_per_label["1"].value is not None
    assert found.alpha_per_label["0"].value is None  # nobody used it where two answered


def answer_all(store: Store, choose: Callable[[Any], str], seconds: Callable[[Any], float]) -> None:
    with store.write("ann") as (session, project, person):
        items = next_items(project, person, session=session, count=400)
        answers = [
            Answer(
                fresh_key(),
                "label",
                item.tweet_id,
                choose(item),
                seconds=seconds(item),
                shown=item.suggestion is not None,
                lease_generation=item.lease_generation,
            )
            for item in items
        ]
        record(answers, project, person, session=session)


def test_people_who_follow_suggestions_are_found_out(store_of: MakeStore) -> None:
    store = store_of((1,) * 400, blind_share=0.5)
    answer_all(
        store,
        lambda item: item.suggestion.label if item.suggestion else "0",
        lambda item: 1.0 if item.suggestion else 3.0,
    )
    found = effect(store)
    assert found.shown.answers + found.blind.answers == 400
    assert found.shown.like_the_model.value == 1.0
    assert found.like_the_model is not None
    assert found.like_the_model > 0.5
    assert "answer like the model more often" in found.sentence
    assert "1.0 s with it and 3.0 s without" in found.sentence
    assert set(found.blind.labels) == {"0"}


def test_people_who_do_not_are_not_accused(store_of: MakeStore) -> None:
    store = store_of((1,) * 400, blind_share=0.5)
    answer_all(store, lambda item: str(item.tweet_id % 3), lambda item: 1.0)
    found = effect(store)
    assert found.like_the_model_interval is not None
    assert found.like_the_model_interval[0] < 0 < found.like_the_model_interval[1]
    assert "no clear difference" in found.sentence


def test_few_answers_make_no_sentence(store_of: MakeStore) -> None:
    store = store_of()
    store.label(store.ask("ann")[0], "1", "ann")
    assert effect(store).sentence.startswith("Too few answers")


def test_held_out_and_chosen_tweets_are_not_compared(store_of: MakeStore) -> None:
    store = store_of(splits=("test",))
    store.label(store.ask("ann")[0], "1", "ann")
    store.label(9, "1", "ann")
    found = effect(store)
    assert (found.shown.answers, found.blind.answers) == (0, 0)


def test_days_and_progress(store_of: MakeStore) -> None:
    store = store_of()
    for item in store.ask("ann", count=5):
        assert item.suggestion is not None
        store.label(item, item.suggestion.label, "ann", shown=True)
    with store.read() as (session, project, _):
        (day,) = days(project, session=session)
        now = progress(project, session=session)
        moment = session.scalars(select(AnnotationEvent.created_at)).first()
    assert moment is not None
    assert day.day == moment.date().isoformat()
    assert day.labels == {"-1": 2, "0": 1, "1": 1, "2": 1}
    assert (day.accepted.value, day.accepted.n) == (1.0, 5)
    assert (now.groups, now.done, now.answers_a_day, now.days_left) == (20, 5, 5.0, 3.0)
    assert now.gold_by_label == {"-1": 2, "0": 1, "1": 1, "2": 1}


def test_days_and_progress_count_what_stands_and_what_is_still_needed(
    store_of: MakeStore,
) -> None:
    store = store_of(overlap=2)
    for number in range(1, 5):
        store.label(number, "1", "ann")
    for number in (1, 2):
        store.act("skip", number, "ann")
    for number in range(1, 6):
        store.label(number, "1", "bob")
    store.label(5, "2", "bob")
    rows = people(store)
    assert sum(row.answers for row in rows.values()) == 7
    with store.read() as (session, project, _):
        (day,) = days(project, session=session)
        found = progress(project, session=session)
    assert day.labels == {"1": 6, "2": 1}
    assert (found.groups, found.done, found.answers_a_day) == (20, 2, 7.0)
    # 18 groups need two people each; three of them have an answer.
    assert found.days_left == pytest.approx(33 / 7)


def test_annotators_may_not_see_others_figures(store_of: MakeStore) -> None:
    store = store_of()
    with store.write("ann") as (session, project, person):
        for call in (people_table, team_agreement, suggestion_effect):
            with pytest.raises(PermissionRefused):
                call(project, person, session=session)
