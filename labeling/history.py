"""A person's own last answers, and the counters beside the tweet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from db.projects import settings_of
from db.schema import Annotator, Base, Project
from db.types import now
from labeling.asking import Counters, HistoryItem, Remark
from labeling.candidates import ANSWERED, count_open

_LEAST_SECONDS = 60.0
_PAUSE = timedelta(minutes=5)
_SPEED_OVER = 100


# Built once, and past the ORM: each answer of each person asks for these.
_TABLES = Base.metadata.tables
_EVENTS, _TWEETS, _ANNOTATIONS = (
    _TABLES["annotation_event"],
    _TABLES["tweet"],
    _TABLES["annotation"],
)
_OWN = (
    _EVENTS.c.project_id == bindparam("project"),
    _EVENTS.c.annotator_id == bindparam("person"),
)
_UNDO = _EVENTS.alias("undo")
_STANDS = ~select(_UNDO.c.id).where(_UNDO.c.undoes_id == _EVENTS.c.id).exists()
_LAST = (
    select(
        _EVENTS.c.id,
        _EVENTS.c.idempotency_key,
        _EVENTS.c.tweet_id,
        _TWEETS.c.text,
        _EVENTS.c.kind,
        _EVENTS.c.label,
        _ANNOTATIONS.c.flagged,
        _ANNOTATIONS.c.comment,
        _EVENTS.c.created_at,
    )
    .join(_TWEETS, _TWEETS.c.id == _EVENTS.c.tweet_id)
    .outerjoin(
        _ANNOTATIONS,
        (_ANNOTATIONS.c.tweet_id == _EVENTS.c.tweet_id)
        & (_ANNOTATIONS.c.annotator_id == _EVENTS.c.annotator_id),
    )
    .where(*_OWN, _EVENTS.c.kind.in_(ANSWERED), _STANDS)
    .order_by(_EVENTS.c.id.desc())
    .limit(bindparam("limit"))
)
_REMARKS = select(_ANNOTATIONS.c.tweet_id, _ANNOTATIONS.c.flagged, _ANNOTATIONS.c.comment).where(
    _ANNOTATIONS.c.annotator_id == bindparam("person"),
    _ANNOTATIONS.c.tweet_id.in_(bindparam("tweets", expanding=True)),
    or_(_ANNOTATIONS.c.flagged, _ANNOTATIONS.c.comment.is_not(None)),
)
# The answer to a hidden repeat is no annotation: it stands unless it was taken back.
_REPEAT = _EVENTS.c.queue_reason == "repeat"
_OTHER = _EVENTS.alias("other")
_TAKEN_BACK = _EVENTS.alias("taken_back")
_OTHER_ANSWER = select(_OTHER.c.id).where(
    _OTHER.c.tweet_id == _EVENTS.c.tweet_id,
    _OTHER.c.annotator_id == _EVENTS.c.annotator_id,
    _OTHER.c.kind == "label",
    ~select(_TAKEN_BACK.c.id).where(_TAKEN_BACK.c.undoes_id == _OTHER.c.id).exists(),
)
_REVISED = _OTHER_ANSWER.where(
    _OTHER.c.queue_reason == "repeat", _OTHER.c.id > _EVENTS.c.id
).exists()
_ANSWERED_BEFORE = _OTHER_ANSWER.where(_OTHER.c.created_at < bindparam("since")).exists()
_ANSWER = or_(_ANNOTATIONS.c.event_id == _EVENTS.c.id, and_(_REPEAT, _STANDS, ~_REVISED))
_SAME = _EVENTS.c.label == _EVENTS.c.suggested_label
# What stands, once a tweet: a revised answer was the work of the day of the first one.
_COUNTS = (
    select(
        func.count(_EVENTS.c.id).filter(or_(_REPEAT, ~_ANSWERED_BEFORE)),
        func.count(_EVENTS.c.suggested_label),
        func.count(_EVENTS.c.id).filter(_SAME),
    )
    .outerjoin(
        _ANNOTATIONS,
        (_ANNOTATIONS.c.tweet_id == _EVENTS.c.tweet_id)
        & (_ANNOTATIONS.c.annotator_id == _EVENTS.c.annotator_id),
    )
    .where(*_OWN, _EVENTS.c.kind == "label", _EVENTS.c.created_at >= bindparam("since"), _ANSWER)
)
_TIMES = (
    select(_EVENTS.c.created_at)
    .where(*_OWN, _EVENTS.c.kind == "label")
    .order_by(_EVENTS.c.id.desc())
    .limit(_SPEED_OVER)
)


def history(
    project: Project, annotator: Annotator, *, session: Session, limit: int = 20
) -> list[HistoryItem]:
    """Return a person's last answers and skips that were not taken back, newest first."""
    asked = {"project": project.id, "person": annotator.id, "limit": limit}
    return [
        HistoryItem(
            event_id=row[0],
            key=row[1],
            tweet_id=row[2],
            text=row[3],
            kind=row[4],
            label=row[5],
            flagged=bool(row[6]),
            comment=row[7],
            answered_at=row[8],
        )
        for row in session.execute(_LAST, asked)
    ]


def remarks(tweet_ids: Sequence[int], annotator: Annotator, *, session: Session) -> list[Remark]:
    """Return a person's flags and comments on some tweets; those without either are left out."""
    asked = {"person": annotator.id, "tweets": list(tweet_ids)}
    return [Remark(row[0], bool(row[1]), row[2]) for row in session.execute(_REMARKS, asked)]


def counters(
    project: Project, annotator: Annotator, *, session: Session, day_start: datetime | None = None
) -> Counters:
    """Return what stands beside the tweet; day_start: when their day began, else UTC midnight."""
    moment = now()
    since = day_start or moment.replace(hour=0, minute=0, second=0, microsecond=0)
    own = {"project": project.id, "person": annotator.id}
    done, compared, agreed = session.execute(_COUNTS, {**own, "since": since}).one()
    times = session.scalars(_TIMES, own).all()
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
