"""Saving answers: exactly once, reversibly, and without losing any."""

from collections.abc import Callable
from datetime import timedelta

from small_store import Store
from sqlalchemy import func, select

from db.schema import Annotation, AnnotationEvent, DuplicateGroup, Gold, Lease, Project
from labeling.answering import Answer, counters, history

MakeStore = Callable[..., Store]


def count_events(store: Store) -> int:
    with store.read() as (session, _, _person):
        return session.scalar(select(func.count(AnnotationEvent.id))) or 0


def test_an_answer_becomes_event_annotation_and_gold(store_of: MakeStore) -> None:
    store = store_of()
    item = store.ask()[0]
    _, saved = store.label(item, "1", seconds=1.5, shown=True)
    assert saved.state == "saved"
    with store.read() as (session, _, person):
        event = session.get_one(AnnotationEvent, saved.event_id)
        assert (event.label, event.seconds, event.suggestion_shown) == ("1", 1.5, True)
        assert item.suggestion is not None
        assert event.suggested_label == item.suggestion.label
        assert event.suggested_confidence == item.suggestion.confidence
        assert event.suggested_model_id == item.suggestion.model_version_id
        assert (event.queue_reason, event.queue_probability) == ("least_confident", 1.0)
        annotation = session.scalars(select(Annotation)).one()
        assert (annotation.label, annotation.annotator_id) == ("1", person.id)
    assert store.golds() == {item.tweet_id: ("1", "single")}


def test_the_claim_ends_with_the_answer(store_of: MakeStore) -> None:
    store = store_of()
    item = store.ask(count=3)[0]
    store.label(item, "1")
    with store.read() as (session, _, _person):
        held = session.scalars(select(Lease.tweet_id)).all()
    assert item.tweet_id not in held
    assert len(held) == 2


def test_the_same_key_is_saved_once_and_gives_the_first_result(store_of: MakeStore) -> None:
    store = store_of()
    item = store.ask()[0]
    key, first = store.label(item, "1")
    _, again = store.label(item, "2", key=key)
    assert (again.state, again.event_id) == ("repeated", first.event_id)
    assert store.golds() == {item.tweet_id: ("1", "single")}
    assert count_events(store) == 1


def test_a_repeat_within_one_batch_is_saved_once(store_of: MakeStore) -> None:
    store = store_of()
    item = store.ask()[0]
    answer = Answer("twice", "label", item.tweet_id, "1", lease_generation=item.lease_generation)
    assert [one.state for one in store.send(answer, answer)] == ["saved", "repeated"]


def test_anothers_key_is_refused(store_of: MakeStore) -> None:
    store = store_of()
    item = store.ask()[0]
    key, _ = store.label(item, "1")
    _, refused = store.label(item.tweet_id, "2", who="bob", key=key)
    assert refused.state == "refused"


def test_a_bad_answer_is_refused_and_the_others_of_its_batch_are_saved(
    store_of: MakeStore,
) -> None:
    store = store_of()
    items = store.ask()
    good = Answer("good", "label", items[0].tweet_id, "1")
    bad = [
        Answer("unknown label", "label", items[1].tweet_id, "Anti"),
        Answer("no label", "label", items[1].tweet_id),
        Answer("no tweet", "label", 10**6, "1"),
        Answer("no kind", "shout", items[1].tweet_id),
        Answer("", "label", items[1].tweet_id, "1"),
        Answer("long", "comment", items[1].tweet_id, comment="x" * 5000),
        Answer("undo of nothing", "undo", items[1].tweet_id, undoes_key="never"),
        Answer("undo unnamed", "undo", items[1].tweet_id),
    ]
    results = store.send(*bad[:4], good, *bad[4:])
    assert [one.state for one in results if one.key == "good"] == ["saved"]
    assert {one.state for one in results if one.key != "good"} == {"refused"}
    assert all(one.message for one in results if one.state == "refused")
    assert "'Anti'" in results[0].message
    assert count_events(store) == 1


def test_a_tweet_of_another_project_is_refused(store_of: MakeStore) -> None:
    store = store_of()
    with store.write() as (session, _, _person):
        session.add(Project(name="other"))
    other = Store(store.engine, "other")
    _, refused = other.act("skip", 1)
    assert refused.state == "refused"
    assert "tweet 1 is not in project 'other'" in refused.message


def test_undo_restores_what_stood_before_by_any_number_of_steps(store_of: MakeStore) -> None:
    store = store_of()
    items = store.ask(count=2)
    keys = [store.label(items[0], "1")[0], store.label(items[1], "2")[0]]
    revised, _ = store.label(items[0].tweet_id, "0")
    assert store.golds()[items[0].tweet_id] == ("0", "single")
    assert store.undo(revised).state == "saved"
    assert store.golds()[items[0].tweet_id] == ("1", "single")
    store.undo(keys[1])
    store.undo(keys[0])
    assert store.golds() == {}
    with store.read() as (session, _, _person):
        assert session.scalars(select(Annotation)).all() == []


