"""What a second pair of eyes should see, and decisions that stand.

In review: tweets on which people differ, that somebody flagged, that were answered from a stale
page, or whose answer contradicts a sure model (the one that suggested, or the one in use); until
a reviewer decides. A decision is a gold label with source `adjudicated`; no answer overrides it,
and withdrawing it brings back what follows from the answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from db.projects import labels_of, settings_of
from db.schema import (
    Annotation,
    AnnotationEvent,
    Annotator,
    DuplicateGroup,
    Gold,
    Label,
    ModelVersion,
    Prediction,
    Project,
    Tweet,
)
from db.types import now
from labeling.auditing import audit
from labeling.errors import AnswerError
from labeling.permissions import require_of
from labeling.resolving import resolve

REASONS = ("disagreement", "flagged", "stale", "against_model")
SURE = 0.9
MAX_NOTE = 2000


@dataclass(frozen=True)
class ReviewAnswer:
    """What one person said. suggested: the model's label at that time; shown: whether they saw it.

    name is None where names are hidden until the decision.
    """

    annotator_id: int
    name: str | None
    kind: str
    label: str | None
    comment: str | None
    flagged: bool
    conflict: bool
    suggested: str | None
    suggested_confidence: float | None
    shown: bool
    answered_at: datetime


@dataclass(frozen=True)
class ReviewItem:
    """A tweet to decide, with all answers. why: the reasons out of REASONS that apply."""

    tweet_id: int
    external_id: str
    text: str
    group_id: int
    group_size: int
    split: str
    why: tuple[str, ...]
    label: str | None
    source: str | None
    answers: tuple[ReviewAnswer, ...]


def review_queue(
    project: Project,
    reviewer: Annotator,
    *,
    session: Session,
    reasons: Sequence[str] = REASONS,
    limit: int = 20,
    sure: float = SURE,
    names: bool = True,
) -> list[ReviewItem]:
    """Return the first `limit` undecided tweets, disagreements first; names=False hides names.

    Raises PermissionRefused for people who may not review.
    """
    require_of(reviewer, "review")
    why: dict[int, list[str]] = {}
    for reason in reasons:
        query = _waiting(project.id, reason, sure).order_by(Annotation.tweet_id).limit(limit)
        for tweet_id in session.scalars(query):
            why.setdefault(tweet_id, []).append(reason)
    chosen = list(why)[:limit]
    answers = _answers(chosen, names, session=session)
    facts = (
        select(Tweet, DuplicateGroup.size, Gold)
        .join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        .outerjoin(Gold, Gold.tweet_id == Tweet.id)
        .where(Tweet.id.in_(chosen))
    )
    found = {tweet.id: (tweet, size, gold) for tweet, size, gold in session.execute(facts)}
    items = []
    for tweet_id in chosen:
        tweet, size, gold = found[tweet_id]
        items.append(
            ReviewItem(
                tweet_id=tweet_id,
                external_id=tweet.external_id,
                text=tweet.text,
                group_id=tweet.group_id,
                group_size=size,
                split=tweet.split,
                why=tuple(why[tweet_id]),
                label=gold.label if gold else None,
                source=gold.source if gold else None,
                answers=tuple(answers.get(tweet_id, ())),
            )
        )
    return items


def answers_on(tweet_id: int, *, session: Session) -> list[ReviewAnswer]:
    """Return what people said of one tweet, with their names."""
    return _answers([tweet_id], True, session=session).get(tweet_id, [])


def count_review(
    project: Project, reviewer: Annotator, *, session: Session, sure: float = SURE
) -> dict[str, int]:
    """Return how many tweets wait for each reason; one tweet may wait for several."""
    require_of(reviewer, "review")
    counts = {}
    for reason in REASONS:
        waiting = _waiting(project.id, reason, sure).subquery()
        counts[reason] = session.scalar(select(func.count()).select_from(waiting)) or 0
    return counts


def adjudicate(
    project: Project,
    tweet_id: int,
    label: str,
    reviewer: Annotator,
    *,
    session: Session,
    note: str = "",
) -> None:
    """Decide a tweet's gold label; it counts for the group as any answer does.

    note: why, for instance the guideline that decided it. The same decision of the same person
    again changes nothing. Raises PermissionRefused, or AnswerError for an unknown label or
    tweet, and for one that was decided otherwise: withdraw that decision first.
    """
    require_of(reviewer, "adjudicate")
    known = [one.value for one in labels_of(project, session=session)]
    if label not in known:
        raise AnswerError(f"{label!r} is no label of this project; there are: {', '.join(known)}")
    if len(note) > MAX_NOTE:
        raise AnswerError(f"the note has {len(note)} characters; {MAX_NOTE} are allowed")
    if "\0" in note:
        raise AnswerError("the note holds a NUL character; remove it")
    tweet = _locked(project, tweet_id, session=session)
    gold = session.get(Gold, tweet_id)
    if gold is not None and gold.source == "adjudicated":
        if (gold.annotator_id, gold.label) == (reviewer.id, label):
            return
        raise AnswerError(_decided(tweet, gold, session=session))
    before = None if gold is None else {"label": gold.label, "source": gold.source}
    if gold is None:
        gold = Gold(tweet_id=tweet_id, project_id=project.id)
        session.add(gold)
    gold.label, gold.source, gold.annotator_id = label, "adjudicated", reviewer.id
    gold.origin_tweet_id, gold.model_version_id = None, None
    gold.note, gold.created_at = note, now()
    detail = {"label": label, "before": before, "note": note}
    audit(project, reviewer, "adjudicate", tweet.external_id, detail, session=session)
    resolve(tweet.group_id, settings=settings_of(project), session=session)


def _decided(tweet: Tweet, gold: Gold, *, session: Session) -> str:
    """Say who decided a tweet and how."""
    by = session.get(Annotator, gold.annotator_id) if gold.annotator_id is not None else None
    named = select(Label.name).where(
        Label.project_id == tweet.project_id, Label.value == gold.label
    )
    name = session.scalar(named) or gold.label
    return f"tweet {tweet.external_id} is already decided by {by.name if by else '?'}: {name}"


def withdraw(project: Project, tweet_id: int, reviewer: Annotator, *, session: Session) -> str:
    """Take a decision back: the gold label follows from the answers again. Returns its note."""
    require_of(reviewer, "adjudicate")
    tweet = _locked(project, tweet_id, session=session)
    gold = session.get(Gold, tweet_id)
    if gold is None or gold.source != "adjudicated":
        raise AnswerError(f"tweet {tweet.external_id} has no reviewer's decision to withdraw")
    note = gold.note
    detail = {"label": gold.label, "note": note}
    audit(project, reviewer, "withdraw decision", tweet.external_id, detail, session=session)
    session.delete(gold)
    session.flush()
    resolve(tweet.group_id, settings=settings_of(project), session=session)
    return note


def _locked(project: Project, tweet_id: int, *, session: Session) -> Tweet:
    tweet = session.get(Tweet, tweet_id)
    if tweet is None or tweet.project_id != project.id:
        raise AnswerError(f"tweet {tweet_id} is not in project {project.name!r}; reload the page")
    group = select(DuplicateGroup.id).where(DuplicateGroup.id == tweet.group_id)
    session.execute(group.with_for_update())
    return tweet


def _waiting(project_id: int, reason: str, sure: float) -> Select[int]:
    """Select the undecided tweets to which a reason applies, each once."""
    decided = (
        select(Gold.tweet_id)
        .where(Gold.tweet_id == Annotation.tweet_id, Gold.source == "adjudicated")
        .exists()
    )
    base = select(Annotation.tweet_id).where(Annotation.project_id == project_id, ~decided)
    if reason == "disagreement":
        differ = func.count(Annotation.label.distinct()) > 1
        labelled = base.where(Annotation.kind == "label")
        return labelled.group_by(Annotation.tweet_id).having(differ)
    if reason == "flagged":
        return base.where(Annotation.flagged).distinct()
    event = base.join(AnnotationEvent, AnnotationEvent.id == Annotation.event_id)
    if reason == "stale":
        return event.where(AnnotationEvent.conflict).distinct()
    if reason == "against_model":
        then = and_(
            AnnotationEvent.suggested_confidence >= sure,
            AnnotationEvent.suggested_label.not_in(_merged(project_id)),
            AnnotationEvent.suggested_label != Annotation.label,
        )
        contradicts = or_(then, _against_current(project_id, sure))
        return event.where(Annotation.kind == "label", contradicts).distinct()
    raise AnswerError(f"{reason!r} is no reason for review; choose of {', '.join(REASONS)}")


def _against_current(project_id: int, sure: float) -> ColumnElement[bool]:
    """Tell whether the model in use is sure of another label than the answer's."""
    current = (
        select(ModelVersion.id)
        .where(ModelVersion.project_id == project_id, ModelVersion.state == "current")
        .scalar_subquery()
    )
    return (
        select(Prediction.tweet_id)
        .where(
            Prediction.model_version_id == current,
            Prediction.tweet_id == Annotation.tweet_id,
            Prediction.confidence >= sure,
            Prediction.label != Annotation.label,
            Prediction.label.not_in(_merged(project_id)),
        )
        .exists()
    )


