"""Drawing open duplicate groups at random, by index.

A group's key is a digest of its text, so the order of the keys is a random one that has nothing
to do with what the tweets say: the first open group at or after a random point is a fair draw.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, aliased

from db.schema import AnnotationEvent, DuplicateGroup, Lease, Prediction, QueueScore, Tweet
from labeling.candidates import FEW, Asking, Candidate, eligible

_AT_ONCE = (8, 64, 512, 4096)
_WAIT_BEFORE_REPEAT = 50  # one's own answers between a tweet and its hidden repeat


def draw(split: str, asking: Asking, rng: random.Random, *, session: Session) -> Candidate | None:
    """Return a tweet of `split` drawn at random from those that may be asked, None if none may."""
    point = f"{rng.getrandbits(128):032x}"
    for low, high in ((point, None), (None, point)):
        found = _first_between(split, low, high, asking, session=session)
        if found is not None:
            return found
    return None


def _first_between(
    split: str, low: str | None, high: str | None, asking: Asking, *, session: Session
) -> Candidate | None:
    groups = DuplicateGroup.representative_id if asking.propagate else Tweet.id
    base = select(DuplicateGroup.key, groups.label("tweet_id")).where(
        DuplicateGroup.project_id == asking.project_id, DuplicateGroup.split == split
    )
    if asking.propagate:
        base = base.where(DuplicateGroup.open)
    else:
        base = base.join(Tweet, Tweet.group_id == DuplicateGroup.id)
    if high is not None:
        base = base.where(DuplicateGroup.key <= high)
    for size in chain(_AT_ONCE, repeat(_AT_ONCE[-1])):
        query = base if low is None else base.where(DuplicateGroup.key > low)
        rows = session.execute(query.order_by(DuplicateGroup.key).limit(size)).all()
        ids = [row.tweet_id for row in rows if row.tweet_id is not None]
        allowed = eligible(ids, asking, session=session)
        first = next((tweet_id for tweet_id in ids if tweet_id in allowed), None)
        if first is not None:
            return allowed[first]
        if len(rows) < size:
            return None
        low = rows[-1].key
    return None


@dataclass(frozen=True)
class Pool:
    """A few tweets that may be asked, each with its prediction, and places worked out ahead."""

    tweets: Sequence[tuple[Candidate, Prediction | None]]
    scores: Mapping[int, float]


def few_open(*, asking: Asking, session: Session) -> Sequence[int]:
    """Return what people are asked of all open groups; for the end of a project.

    Only where at most FEW groups are open: then looking at each is cheaper than finding them.
    """
    groups = (
        select(DuplicateGroup.representative_id)
        .where(DuplicateGroup.project_id == asking.project_id, DuplicateGroup.open)
        .limit(FEW)
    )
    return [tweet_id for tweet_id in session.scalars(groups) if tweet_id is not None]


def pool_of(
    tweet_ids: Sequence[int], order: str, model_id: int | None, asking: Asking, *, session: Session
) -> Pool:
    """Return those of a few tweets that may be asked, with what is known of them."""
    allowed = eligible(tweet_ids, asking, session=session)
    query = select(Prediction).where(
        Prediction.model_version_id == model_id, Prediction.tweet_id.in_(allowed)
    )
    predictions = {one.tweet_id: one for one in session.scalars(query)}
    places = select(QueueScore.tweet_id, QueueScore.score).where(
        QueueScore.project_id == asking.project_id,
        QueueScore.kind == order,
        QueueScore.tweet_id.in_(allowed),
    )
    scores = {row.tweet_id: row.score for row in session.execute(places)}
    tweets = [(allowed[tweet_id], predictions.get(tweet_id)) for tweet_id in sorted(allowed)]
    return Pool(tweets, scores)


def draw_repeat(asking: Asking, rng: random.Random, *, session: Session) -> int | None:
    """Return one of this person's own tweets to ask again, hidden; None while there is none.

    Drawn from their answers to the queue before the last 50, each at most once.
    """
    event = aliased(AnnotationEvent)
    mine = and_(
        event.project_id == asking.project_id,
        event.annotator_id == asking.annotator_id,
        event.kind == "label",
    )
    newest = select(event.id).where(mine).order_by(event.id.desc())
    bound = session.scalar(newest.offset(_WAIT_BEFORE_REPEAT).limit(1))
    if bound is None:
        return None
    lowest = session.scalar(select(event.id).where(mine).order_by(event.id).limit(1)) or 0
    again = aliased(AnnotationEvent)
    used = (
        select(again.id)
        .where(
            again.tweet_id == event.tweet_id,
            again.annotator_id == asking.annotator_id,
            or_(again.queue_reason == "repeat", again.undoes_id == event.id),
        )
        .exists()
    )
    held = (
        select(Lease.id)
        .where(Lease.tweet_id == event.tweet_id, Lease.annotator_id == asking.annotator_id)
        .exists()
    )
    point = rng.randint(lowest, bound)
    query = select(event.tweet_id).where(
        mine,
        event.id <= bound,
        event.queue_reason.not_in(("direct", "repeat")),
        event.tweet_id.not_in(asking.taken),
        ~used,
        ~held,
    )
    ahead = query.where(event.id >= point).order_by(event.id).limit(1)
    behind = query.where(event.id < point).order_by(event.id.desc()).limit(1)
    found = session.scalar(ahead)
    return session.scalar(behind) if found is None else found
