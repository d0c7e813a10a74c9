"""The same act on many chosen tweets: label, skip, flag for review, queue for somebody.

Each call takes at most MAX_AT_ONCE tweets, so that nobody else waits long for the store; pages
go through a selection with `in_parts`. Calling again with the same key changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.clock import steady
from db.projects import settings_of
from db.schema import Annotation, Annotator, Lease, Project, Tweet
from labeling.answering import Answer, record
from labeling.auditing import audit
from labeling.candidates import REPEAT_SLOT, Asking
from labeling.errors import AnswerError
from labeling.leasing import Pick, claim
from labeling.permissions import require_of

MAX_AT_ONCE = 200
ASSIGNED_FOR = timedelta(days=7)


@dataclass(frozen=True)
class BulkReport:
    """How many tweets were changed, how many had been before, and why others were not."""

    done: int
    unchanged: int
    refused: int
    messages: tuple[str, ...] = ()


def in_parts(tweet_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut a selection into parts that one call may take."""
    for start in range(0, len(tweet_ids), MAX_AT_ONCE):
        yield tweet_ids[start : start + MAX_AT_ONCE]


def label_many(
    project: Project,
    tweet_ids: Sequence[int],
    label: str,
    annotator: Annotator,
    *,
    session: Session,
    key: str,
) -> BulkReport:
    """Label tweets as this person; each is an ordinary answer that history shows and undo knows.

    key: minted once per decision; with it a repeated call is recognised.
    """
    return _answer_many(project, tweet_ids, "label", annotator, session, key, label=label)


def skip_many(
    project: Project,
    tweet_ids: Sequence[int],
    annotator: Annotator,
    *,
    session: Session,
    key: str,
) -> BulkReport:
    """Skip tweets as this person: they are not asked of them any more."""
    return _answer_many(project, tweet_ids, "skip", annotator, session, key)


def flag_many(
    project: Project,
    tweet_ids: Sequence[int],
    annotator: Annotator,
    *,
    session: Session,
    key: str,
) -> BulkReport:
    """Send tweets to review by flagging them; those that this person flagged before stay so."""
    flagged = select(Annotation.tweet_id).where(
        Annotation.annotator_id == annotator.id,
        Annotation.flagged,
        Annotation.tweet_id.in_(tweet_ids),
    )
    before = set(session.scalars(flagged))
    new = [tweet_id for tweet_id in tweet_ids if tweet_id not in before]
    report = _answer_many(project, new, "flag", annotator, session, key)
    unchanged = report.unchanged + len(before)
    return BulkReport(report.done, unchanged, report.refused, report.messages)


def queue_for(
    project: Project,
    tweet_ids: Sequence[int],
    person: Annotator,
    by: Annotator,
    *,
    session: Session,
) -> BulkReport:
    """Put tweets at the front of somebody's queue for a week, whatever their state.

    Left out (and counted as refused): tweets that another person is being asked at this moment.
    """
    require_of(by, "bulk")
    _check(tweet_ids)
    mine = select(Tweet.id).where(Tweet.id.in_(tweet_ids), Tweet.project_id == project.id)
    known = set(session.scalars(mine))
    moment = steady(session)
    held = select(Lease.tweet_id, Lease.annotator_id).where(
        Lease.tweet_id.in_(known), Lease.expires_at > moment, Lease.slot < REPEAT_SLOT
    )
    busy = {row.tweet_id for row in session.execute(held) if row.annotator_id != person.id}
    free = [tweet_id for tweet_id in tweet_ids if tweet_id in known - busy]
    session.execute(
        delete(Lease).where(
            Lease.tweet_id.in_(free), Lease.annotator_id == person.id, Lease.slot < REPEAT_SLOT
        )
    )
    settings = settings_of(project)
    asking = Asking(project.id, person.id, settings.overlap, settings.propagate, moment)
    picks = [Pick(tweet_id, "assigned", None, False) for tweet_id in free]
    seconds = int(ASSIGNED_FOR.total_seconds())
    made = claim(picks, asking, seconds, session=session, first=True)
    refused = len(tweet_ids) - len(made)
    messages = (f"{len(busy):,} are being asked of others just now",) if busy else ()
    detail = {"tweets": len(made), "for": person.name}
    audit(project, by, "queue for", project.name, detail, session=session)
    return BulkReport(len(made), 0, refused, messages)


def _answer_many(
    project: Project,
    tweet_ids: Sequence[int],
    kind: str,
    annotator: Annotator,
    session: Session,
    key: str,
    label: str | None = None,
) -> BulkReport:
    require_of(annotator, "bulk")
    _check(tweet_ids)
    answers = [
        Answer(key=f"{key}:{tweet_id}", kind=kind, tweet_id=tweet_id, label=label)
        for tweet_id in tweet_ids
    ]
    results = record(answers, project, annotator, session=session)
    states = [result.state for result in results]
    messages = tuple(dict.fromkeys(one.message for one in results if one.state == "refused"))
    done = states.count("saved")
    if done:
        detail = {"tweets": done, "label": label, "key": key}
        audit(project, annotator, f"bulk {kind}", project.name, detail, session=session)
    return BulkReport(done, states.count("repeated"), states.count("refused"), messages[:5])


def _check(tweet_ids: Sequence[int]) -> None:
    if len(tweet_ids) > MAX_AT_ONCE:
        raise AnswerError(
            f"{len(tweet_ids):,} tweets in one call; {MAX_AT_ONCE} are allowed, go through them "
            "in parts"
        )
