"""Labels are merged and parted again without losing what anybody said."""

from collections.abc import Callable
from pathlib import Path

import pytest
from small_store import Store
from sqlalchemy import select

from db.projects import labels_of
from db.schema import Annotation, AnnotationEvent, AuditEntry, Gold, Tweet
from labeling.creating import edit_labels
from labeling.errors import LabelError
from labeling.importing import import_file
from labeling.label_changes import label_changes
from labeling.merging import merge_label, unmerge_label
from labeling.review import adjudicate
from labeling.templates import NewLabel

MakeStore = Callable[..., Store]


def merge(store: Store, value: str, into: str) -> int:
    with store.write("boss") as (session, project, boss):
        boss.role = "admin"
        return merge_label(project, value, into, boss, session=session)


def part(store: Store, value: str) -> int:
    with store.write("boss") as (session, project, boss):
        boss.role = "admin"
        return unmerge_label(project, value, boss, session=session)


def stands(store: Store) -> dict[tuple[int, int], str | None]:
    with store.read() as (session, *_):
        return {(one.tweet_id, one.annotator_id): one.label for one in session.query(Annotation)}


def said(store: Store) -> list[str | None]:
    with store.read() as (session, *_):
        return list(session.scalars(select(AnnotationEvent.label).order_by(AnnotationEvent.id)))


def imported(store: Store, tweet_id: int, label: str) -> None:
    with store.write() as (session, project, _):
        session.get_one(Tweet, tweet_id).imported_label = label
        session.add(Gold(tweet_id=tweet_id, project_id=project.id, label=label, source="imported"))


def test_merging_and_parting_restores_everything(store_of: MakeStore) -> None:
    store = store_of((2, 1, 1, 1, 1))
    store.label(1, "0")
    store.label(3, "1")
    imported(store, 4, "0")
    with store.write("boss") as (session, project, boss):
        boss.role = "admin"
        adjudicate(project, 5, "0", boss, session=session)
    before = (store.golds(), stands(store), said(store))
    assert merge(store, "0", "1") == 4
    assert {label for label, _ in store.golds().values()} == {"1"}
    assert set(stands(store).values()) == {"1"}
    assert said(store) == before[2]
    assert part(store, "0") == 4
    assert (store.golds(), stands(store), said(store)) == before


def test_what_was_said_meanwhile_keeps_its_own_label(store_of: MakeStore) -> None:
    store = store_of((1,) * 4)
    merge(store, "0", "1")
    store.label(1, "0")  # from a page that was open before
    store.label(2, "1")
    assert {label for label, _ in store.golds().values()} == {"1"}
    part(store, "0")
    assert store.golds() == {1: ("0", "single"), 2: ("1", "single")}


def test_gold_that_was_settled_anew_meanwhile_goes_back_too(store_of: MakeStore) -> None:
    store = store_of((2, 1))
    store.label(1, "0")
    imported(store, 3, "0")
    merge(store, "0", "1")
    store.label(1, "2")
    again = store.act("label", 3, label="2")[0]
    assert store.golds()[1][0] == "2"
    with store.read() as (session, *_):
        last = session.scalars(select(AnnotationEvent).where(AnnotationEvent.tweet_id == 1)).all()
    store.undo(last[-1].idempotency_key)
    store.undo(again)
    assert store.golds() == {1: ("1", "single"), 2: ("1", "propagated"), 3: ("1", "imported")}
    part(store, "0")
    assert store.golds() == {1: ("0", "single"), 2: ("0", "propagated"), 3: ("0", "imported")}


def test_people_who_differed_only_by_the_merged_label_agree(store_of: MakeStore) -> None:
    store = store_of((1, 1), overlap=2)
    store.label(1, "0", "ann")
    store.label(1, "1", "ben")
    assert store.golds() == {}
    merge(store, "0", "1")
    assert store.golds() == {1: ("1", "agreement")}
    part(store, "0")
    assert store.golds() == {}


