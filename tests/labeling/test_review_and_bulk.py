"""Second looks and acts on many tweets."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from small_store import Store
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.schema import Annotator, AuditEntry, Lease, Prediction, Project
from db.types import now
from labeling.bulk import MAX_AT_ONCE, flag_many, in_parts, label_many, queue_for, skip_many
from labeling.errors import AnswerError, PermissionRefused
from labeling.review import ReviewItem, adjudicate, count_review, review_queue, withdraw

MakeStore = Callable[..., Store]


@contextmanager
def reviewing(store: Store, who: str = "rev") -> Iterator[tuple[Session, Project, Annotator]]:
    with store.write(who) as (session, project, person):
        person.role = "reviewer"
        yield session, project, person


def in_review(store: Store, **more: object) -> list[ReviewItem]:
    with reviewing(store) as (session, project, person):
        return review_queue(project, person, session=session, **more)  # type: ignore[arg-type]


def decide(store: Store, tweet_id: int, label: str, note: str = "") -> None:
    with reviewing(store) as (session, project, person):
        adjudicate(project, tweet_id, label, person, session=session, note=note)


def test_disagreements_come_with_who_said_what(store_of: MakeStore) -> None:
    store = store_of()
    store.label(store.ask(count=1)[0], "1", "ann")
    store.label(1, "2", "bob")
    store.act("comment", 1, "bob", comment="read it twice")
    found = in_review(store)
    assert [(one.tweet_id, one.why) for one in found] == [(1, ("disagreement",))]
    assert [(one.name, one.label) for one in found[0].answers] == [("ann", "1"), ("bob", "2")]
    assert found[0].answers[1].comment == "read it twice"
    assert (found[0].label, found[0].source) == ("1", "single")
    assert [one.name for one in in_review(store, names=False)[0].answers] == [None, None]


def test_flags_and_answers_against_a_sure_model_come_too(store_of: MakeStore) -> None:
    store = store_of((1,) * 40)
    store.act("flag", 3)
    store.label(40, "0")  # the model says 2 at 0.885
    assert {one.tweet_id: one.why for one in in_review(store, sure=0.8)} == {
        3: ("flagged",),
        40: ("against_model",),
    }
    with reviewing(store) as (session, project, person):
        counts = count_review(project, person, session=session, sure=0.8)
    assert counts == {"disagreement": 0, "flagged": 1, "stale": 0, "against_model": 1}


def test_an_answer_against_the_model_now_in_use_comes_to_review(store_of: MakeStore) -> None:
    store = store_of((1,) * 40)
    store.label(39, "1")  # the model says 1
    store.label(38, "1")  # the model says 0 at 0.855, and is retrained
    assert in_review(store, sure=0.9) == []
    with store.write() as (session, *_):
        for tweet_id in (38, 39):
            found = session.scalars(select(Prediction).where(Prediction.tweet_id == tweet_id)).one()
            found.label, found.confidence = "2", 0.95
    assert [(one.tweet_id, one.why) for one in in_review(store, sure=0.9)] == [
        (38, ("against_model",)),
        (39, ("against_model",)),
    ]


def test_a_decision_wins_counts_for_the_group_and_can_be_withdrawn(store_of: MakeStore) -> None:
    store = store_of((3, 1))
    store.label(1, "1", "ann")
    store.label(1, "2", "bob")
    decide(store, 1, "0", note="guideline 4")
    assert store.golds() == {
        1: ("0", "adjudicated"),
        2: ("0", "propagated"),
        3: ("0", "propagated"),
    }
    assert in_review(store) == []
    store.label(1, "2", "cid")
    assert store.golds()[1] == ("0", "adjudicated")
    with reviewing(store) as (session, project, person):
        withdraw(project, 1, person, session=session)
    assert store.golds()[1] == ("1", "single")
    with store.read() as (session, _, _person):
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["adjudicate", "withdraw decision"]


def test_a_decision_is_not_overwritten_but_the_same_again_is_harmless(
    store_of: MakeStore,
) -> None:
    store = store_of()
    decide(store, 1, "1", note="guideline 4")
    decide(store, 1, "1")
    with pytest.raises(AnswerError, match="is already decided by rev: "):
        decide(store, 1, "2")
    with (
        pytest.raises(AnswerError, match="already decided by rev"),
        reviewing(store, "other") as (session, project, person),
    ):
        adjudicate(project, 1, "1", person, session=session)
    assert store.golds()[1] == ("1", "adjudicated")
    with reviewing(store) as (session, project, person):
        assert withdraw(project, 1, person, session=session) == "guideline 4"


def test_a_tweet_without_majority_is_decided_by_review(store_of: MakeStore) -> None:
    store = store_of((1,), overlap=2)
    store.label(store.ask("ann")[0], "1", "ann")
    store.label(store.ask("bob")[0], "2", "bob")
    assert store.golds() == {}
    decide(store, 1, "2")
    assert store.golds() == {1: ("2", "adjudicated")}


def test_wrong_decisions_are_refused(store_of: MakeStore) -> None:
    store = store_of()
    with pytest.raises(AnswerError, match="'Anti' is no label"):
        decide(store, 1, "Anti")
    with pytest.raises(AnswerError, match="tweet 999 is not in project"):
        decide(store, 999, "1")
    with pytest.raises(AnswerError, match="no reviewer's decision"), reviewing(store) as work:
        withdraw(work[1], 1, work[2], session=work[0])


def test_annotators_may_neither_review_nor_act_in_bulk(store_of: MakeStore) -> None:
    store = store_of()
    with store.write() as (session, project, person):
        for call in (
            lambda: review_queue(project, person, session=session),
            lambda: count_review(project, person, session=session),
            lambda: adjudicate(project, 1, "1", person, session=session),
            lambda: withdraw(project, 1, person, session=session),
            lambda: label_many(project, [1], "1", person, session=session, key="k"),
            lambda: skip_many(project, [1], person, session=session, key="k"),
            lambda: flag_many(project, [1], person, session=session, key="k"),
            lambda: queue_for(project, [1], person, person, session=session),
        ):
            with pytest.raises(PermissionRefused):
                call()
    assert store.golds() == {}


def test_many_are_labelled_once_however_often_the_call_is_repeated(store_of: MakeStore) -> None:
    store = store_of()
    with reviewing(store) as (session, project, person):
        first = label_many(project, [1, 2, 999], "1", person, session=session, key="k")
        again = label_many(project, [1, 2], "1", person, session=session, key="k")
    assert (first.done, first.refused) == (2, 1)
    assert "tweet 999" in first.messages[0]
    assert (again.done, again.unchanged) == (0, 2)
    assert store.golds() == {1: ("1", "single"), 2: ("1", "single")}


def test_many_are_skipped_or_flagged(store_of: MakeStore) -> None:
    store = store_of()
    store.act("flag", 1, "rev")
    with reviewing(store) as (session, project, person):
        flags = flag_many(project, [1, 2], person, session=session, key="f")
        skips = skip_many(project, [3, 4], person, session=session, key="s")
    assert (flags.done, flags.unchanged, skips.done) == (1, 1, 2)
    assert {one.tweet_id for one in in_review(store, reasons=["flagged"])} == {1, 2}
    assert not {3, 4} & {item.tweet_id for item in store.ask("rev")}


def test_tweets_queued_for_somebody_come_first_even_when_labelled(store_of: MakeStore) -> None:
    store = store_of()
    store.ask("bob", count=2)
    store.label(15, "1", "ann")
    store.ask("cid", count=3)
    with reviewing(store) as (session, project, person):
        cid = session.scalars(select(Annotator).where(Annotator.name == "cid")).one()
        report = queue_for(project, [15, 20, 1], cid, person, session=session)
    assert (report.done, report.refused) == (2, 1)
    items = store.ask("cid")
    assert [item.tweet_id for item in items[:2]] == [15, 20]
    assert items[0].reason == "assigned"
    assert 20 not in {item.tweet_id for item in store.ask("ann")}
    _, saved = store.label(items[0], "2", "cid")
    assert saved.state == "saved"
    assert [one.tweet_id for one in in_review(store)] == [15]


def test_a_clock_that_is_set_takes_nobodys_claim_for_another(
    store_of: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of()
    store.ask("bob", count=2)
    store.ask("cid", count=3)
    later = now() + timedelta(hours=2)
    for name, module in list(sys.modules.items()):
        if name.startswith(("db.", "labeling.")) and getattr(module, "now", None) is now:
            monkeypatch.setattr(module, "now", lambda: later)
    with reviewing(store) as (session, project, person):
        cid = session.scalars(select(Annotator).where(Annotator.name == "cid")).one()
        of_bob = select(Lease.tweet_id).join(Annotator).where(Annotator.name == "bob")
        report = queue_for(project, session.scalars(of_bob).all(), cid, person, session=session)
    assert (report.done, report.refused) == (0, 2)


def test_a_selection_goes_in_parts() -> None:
    parts = list(in_parts(range(2 * MAX_AT_ONCE + 1)))
    assert [len(part) for part in parts] == [MAX_AT_ONCE, MAX_AT_ONCE, 1]


def test_too_many_at_once_are_refused(store_of: MakeStore) -> None:
    store = store_of((1,))
    with reviewing(store) as (session, project, person), pytest.raises(AnswerError, match="parts"):
        skip_many(project, range(MAX_AT_ONCE + 1), person, session=session, key="k")
