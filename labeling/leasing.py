"""Claims: which tweet is with whom, until when.

A claim is one row; the pair (tweet, slot) is unique, so the store itself refuses a second
claim on the same place. Its number is never used twice and goes with the answer (fencing).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import BindParameter, Select, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from db.schema import Annotation, DuplicateGroup, Lease, Tweet
from db.upsert import insert_or_skip
from labeling.candidates import ANSWERED, REPEAT_SLOT, Asking, eligible, unlabelled

_LEASES = Lease.metadata.tables["lease"]
_HELD = delete(_LEASES).where(
    _LEASES.c.tweet_id == bindparam("tweet"), _LEASES.c.annotator_id == bindparam("person")
)
_END = _HELD.where(_LEASES.c.slot < REPEAT_SLOT)
_END_REPEAT = _HELD.where(_LEASES.c.slot >= REPEAT_SLOT)


@dataclass(frozen=True)
class Pick:
    """A tweet chosen for the queue: why, with which chance, and whether blind."""

    tweet_id: int
    reason: str
    probability: float | None
    blind: bool


def own_leases(asking: Asking, *, session: Session) -> Sequence[Lease]:
    """Return this person's claims in their order, those included that ran out untaken."""
    query = (
        select(Lease)
        .where(Lease.project_id == asking.project_id, Lease.annotator_id == asking.annotator_id)
        .order_by(Lease.position, Lease.id)
    )
    return session.scalars(query).all()


def renew(asking: Asking, seconds: int, *, session: Session) -> None:
    """Extend this person's claims to `seconds` from now; none is cut short."""
    until = asking.at + timedelta(seconds=seconds)
    session.execute(
        update(Lease)
        .where(
            Lease.project_id == asking.project_id,
            Lease.annotator_id == asking.annotator_id,
            Lease.expires_at < until,
        )
        .values(expires_at=until)
    )


def drop_settled(asking: Asking, keep: Collection[int], *, session: Session) -> None:
    """Give up own claims on tweets that need no answer any more, except those in `keep`."""
    numbers = settled_claims(asking, keep, session=session)
    if numbers:
        session.execute(delete(Lease).where(Lease.id.in_(numbers)))


def settled_claims(asking: Asking, keep: Collection[int], *, session: Session) -> set[int]:
    """Return the numbers of own claims on tweets that need no answer any more, but for `keep`.

    Repeats and tweets assigned by name are asked whatever their state.
    """
    asked = {"project": asking.project_id, "person": asking.annotator_id, "keep": list(keep)}
    return set(session.scalars(_settled(asking.propagate), asked))


@cache
def _settled(propagate: bool) -> Select[int]:
    person: BindParameter[int] = bindparam("person")
    answered = (
        select(Annotation.id)
        .where(
            Annotation.tweet_id == Tweet.id,
            Annotation.annotator_id == person,
            Annotation.kind.in_(ANSWERED),
        )
        .exists()
    )
    return (
        select(Lease.id)
        .join(Tweet, Tweet.id == Lease.tweet_id)
        .join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        .where(
            Lease.project_id == bindparam("project"),
            Lease.annotator_id == person,
            Lease.reason.not_in(("repeat", "assigned")),
            Lease.tweet_id.not_in(bindparam("keep", expanding=True)),
            or_(answered, ~unlabelled(propagate)),
        )
    )


def returned(asking: Asking, needed: int, *, session: Session) -> list[Pick]:
    """Return tweets whose claim by somebody else ran out, as they were picked, oldest first."""
    query = (
        select(Lease)
        .where(
            Lease.project_id == asking.project_id,
            Lease.annotator_id != asking.annotator_id,
            Lease.expires_at <= asking.at,
            Lease.slot < REPEAT_SLOT,
        )
        .order_by(Lease.expires_at, Lease.id)
        .limit(4 * needed)
    )
    leases = {lease.tweet_id: lease for lease in session.scalars(query)}
    allowed = eligible(leases, asking, session=session)
    picks = [
        Pick(one.tweet_id, one.reason, one.probability, one.blind)
        for one in leases.values()
        if one.tweet_id in allowed
    ]
    return picks[:needed]


def claim(
    picks: Sequence[Pick],
    asking: Asking,
    seconds: int,
    *,
    session: Session,
    first: bool = False,
) -> list[int]:
    """Claim the picks for this person; return the numbers of the claims that were made.

    first: put them before what the person holds already, else behind. A pick that somebody
    claimed in between is left out.
    """
    if not picks:
        return []
    tweet_ids = [pick.tweet_id for pick in picks]
    session.execute(
        delete(Lease).where(
            Lease.tweet_id.in_(tweet_ids),
            Lease.expires_at <= asking.at,
            Lease.slot < REPEAT_SLOT,
            Lease.annotator_id != asking.annotator_id,
        )
    )
    slots = _free_slots(tweet_ids, session=session)
    position = _next_position(asking, len(picks), first=first, session=session)
    rows = [
        {
            "project_id": asking.project_id,
            "tweet_id": pick.tweet_id,
            "slot": REPEAT_SLOT + asking.annotator_id
            if pick.reason == "repeat"
            else slots[pick.tweet_id],
            "annotator_id": asking.annotator_id,
            "reason": pick.reason,
            "probability": pick.probability,
            "blind": pick.blind,
            "position": position + place,
            "expires_at": asking.at + timedelta(seconds=seconds),
        }
        for place, pick in enumerate(picks)
    ]
    return insert_or_skip(_LEASES, rows, session=session, key=("tweet_id", "slot"))


def _free_slots(tweet_ids: Collection[int], *, session: Session) -> dict[int, int]:
    query = select(Lease.tweet_id, Lease.slot).where(
        Lease.tweet_id.in_(tweet_ids), Lease.slot < REPEAT_SLOT
    )
    taken: dict[int, set[int]] = {tweet_id: set() for tweet_id in tweet_ids}
    for tweet_id, slot in session.execute(query):
        taken[tweet_id].add(slot)
    return {
        tweet_id: next(slot for slot in range(len(used) + 1) if slot not in used)
        for tweet_id, used in taken.items()
    }


def _next_position(asking: Asking, count: int, *, first: bool, session: Session) -> int:
    bound = func.min(Lease.position) if first else func.max(Lease.position)
    found = session.scalar(
        select(bound).where(
            Lease.project_id == asking.project_id, Lease.annotator_id == asking.annotator_id
        )
    )
    if found is None:
        return 0
    return int(found) - count if first else int(found) + 1


def release(tweet_id: int, annotator_id: int, *, repeat: bool, session: Session) -> None:
    """End a person's claim on a tweet; `repeat` says which of the two kinds."""
    ends = _END_REPEAT if repeat else _END
    session.execute(ends, {"tweet": tweet_id, "person": annotator_id})


def live_elsewhere(project_id: int, annotator_id: int, at: datetime, *, session: Session) -> int:
    """Return how many tweets other people are being asked at this moment."""
    query = select(func.count(Lease.id)).where(
        Lease.project_id == project_id,
        Lease.annotator_id != annotator_id,
        Lease.expires_at > at,
        Lease.slot < REPEAT_SLOT,
    )
    return session.scalar(query) or 0