def test_undo_of_an_answer_taken_back_before_is_a_repeat(store_of: MakeStore) -> None:
    store = store_of()
    key, _ = store.label(store.ask()[0], "1")
    first = store.undo(key)
    second = store.undo(key)
    assert (second.state, second.event_id) == ("repeated", first.event_id)
    assert count_events(store) == 2


def test_an_answer_that_was_undone_stays_undone_when_its_key_arrives_again(
    store_of: MakeStore,
) -> None:
    store = store_of()
    item = store.ask()[0]
    key, _ = store.label(item, "1")
    store.undo(key)
    _, again = store.label(item, "1", key=key)
    assert again.state == "repeated"
    assert store.golds() == {}


def test_after_undo_the_tweet_is_first_with_the_same_person_in_the_same_mode(
    store_of: MakeStore,
) -> None:
    store = store_of(blind_share=0.5)
    items = store.ask(count=6)
    key, _ = store.label(items[2], "1")
    store.undo(key)
    again = store.ask(count=6)
    assert again[0].tweet_id == items[2].tweet_id
    assert (again[0].blind, again[0].reason) == (items[2].blind, items[2].reason)
    assert [one.tweet_id for one in again[1:]] == [
        one.tweet_id for one in items if one.tweet_id != items[2].tweet_id
    ]
    _, saved = store.label(items[2], "2")  # the browser still knows the first claim's number
    assert saved.state == "saved"


def test_a_person_takes_back_only_their_own_answers(store_of: MakeStore) -> None:
    store = store_of()
    key, _ = store.label(store.ask()[0], "1")
    assert store.undo(key, who="bob").state == "refused"
    assert len(store.golds()) == 1


def test_an_answer_counts_for_the_whole_group_and_undo_takes_it_back(
    store_of: MakeStore,
) -> None:
    store = store_of((5, 1, 1))
    item = store.ask()[0]
    assert item.group_size == 5
    key, _ = store.label(item, "2")
    assert store.golds() == {
        1: ("2", "single"),
        **dict.fromkeys(range(2, 6), ("2", "propagated")),
    }
    with store.read() as (session, _, _person):
        assert session.get_one(Gold, 3).origin_tweet_id == 1
        assert session.get_one(DuplicateGroup, 1).open is False
    store.undo(key)
    assert store.golds() == {}
    with store.read() as (session, _, _person):
        assert session.get_one(DuplicateGroup, 1).open is True


def test_skip_flag_and_comment_make_no_gold(store_of: MakeStore) -> None:
    store = store_of()
    item = store.ask()[0]
    store.act("flag", item)
    store.act("comment", item, comment="sarcasm?")
    store.act("skip", item)
    assert store.golds() == {}
    with store.read() as (session, _, _person):
        annotation = session.scalars(select(Annotation)).one()
    assert (annotation.kind, annotation.flagged, annotation.comment) == ("skip", True, "sarcasm?")
    assert item.tweet_id not in [one.tweet_id for one in store.ask()]
    assert item.tweet_id in [one.tweet_id for one in store.ask("bob")]


def test_a_flag_leaves_the_claim_and_a_second_one_takes_it_away(store_of: MakeStore) -> None:
    store = store_of()
    item = store.ask(count=1)[0]
    store.act("flag", item)
    assert [one.tweet_id for one in store.ask(count=1)] == [item.tweet_id]
    store.act("flag", item)
    with store.read() as (session, _, _person):
        assert session.scalars(select(Annotation)).all() == []


def test_the_browser_cannot_claim_that_a_blind_suggestion_was_shown(store_of: MakeStore) -> None:
    store = store_of(splits=("test",))
    item = store.ask()[0]
    assert item.blind
    assert item.suggestion is None
    _, saved = store.label(item, "1", shown=True)
    with store.read() as (session, _, _person):
        event = session.get_one(AnnotationEvent, saved.event_id)
    assert (event.blind, event.suggestion_shown) == (True, False)
    assert event.suggested_label is not None  # kept for comparing, though nobody saw it


def test_hidden_suggestions_are_recorded_as_not_shown(store_of: MakeStore) -> None:
    store = store_of(show_suggestions=False)
    item = store.ask()[0]
    assert item.suggestion is None
    _, saved = store.label(item, "1", shown=True)
    with store.read() as (session, _, _person):
        assert session.get_one(AnnotationEvent, saved.event_id).suggestion_shown is False