def _merged(project_id: int) -> Select[str]:
    """Select labels that count for another one: an older model still tells them apart."""
    return select(Label.value).where(Label.project_id == project_id, Label.merged_into.is_not(None))


def _answers(
    tweet_ids: Sequence[int], names: bool, *, session: Session
) -> dict[int, list[ReviewAnswer]]:
    query = (
        select(Annotation, AnnotationEvent, Annotator.name)
        .join(AnnotationEvent, AnnotationEvent.id == Annotation.event_id)
        .join(Annotator, Annotator.id == Annotation.annotator_id)
        .where(Annotation.tweet_id.in_(tweet_ids))
        .order_by(AnnotationEvent.id)
    )
    found: dict[int, list[ReviewAnswer]] = {}
    for annotation, event, name in session.execute(query):
        answer = ReviewAnswer(
            annotator_id=annotation.annotator_id,
            name=name if names else None,
            kind=annotation.kind,
            label=annotation.label,
            comment=annotation.comment,
            flagged=annotation.flagged,
            conflict=event.conflict,
            suggested=event.suggested_label,
            suggested_confidence=event.suggested_confidence,
            shown=event.suggestion_shown,
            answered_at=event.created_at,
        )
        found.setdefault(annotation.tweet_id, []).append(answer)
    return found
