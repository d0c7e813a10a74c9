"""How the work goes on: labels by day, the model's acceptance, and when it will be done."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from db.projects import settings_of
from db.schema import Annotation, AnnotationEvent, DuplicateGroup, Gold, Project, Tweet
from db.types import now
from labeling.candidates import count_open
from labeling.insights import Share, share_of

_RECENT = timedelta(days=7)


@dataclass(frozen=True)
class Day:
    """One day (UTC, as YYYY-MM-DD). labels: answers of that day that stand; accepted: of those
    with a suggestion.
    """

    day: str
    labels: dict[str, int]
    accepted: Share


@dataclass(frozen=True)
class Progress:
    """How far the project is, in duplicate groups.

    days_left: for the answers that are still needed, at the pace of the last week's working
    days; None without any answer.
    """

    groups: int
    done: int
    answers_a_day: float | None
    days_left: float | None
    gold_by_label: dict[str, int]


def days(project: Project, *, session: Session) -> list[Day]:
    """Return the days with answers, oldest first.

    What was taken back, revised or skipped later is not counted.
    """
    day = func.date(AnnotationEvent.created_at)
    seen = case((AnnotationEvent.suggestion_shown, 1), else_=0)
    same = case(
        (
            AnnotationEvent.suggestion_shown
            & (AnnotationEvent.suggested_label == AnnotationEvent.label),
            1,
        ),
        else_=0,
    )
    query = (
        select(day, Annotation.label, func.count(), func.sum(seen), func.sum(same))
        .join(AnnotationEvent, AnnotationEvent.id == Annotation.event_id)
        .where(Annotation.project_id == project.id, Annotation.kind == "label")
        .group_by(day, Annotation.label)
    )
    labels: dict[str, dict[str, int]] = defaultdict(dict)
    shown: dict[str, int] = defaultdict(int)
    taken: dict[str, int] = defaultdict(int)
    for when, label, count, with_suggestion, accepted in session.execute(query):
        labels[str(when)][label or ""] = count
        shown[str(when)] += with_suggestion or 0
        taken[str(when)] += accepted or 0
    return [
        Day(when, dict(sorted(labels[when].items())), share_of(taken[when], shown[when]))
        for when in sorted(labels)
    ]


def progress(project: Project, *, session: Session) -> Progress:
    """Return how many groups have a gold label, the pace, and how many days are left."""
    total = select(func.count()).where(DuplicateGroup.project_id == project.id)
    groups = session.scalar(total) or 0
    left = sum(count_open(project.id, session=session).values())
    by_label = (
        select(Gold.label, func.count()).where(Gold.project_id == project.id).group_by(Gold.label)
    )
    day = func.date(AnnotationEvent.created_at)
    recent = (
        select(func.count(), func.count(day.distinct()))
        .select_from(Annotation)
        .join(AnnotationEvent, AnnotationEvent.id == Annotation.event_id)
        .where(
            Annotation.project_id == project.id,
            Annotation.kind == "label",
            AnnotationEvent.created_at >= now() - _RECENT,
        )
    )
    answers, worked = session.execute(recent).one()
    pace = answers / worked if worked else None
    return Progress(
        groups=groups,
        done=max(0, groups - left),
        answers_a_day=pace,
        days_left=_needed(project, left, session=session) / pace if pace else None,
        gold_by_label={row[0]: row[1] for row in session.execute(by_label)},
    )


def _needed(project: Project, left: int, *, session: Session) -> int:
    """Return how many answers `left` open groups need: one a person each, less what they have."""
    overlap = settings_of(project).overlap
    query = (
        select(Tweet.group_id, func.count())
        .select_from(Annotation)
        .join(Tweet, Tweet.id == Annotation.tweet_id)
        .join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        .where(Annotation.project_id == project.id, Annotation.kind == "label", DuplicateGroup.open)
        .group_by(Tweet.group_id, Annotation.tweet_id)
    )
    given: dict[int, int] = defaultdict(int)
    for group, answers in session.execute(query):
        given[group] = max(given[group], min(answers, overlap))
    return max(0, left * overlap - sum(given.values()))
