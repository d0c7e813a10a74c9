"""Which tweets may be asked of a person.

Two modules propose tweets by index, a handful at a time, and have them checked here:
labeling.walking in the order of a model's predictions, labeling.drawing at random. Nothing
loads everything.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from time import monotonic
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, and_, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from db.schema import Annotation, DuplicateGroup, Gold, Lease, Tweet
from db.types import UtcDateTime

REPEAT_SLOT = 1_000_000  # slots from here on belong to hidden repeats, one a person
ANSWERED = ("label", "skip")
FEW = 2_000  # open groups that are cheaper to look at one by one than to find by walking
MANY = 20_000  # open groups from which on their number is counted once a minute only
_REMEMBER_SECONDS = 60.0
_GROUPS = DuplicateGroup.metadata.tables["duplicate_group"].c
_OPEN = (
    select(_GROUPS.split, func.count())
    .where(_GROUPS.project_id == bindparam("project"), _GROUPS.open)
    .group_by(_GROUPS.split)
)
_COUNTED: dict[tuple[str, int], tuple[float, dict[str, int]]] = {}


@dataclass(frozen=True)
class Asking:
    """Who is asked, under which rules, and when.

    taken: tweets to leave out. only_looks: nothing is claimed in this transaction, nor locked.
    """

    project_id: int
    annotator_id: int
    overlap: int
    propagate: bool
    at: datetime
    taken: set[int] = field(default_factory=set)
    only_looks: bool = False


@dataclass(frozen=True)
class Candidate:
    """A tweet that may be asked, and its split."""

    tweet_id: int
    split: str


@cache
def may_be_asked(propagate: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on Tweet joined with DuplicateGroup under which it may be asked.

    It has no gold label (its group, where answers count for the group), this person has neither
    answered nor skipped it and does not hold it, and fewer people than the overlap have answered
    it or are being asked it. Who asks is named with the execution: `asked_by`.
    """
    person: BindParameter[int] = bindparam("person")
    mine = and_(Annotation.tweet_id == Tweet.id, Annotation.annotator_id == person)
    answered = select(Annotation.id).where(mine, Annotation.kind.in_(ANSWERED)).exists()
    held = select(Lease.id).where(Lease.tweet_id == Tweet.id, Lease.annotator_id == person).exists()
    answers = (
        select(func.count(Annotation.id))
        .where(Annotation.tweet_id == Tweet.id, Annotation.kind == "label")
        .scalar_subquery()
    )
    at = bindparam("at", type_=UtcDateTime)
    asked = (
        select(func.count(Lease.id))
        .where(Lease.tweet_id == Tweet.id, Lease.slot < REPEAT_SLOT, Lease.expires_at > at)
        .scalar_subquery()
    )
    overlap = bindparam("overlap", type_=Integer)
    return unlabelled(propagate), ~answered, ~held, answers + asked < overlap


def asked_by(asking: Asking) -> dict[str, Any]:
    """Return the parameters of `may_be_asked`."""
    return {"person": asking.annotator_id, "at": asking.at, "overlap": asking.overlap}


@cache
def unlabelled(propagate: bool) -> ColumnElement[bool]:
    """Return the condition that a tweet (joined with its group) still needs a gold label.

    Where answers count for the group, its representative is asked for all; else each tweet.
    """
    if not propagate:
        return ~select(Gold.tweet_id).where(Gold.tweet_id == Tweet.id).exists()
    member = aliased(Tweet)
    has_gold = (
        select(Gold.tweet_id)
        .join(member, member.id == Gold.tweet_id)
        .where(member.group_id == Tweet.group_id)
        .exists()
    )
    return and_(DuplicateGroup.open, DuplicateGroup.representative_id == Tweet.id, ~has_gold)


def eligible(
    tweet_ids: Collection[int], asking: Asking, *, session: Session
) -> dict[int, Candidate]:
    """Return those of the tweets that may be asked; on PostgreSQL they are locked for us."""
    wanted = [tweet_id for tweet_id in tweet_ids if tweet_id not in asking.taken]
    if not wanted:
        return {}
    found = _look(wanted, asking, session=session)
    if asking.only_looks:
        return found
    if found and session.get_bind().dialect.name == "postgresql":
        # The conditions were read before the lock was got: a claim committed in between is only
        # seen by another statement.
        return _look(list(found), asking, session=session)
    return found


def _look(wanted: Collection[int], asking: Asking, *, session: Session) -> dict[int, Candidate]:
    looking = _looking(asking.propagate, asking.only_looks)
    rows = session.execute(looking, {**asked_by(asking), "wanted": wanted})
    # The project is compared here: as a condition, it would tempt SQLite to read the project's
    # whole index instead of the few rows named.
    return {
        row.id: Candidate(row.id, row.split) for row in rows if row.project_id == asking.project_id
    }


@cache
def _looking(propagate: bool, only: bool) -> Select[int, str, int]:
    """Build the statement once: dealing a queue looks dozens of times, and others wait for it."""
    query = (
        select(Tweet.id, Tweet.split, Tweet.project_id)
        .join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        .where(
            Tweet.id.in_(bindparam("wanted", expanding=True)),
            *may_be_asked(propagate),
        )
    )
    return query if only else query.with_for_update(skip_locked=True, of=Tweet)


def count_open(project_id: int, *, session: Session) -> dict[str, int]:
    """Return how many groups without gold label each split has.

    An index answers, at about 0.1 s a million; so a count over MANY is remembered for a minute.
    It serves for proportions and for showing what is left, where that is near enough.
    """
    place = (str(session.get_bind().engine.url), project_id)
    counted_at, counts = _COUNTED.get(place, (0.0, {}))
    if monotonic() - counted_at < _REMEMBER_SECONDS:
        return dict(counts)
    rows = session.execute(_OPEN, {"project": project_id})
    counts = {row[0]: row[1] for row in rows}
    if sum(counts.values()) > MANY:
        _COUNTED[place] = (monotonic(), counts)
    return dict(counts)
