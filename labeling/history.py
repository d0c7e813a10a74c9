"""A person's own last answers, and the counters beside the tweet."""

from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from db.projects import settings_of
from db.schema import Annotation, AnnotationEvent, Annotator, Project, Tweet
from db.types import now
from labeling.asking import Counters, HistoryItem
from labeling.candidates import count_open

_LEAST_SECONDS = 60.0
_PAUSE = timedelta(minutes=5)
_SPEED_OVER = 100


def history(
    project: Project, annotator: Annotator, *, session: Session, limit: int = 20
) -> list[HistoryItem]:
    """Return a person's last answers and skips that were not taken back, newest first."""
    undo = aliased(AnnotationEvent)
    undone = select(undo.id).where(undo.undoes_id == AnnotationEvent.id).exists()
    query = (
        select(AnnotationEvent, Tweet.text, Annotation)
        .join(Tweet, Tweet.id == AnnotationEvent.tweet_id)
        .outerjoin(
            Annotation,
            (Annotation.tweet_id == AnnotationEvent.tweet_id)
            & (Annotation.annotator_id == AnnotationEvent.annotator_id),
        )
        .where(
            AnnotationEvent.project_id == project.id,
            AnnotationEvent.annotator_id == annotator.id,
            AnnotationEvent.kind.in_(("label", "skip")),
            ~undone,
        )
        .order_by(AnnotationEvent.id.desc())
        .limit(limit)
    )
    return [
        HistoryItem(
            event_id=event.id,
            key=event.idempotency_key,
            tweet_id=event.tweet_id,
            text=text,
            kind=event.kind,
            label=event.label,
            flagged=annotation.flagged if annotation else False,
            comment=annotation.comment if annotation else None,
            answered_at=event.created_at,
        )
        for event, text, annotation in session.execute(query)
    ]


def counters(
    project: Project, annotator: Annotator, *, session: Session, day_start: datetime | None = None
) -> Counters:
    """Return what stands beside the tweet; day_start: when their day began, else UTC midnight."""
    moment = now()
    since = day_start or moment.replace(hour=0, minute=0, second=0, microsecond=0)
    undo = aliased(AnnotationEvent)
    undone = select(undo.id).where(undo.undoes_id == AnnotationEvent.id).exists()
    mine = (
        AnnotationEvent.project_id == project.id,
        AnnotationEvent.annotator_id == annotator.id,
        AnnotationEvent.kind == "label",
    )
    same = AnnotationEvent.label == AnnotationEvent.suggested_label
    done, compared, agreed = session.execute(
        select(
            func.count(AnnotationEvent.id),
            func.count(AnnotationEvent.suggested_label),
            func.count(AnnotationEvent.id).filter(same),
        ).where(*mine, AnnotationEvent.created_at >= since, ~undone)
    ).one()
    times = session.scalars(
        select(AnnotationEvent.created_at)
        .where(*mine)
        .order_by(AnnotationEvent.id.desc())
        .limit(_SPEED_OVER)
    ).all()
    return Counters(
        done_today=done,
        per_hour=_per_hour(list(times)),
        agreement_with_model=agreed / compared if compared else None,
        left=sum(count_open(project.id, session=session).values()),
        goal=settings_of(project).daily_goal,
    )


def _per_hour(times: list[datetime]) -> float | None:
    """Return answers an hour from moments, newest first; None before a minute of work.

    A rate from a few quick presses would be a number in the thousands that means nothing.
    """
    steps = [later - earlier for later, earlier in pairwise(times)]
    worked = [step.total_seconds() for step in steps if timedelta(0) <= step <= _PAUSE]
    if len(worked) < 4 or sum(worked) < _LEAST_SECONDS:
        return None
    return 3600 * len(worked) / sum(worked)
