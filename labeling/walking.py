"""Walking tweets in the order of an index, the most telling first.

Least confident, margin and entropy are columns of the current model's predictions; diverse and
disagreement were worked out ahead (labeling.ordering) and stand in a table of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from sqlalchemy import Select, and_, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.schema import AnnotationEvent, Prediction, QueueScore
from labeling.candidates import Asking, Candidate, eligible
from labeling.focus import LabelFilter

_KEYS = {
    "least_confident": Prediction.confidence,
    "margin": Prediction.margin,
    "entropy": Prediction.entropy,
}
_CHUNKS = (128, 512, 2048, 8192)
_FROM_START = 4_096  # predictions looked at from the start before jumping ahead

Place = tuple[float, int]  # where a tweet lies in the index: its value, its number


def in_order(
    order: str,
    model_id: int,
    asking: Asking,
    needed: int,
    *,
    session: Session,
    among: LabelFilter | None = None,
) -> list[Candidate]:
    """Return up to `needed` training tweets, the most telling first.

    order: least_confident, margin, entropy, diverse or disagreement. among: the suggested labels
    to look among. Looks at the first few thousand, then jumps to where this person last was, and
    goes back for the stretch between only when what lies ahead is not enough.
    """
    walk = _Walk(order, model_id, asking.project_id, among or LabelFilter())
    found: list[Candidate] = []
    position = None
    seen = 0
    for rows in walk.chunks(None, session=session):
        found += _train(rows, asking, session=session)
        position, seen = rows[-1], seen + len(rows)
        if len(found) >= needed or seen >= _FROM_START:
            break
    else:
        return found[:needed]
    last = walk.last_of(asking, session=session)
    starts = [last, position] if last is not None and walk.beyond(last, position) else [position]
    for start in starts:
        for rows in walk.chunks(start, session=session):
            if len(found) >= needed:
                return found[:needed]
            known = {one.tweet_id for one in found}
            new = [row for row in rows if row[1] not in known]
            found += _train(new, asking, session=session)
    return found[:needed]


def _train(rows: Sequence[Place], asking: Asking, *, session: Session) -> list[Candidate]:
    allowed = eligible([tweet_id for _, tweet_id in rows], asking, session=session)
    found = [allowed[tweet_id] for _, tweet_id in rows if tweet_id in allowed]
    return [one for one in found if one.split == "train"]


@dataclass(frozen=True)
class _Walk:
    """One index, walked in chunks of (value, tweet)."""

    order: str
    model_id: int
    project_id: int
    among: LabelFilter

    @property
    def _by_model(self) -> bool:
        return self.order in _KEYS

    def _key(self) -> InstrumentedAttribute[float]:
        return _KEYS[self.order] if self._by_model else QueueScore.score

    def _tweet(self) -> InstrumentedAttribute[int]:
        return Prediction.tweet_id if self._by_model else QueueScore.tweet_id

    def _places(self) -> Select[float, int]:
        query = select(self._key(), self._tweet())
        if self._by_model:
            return query.where(Prediction.model_version_id == self.model_id)
        return query.where(QueueScore.project_id == self.project_id, QueueScore.kind == self.order)

    def _filtered(self) -> Select[float, int]:
        query = self._places()
        only, never = self.among.only, self.among.never
        if (only is not None or never) and not self._by_model:
            mine = and_(
                Prediction.tweet_id == QueueScore.tweet_id,
                Prediction.model_version_id == self.model_id,
            )
            query = query.join(Prediction, mine)
        if only is not None:
            query = query.where(Prediction.label.in_(sorted(only)))
        if never:
            query = query.where(Prediction.label.not_in(sorted(never)))
        return query

    def chunks(self, after: Place | None, *, session: Session) -> Iterator[Sequence[Place]]:
        key, tweet = self._key(), self._tweet()
        falling = self.order == "entropy"
        place = tuple_(key, tweet)
        base = self._filtered()
        base = base.order_by(key.desc(), tweet.desc()) if falling else base.order_by(key, tweet)
        for size in chain(_CHUNKS, repeat(_CHUNKS[-1])):
            query = base
            if after is not None:
                here = tuple_(literal(after[0]), literal(after[1]))
                query = base.where(place < here if falling else place > here)
            rows = [(row[0], row[1]) for row in session.execute(query.limit(size))]
            if not rows:
                return
            yield rows
            if len(rows) < size:
                return
            after = rows[-1]

    def beyond(self, one: Place, other: Place | None) -> bool:
        if other is None:
            return True
        return one < other if self.order == "entropy" else one > other

    def last_of(self, asking: Asking, *, session: Session) -> Place | None:
        """Return where this person's last answer from this order lies in the index."""
        latest = (
            select(AnnotationEvent.tweet_id)
            .where(
                AnnotationEvent.project_id == asking.project_id,
                AnnotationEvent.annotator_id == asking.annotator_id,
                AnnotationEvent.queue_reason == self.order,
                AnnotationEvent.suggested_model_id == self.model_id,
            )
            .order_by(AnnotationEvent.id.desc())
            .limit(1)
        )
        tweet_id = session.scalar(latest)
        place = session.execute(self._places().where(self._tweet() == tweet_id)).one_or_none()
        return None if place is None else (place[0], place[1])
