"""Tweets as rows of a list: text, group, gold label, suggestion and remarks together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from db.schema import Annotation, DuplicateGroup, Gold, Prediction, Tweet


@dataclass(frozen=True)
class Row:
    """One tweet in the list. answers: how many people labelled it."""

    tweet_id: int
    external_id: str
    text: str
    split: str
    group_id: int
    group_size: int
    label: str | None
    source: str | None
    suggestion: str | None
    confidence: float | None
    answers: int
    flagged: bool
    commented: bool
    labelled_at: datetime | None


def rows_of(ids: Sequence[int], model_id: int | None, *, session: Session) -> list[Row]:
    """Return the tweets as rows, in the order given, with what model `model_id` says of them."""
    remarks = (
        select(
            Annotation.tweet_id,
            func.count(Annotation.label).label("answers"),
            func.sum(case((Annotation.flagged, 1), else_=0)).label("flags"),
            func.count(Annotation.comment).label("comments"),
        )
        .where(Annotation.tweet_id.in_(ids))
        .group_by(Annotation.tweet_id)
        .subquery()
    )
    query: Select[Any] = (
        select(Tweet, DuplicateGroup.size, Gold, Prediction, remarks)
        .join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        .outerjoin(Gold, Gold.tweet_id == Tweet.id)
        .outerjoin(
            Prediction,
            and_(Prediction.tweet_id == Tweet.id, Prediction.model_version_id == model_id),
        )
        .outerjoin(remarks, remarks.c.tweet_id == Tweet.id)
        .where(Tweet.id.in_(ids))
    )
    found = {}
    for tweet, size, gold, prediction, _, answers, flags, comments in session.execute(query):
        found[tweet.id] = Row(
            tweet_id=tweet.id,
            external_id=tweet.external_id,
            text=tweet.text,
            split=tweet.split,
            group_id=tweet.group_id,
            group_size=size,
            label=gold.label if gold else None,
            source=gold.source if gold else None,
            suggestion=prediction.label if prediction else None,
            confidence=prediction.confidence if prediction else None,
            answers=answers or 0,
            flagged=bool(flags),
            commented=bool(comments),
            labelled_at=gold.created_at if gold else None,
        )
    return [found[tweet_id] for tweet_id in ids]