def test_a_model_that_tells_them_apart_suggests_what_stands(store_of: MakeStore) -> None:
    store = store_of((1,) * 4)
    merge(store, "0", "1")
    for item in store.ask():
        assert item.suggestion is not None
        assert set(item.suggestion.probabilities) == {"-1", "1", "2"}
        assert sum(item.suggestion.probabilities.values()) == pytest.approx(1)
        assert item.suggestion.label != "0"
        _, recorded = store.label(item, item.suggestion.label, shown=True)
        with store.read() as (session, *_):
            event = session.get_one(AnnotationEvent, recorded.event_id)
            assert event.suggested_label == event.label


def test_an_answer_under_a_retired_label_is_kept(store_of: MakeStore) -> None:
    store = store_of((1,))
    with store.write() as (session, project, _):
        kept = [one for one in labels_of(project, session=session) if one.value != "0"]
        edit_labels(project, [NewLabel(one.value, one.name) for one in kept], session=session)
    assert store.label(1, "0")[1].state == "saved"
    assert store.golds() == {1: ("0", "single")}


def test_merging_is_logged_and_what_cannot_be_is_refused(store_of: MakeStore) -> None:
    store = store_of((1,))
    store.label(1, "0")
    merge(store, "0", "1")
    for value, into, why in (
        ("0", "2", "counts for '1' already"),
        ("2", "0", "counts for '1' already"),
        ("1", "2", "'0' was merged into '1'"),
        ("2", "2", "itself"),
        ("9", "2", "no label"),
    ):
        with pytest.raises(LabelError, match=why):
            merge(store, value, into)
    with pytest.raises(LabelError, match="was not merged"):
        part(store, "2")
    merge(store, "-1", "1")
    with pytest.raises(LabelError, match="needs 2 labels"):
        merge(store, "2", "1")
    part(store, "0")
    with store.read() as (session, *_):
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        acts = [(one.action, one.subject) for one in entries]
    assert acts == [
        ("merge label", "0"),
        ("merge label", "-1"),
        ("undo merge label", "0"),
    ]
    with store.write() as (session, project, _):
        labels = [NewLabel(one, f"L{one}") for one in ("-1", "0", "1", "2")]
        with pytest.raises(LabelError, match="'-1' was merged into '1'"):
            edit_labels(project, labels, session=session)
    assert store.golds() == {1: ("0", "single")}


def test_a_file_with_a_merged_labels_value_counts_for_what_it_was_merged_into(
    store_of: MakeStore, tmp_path: Path
) -> None:
    store = store_of((1,))
    merge(store, "0", "1")
    file = tmp_path / "later.csv"
    file.write_text("sentiment,message,tweetid\n0,ice,91\nl0,rain,92\n1,heat,93\n", "utf-8")
    report = import_file(file, engine=store.engine, project_name=store.name)
    assert (report.accepted, report.rejected, report.merged) == (3, 0, 2)
    with store.read() as (session, *_):
        found = session.scalars(select(Tweet).where(Tweet.external_id.in_(("91", "92", "93"))))
        at = {tweet.external_id: (tweet.id, tweet.imported_label) for tweet in found}
    assert [label for _, label in at.values()] == ["0", "0", "1"]
    golds = store.golds()
    assert {golds[number] for number, _ in at.values()} == {("1", "imported")}
    part(store, "0")
    golds = store.golds()
    assert [golds[at[one][0]][0] for one in ("91", "92", "93")] == ["0", "0", "1"]


@pytest.mark.parametrize(
    ("answered", "words"),
    [((1,), "1 answer, 1 gold label"), ((), "0 answers, 0 gold labels")],
)
def test_a_merge_is_told_in_grammatical_numbers(
    answered: tuple[int, ...], words: str, store_of: MakeStore
) -> None:
    store = store_of((1, 1))
    for tweet_id in answered:
        store.label(tweet_id, "0")
    merge(store, "0", "1")
    with store.read() as (session, project, _):
        assert label_changes(project, session=session)[0].words == f"0 merged into 1: {words}"
