"""Saving what people do, exactly once, and never losing it.

Each act is one row of `annotation_event`, never changed afterwards; what stands is a replay of
a person's events on a tweet (labeling.standing), rewritten in the same transaction, as are the
gold labels that follow (labeling.resolving). What was suggested, why the tweet was asked and
with which chance comes from the claim in the store; of the browser's word only the key, the
label, the comment, the seconds and whether the suggestion was on screen are taken.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.project_settings import ProjectSettings
from db.projects import labels_of, settings_of
from db.schema import (
    Annotation,
    AnnotationEvent,
    Annotator,
    DuplicateGroup,
    Project,
    Tweet,
)
from db.types import now
from db.upsert import insert_or_find
from labeling.asking import KINDS, MAX_COMMENT, MAX_KEY, Answer, Counters, HistoryItem, Recorded
from labeling.history import counters, history
from labeling.leasing import release
from labeling.merged import merged_labels
from labeling.permissions import require_of
from labeling.provenance import provenance
from labeling.resolving import resolve
from labeling.standing import Act, replay
from labeling.undoing import give_back

__all__ = ["Answer", "Counters", "HistoryItem", "Recorded", "counters", "history", "record"]

_EVENTS = AnnotationEvent.metadata.tables["annotation_event"]
_STALE = "given from a page that was out of date; it is kept, and a reviewer will see it"


@dataclass(frozen=True)
class _Desk:
    """What stays the same while a batch of answers is saved."""

    project: Project
    annotator_id: int
    settings: ProjectSettings
    labels: frozenset[str]
    session: Session


def record(
    answers: Sequence[Answer], project: Project, annotator: Annotator, *, session: Session
) -> list[Recorded]:
    """Save a person's acts in the order given and tell what became of each.

    Sending an answer again is harmless: its key is known, and the first result is given back as
    `repeated`. One that cannot be taken is `refused` with the reason, and the others are saved.
    Nothing is saved until the caller's transaction commits: acknowledge only after that.
    Raises PermissionRefused for somebody who is not active any more.
    """
    require_of(annotator, "answer")
    # Labels that were retired or merged meanwhile included: who answered from a page that was
    # open before must not lose that answer.
    known = labels_of(project, session=session, active=False)
    labels = frozenset(label.value for label in known)
    desk = _Desk(project, annotator.id, settings_of(project), labels, session)
    return [_record_one(answer, desk) for answer in answers]


def _record_one(answer: Answer, desk: _Desk) -> Recorded:
    problem = _problem(answer, desk)
    if problem is not None:
        return Recorded(answer.key, None, "refused", problem)
    earlier = _by_key(answer.key, desk)
    if earlier is not None:
        return _again(answer, earlier, desk)
    if answer.kind == "undo":
        return _undo(answer, desk)
    tweet = desk.session.get(Tweet, answer.tweet_id)
    if tweet is None or tweet.project_id != desk.project.id:
        return Recorded(
            answer.key,
            None,
            "refused",
            f"tweet {answer.tweet_id} is not in project {desk.project.name!r}; reload the page",
        )
    _lock_group(tweet.group_id, desk)
    return _save(answer, tweet, desk)


def _problem(answer: Answer, desk: _Desk) -> str | None:
    if not answer.key or len(answer.key) > MAX_KEY:
        return f"an answer's key must have 1 to {MAX_KEY} characters; reload the page"
    if answer.kind not in KINDS:
        return f"{answer.kind!r} is no kind of answer; it must be one of {', '.join(KINDS)}"
    if answer.kind == "label" and answer.label not in desk.labels:
        known = ", ".join(sorted(desk.labels))
        return f"{answer.label!r} is no label of this project (there are: {known}); reload the page"
    if answer.comment is not None and len(answer.comment) > MAX_COMMENT:
        return f"the comment has {len(answer.comment)} characters; {MAX_COMMENT} are allowed"
    if answer.comment is not None and "\x00" in answer.comment:
        return "the comment holds a NUL character; remove it"
    if answer.kind == "undo" and not answer.undoes_key:
        return "an undo must name the answer that it takes back; reload the page"
    return None


def _by_key(key: str, desk: _Desk) -> AnnotationEvent | None:
    query = select(AnnotationEvent).where(AnnotationEvent.idempotency_key == key)
    return desk.session.scalars(query).one_or_none()


def _again(answer: Answer, earlier: AnnotationEvent, desk: _Desk) -> Recorded:
    if earlier.annotator_id != desk.annotator_id or earlier.project_id != desk.project.id:
        return Recorded(
            answer.key, None, "refused", "this answer's key is another one's; reload the page"
        )
    return Recorded(answer.key, earlier.id, "repeated", _STALE if earlier.conflict else "")


def _lock_group(group_id: int, desk: _Desk) -> None:
    """Let one answer at a time change a group (PostgreSQL; SQLite has one writer anyway)."""
    desk.session.execute(
        select(DuplicateGroup.id).where(DuplicateGroup.id == group_id).with_for_update()
    )


def _save(answer: Answer, tweet: Tweet, desk: _Desk) -> Recorded:
    decides = answer.kind in {"label", "skip"}
    source = provenance(
        answer, desk.project, desk.annotator_id, desk.settings, session=desk.session
    )
    stale = decides and source.stale
    row = {
        "idempotency_key": answer.key,
        "project_id": desk.project.id,
        "tweet_id": tweet.id,
        "annotator_id": desk.annotator_id,
        "kind": answer.kind,
        "label": answer.label if answer.kind == "label" else None,
        "comment": answer.comment,
        "seconds": _seconds(answer.seconds),
        "lease_generation": answer.lease_generation,
        "conflict": stale,
        "created_at": now(),
        **source.columns(),
    }
    event_id, new = insert_or_find(_EVENTS, row, session=desk.session, key="idempotency_key")
    if not new:
        return Recorded(answer.key, event_id, "repeated")
    repeat = source.queue_reason == "repeat"
    if not (repeat and decides):
        bring_up_to_date(tweet, desk.annotator_id, desk.project.id, session=desk.session)
        if decides:
            resolve(tweet.group_id, settings=desk.settings, session=desk.session)
    if decides:
        release(tweet.id, desk.annotator_id, repeat=repeat, session=desk.session)
    return Recorded(answer.key, event_id, "conflict" if stale else "saved", _STALE if stale else "")


def _seconds(sent: float | None) -> float | None:
    if sent is None or not math.isfinite(sent) or sent < 0:
        return None
    return sent


def bring_up_to_date(tweet: Tweet, annotator_id: int, project_id: int, *, session: Session) -> None:
    """Rewrite a person's annotation of a tweet from their events on it."""
    query = select(AnnotationEvent).where(
        AnnotationEvent.tweet_id == tweet.id, AnnotationEvent.annotator_id == annotator_id
    )
    acts = [
        Act(
            event.id,
            event.kind,
            event.label,
            event.comment,
            event.undoes_id,
            event.conflict,
            event.queue_reason == "repeat" and event.kind in {"label", "skip"},
        )
        for event in session.scalars(query)
    ]
    standing = replay(acts)
    merged = merged_labels(project_id, session=session)
    annotation = session.scalars(
        select(Annotation).where(
            Annotation.tweet_id == tweet.id, Annotation.annotator_id == annotator_id
        )
    ).one_or_none()
    if standing is None:
        if annotation is not None:
            session.delete(annotation)
        return
    if annotation is None:
        annotation = Annotation(tweet_id=tweet.id, annotator_id=annotator_id, project_id=project_id)
        session.add(annotation)
    annotation.kind = standing.kind
    annotation.label = merged.get(standing.label or "", standing.label)
    annotation.event_id, annotation.updated_at = standing.event_id, now()
    annotation.flagged, annotation.comment = standing.flagged, standing.comment
    session.flush()