def test_history_is_newest_first_and_leaves_out_what_was_taken_back(store_of: MakeStore) -> None:
    store = store_of()
    items = store.ask()
    keys = [store.label(items[place], "1")[0] for place in range(3)]
    store.undo(keys[1])
    with store.read() as (session, project, person):
        shown = history(project, person, session=session)
    assert [one.key for one in shown] == [keys[2], keys[0]]
    assert shown[0].text == items[2].text


def test_counters_count_answers_agreement_and_what_is_left(store_of: MakeStore) -> None:
    store = store_of()
    items = store.ask()
    assert items[0].suggestion is not None
    store.label(items[0], items[0].suggestion.label)
    store.label(items[1], items[0].suggestion.label)
    key, _ = store.label(items[2], "1")
    store.undo(key)
    with store.read() as (session, project, person):
        shown = counters(project, person, session=session)
    assert (shown.done_today, shown.agreement_with_model, shown.left) == (2, 0.5, 18)


def test_a_revised_answer_is_counted_once_as_it_stands(store_of: MakeStore) -> None:
    store = store_of()
    items = store.ask()
    said = [item.suggestion.label for item in items[:3] if item.suggestion is not None]
    for item, label in zip(items, said, strict=False):
        store.label(item, label)
    for label in said[1:]:
        store.label(items[0], label)
    key, _ = store.label(items[1], said[0])
    store.undo(key)
    store.act("skip", items[2])
    with store.read() as (session, project, person):
        shown = counters(project, person, session=session)
    assert (shown.done_today, shown.agreement_with_model, shown.left) == (2, 0.5, 18)


def test_an_answer_is_the_work_of_the_day_when_it_was_first_given(store_of: MakeStore) -> None:
    store = store_of()
    items = store.ask()
    for item in items[:2]:
        store.label(item, "1")
    with store.read() as (session, _, _person):
        given = session.scalars(select(AnnotationEvent.created_at)).all()
        tomorrow = max(given) + timedelta(microseconds=1)
    store.label(items[0], "2")
    store.label(items[2], "1")
    with store.read() as (session, project, person):
        shown = counters(project, person, session=session, day_start=tomorrow)
        both = counters(project, person, session=session)
    assert (shown.done_today, both.done_today) == (1, 3)


def test_a_hidden_repeat_is_work_too_and_counts_once(store_of: MakeStore) -> None:
    store = store_of((1,) * 120)
    for item in store.ask(count=60):
        store.label(item, "1")
    store.set(repeat_share=0.6)
    repeats = [item for item in store.ask(count=10) if item.reason == "repeat"][:2]
    assert len(repeats) == 2
    store.label(repeats[0], "1")
    store.label(repeats[0], "2")
    key, _ = store.label(repeats[1], "1")
    with store.read() as (session, project, person):
        assert counters(project, person, session=session).done_today == 62
    store.undo(key)
    with store.read() as (session, project, person):
        assert counters(project, person, session=session).done_today == 61


def test_seconds_that_cannot_be_are_left_out(store_of: MakeStore) -> None:
    store = store_of()
    for item, seconds in zip(store.ask(), (float("nan"), float("inf"), -1.0), strict=False):
        _, saved = store.label(item, "1", seconds=seconds)
        with store.read() as (session, _, _person):
            assert session.get_one(AnnotationEvent, saved.event_id).seconds is None


def test_an_empty_comment_takes_the_comment_away_and_an_undo_of_it_brings_it_back(
    store_of: MakeStore,
) -> None:
    store = store_of()
    store.label(1, "1")
    store.act("comment", 1, comment="oops")
    emptied, _ = store.act("comment", 1, comment="")
    assert comment_on(store, 1) is None
    store.undo(emptied)
    assert comment_on(store, 1) == "oops"
    assert store.golds()[1] == ("1", "single")


def test_a_mere_comment_that_is_emptied_or_taken_back_leaves_nothing(store_of: MakeStore) -> None:
    store = store_of()
    store.label(1, "1")
    key, _ = store.act("comment", 2, comment="oops")
    assert store.undo(key).state == "saved"
    store.act("comment", 3, comment="oops")
    store.act("comment", 3, comment="")
    with store.read() as (session, *_):
        assert session.scalars(select(Annotation.tweet_id)).all() == [1]


def comment_on(store: Store, tweet_id: int) -> str | None:
    with store.read() as (session, *_):
        query = select(Annotation.comment).where(Annotation.tweet_id == tweet_id)
        return session.scalars(query).one()


def test_half_a_character_in_a_comment_costs_no_answer(store_of: MakeStore) -> None:
    store = store_of()
    sent = {"key": "c", "kind": "comment", "tweet_id": 2, "comment": "half \ud83c"}
    found = store.send(Answer("a", "label", 1, label="1"), Answer.from_json(sent))
    assert [one.state for one in found] == ["saved", "saved"]
