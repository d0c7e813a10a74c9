"""A version's errors on judged tweets as people read them, with what was said since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.schema import Gold, Tweet

CHUNK = 500


@dataclass(frozen=True)
class Mistake:
    """One tweet that a version got wrong when it was trained.

    truth: its gold label then; gold: its gold label now, None if it has none any more.
    """

    tweet_id: int
    external_id: str
    text: str
    truth: str
    predicted: str
    confidence: float
    gold: str | None


def mistakes_of(metrics: Mapping[str, Any], split: str, *, session: Session) -> Sequence[Mistake]:
    """Return a version's stored errors on a split, its most confident first.

    metrics: as stored with the version. Tweets that were deleted since are left out.
    """
    stored = metrics.get("mistakes", {}).get(split, [])
    ids = [int(one["tweet"]) for one in stored]
    rows = {}
    for start in range(0, len(ids), CHUNK):
        query = (
            select(Tweet.id, Tweet.external_id, Tweet.text, Gold.label)
            .outerjoin(Gold, Gold.tweet_id == Tweet.id)
            .where(Tweet.id.in_(ids[start : start + CHUNK]))
        )
        rows.update({row.id: row for row in session.execute(query)})
    return [
        Mistake(
            tweet_id=row.id,
            external_id=row.external_id,
            text=row.text,
            truth=str(one["truth"]),
            predicted=str(one["predicted"]),
            confidence=float(one["confidence"]),
            gold=row.label,
        )
        for one in stored
        if (row := rows.get(int(one["tweet"]))) is not None
    ]