def _undo(answer: Answer, desk: _Desk) -> Recorded:
    target = _by_key(answer.undoes_key or "", desk)
    if (
        target is None
        or target.annotator_id != desk.annotator_id
        or target.project_id != desk.project.id
        or target.kind == "undo"
    ):
        return Recorded(
            answer.key, None, "refused", "there is no saved answer of yours to take back here"
        )
    tweet = desk.session.get_one(Tweet, target.tweet_id)
    _lock_group(tweet.group_id, desk)
    before = select(AnnotationEvent.id).where(AnnotationEvent.undoes_id == target.id).limit(1)
    undone = desk.session.scalar(before)
    if undone is not None:
        return Recorded(answer.key, undone, "repeated", "that answer was taken back before")
    row = {
        "idempotency_key": answer.key,
        "project_id": desk.project.id,
        "tweet_id": tweet.id,
        "annotator_id": desk.annotator_id,
        "kind": "undo",
        "undoes_id": target.id,
        "queue_reason": target.queue_reason,
        "created_at": now(),
    }
    event_id, new = insert_or_find(_EVENTS, row, session=desk.session, key="idempotency_key")
    if not new:
        return Recorded(answer.key, event_id, "repeated")
    bring_up_to_date(tweet, desk.annotator_id, desk.project.id, session=desk.session)
    resolve(tweet.group_id, settings=desk.settings, session=desk.session)
    give_back(target, desk.project.id, desk.settings, session=desk.session)
    return Recorded(answer.key, event_id, "saved")
