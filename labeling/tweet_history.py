"""All that is known of one tweet: who said what and when, what models say, its group."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.errors import NotFoundError
from db.schema import (
    AnnotationEvent,
    Annotator,
    DuplicateGroup,
    Gold,
    ModelVersion,
    Prediction,
    Project,
    Tweet,
)
from labeling.splitting import came_from, split_from

GROUP_SHOWN = 50


@dataclass(frozen=True)
class Act:
    """One act of one person on the tweet. undone: a later undo took it back."""

    at: datetime
    person: str
    kind: str
    label: str | None
    comment: str | None
    suggested_label: str | None
    suggested_confidence: float | None
    suggestion_shown: bool
    queue_reason: str
    seconds: float | None
    conflict: bool
    undone: bool


@dataclass(frozen=True)
class Opinion:
    """What a model version says of the tweet. probabilities: by label value."""

    number: int
    state: str
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Member:
    """Another tweet of the duplicate group, or one that was split off it."""

    tweet_id: int
    external_id: str
    text: str


@dataclass(frozen=True)
class TweetStory:
    """One tweet with everything about it.

    members: other tweets of its duplicate group, of `group_size`; apart: those split off it.
    stands_apart: it was split off a group that it can be put back into.
    """

    tweet_id: int
    external_id: str
    text: str
    split: str
    group_id: int
    imported_label: str | None
    gold: str | None
    gold_source: str | None
    gold_note: str
    acts: list[Act]
    opinions: list[Opinion]
    group_size: int
    members: list[Member]
    apart: list[Member]
    stands_apart: bool


def tweet_story(tweet_id: int, project: Project, *, session: Session) -> TweetStory:
    """Return everything about a tweet of the project. Raises NotFoundError."""
    tweet = session.get(Tweet, tweet_id)
    if tweet is None or tweet.project_id != project.id:
        raise NotFoundError(f"tweet {tweet_id} is not in project {project.name!r}")
    gold = session.get(Gold, tweet_id)
    group = session.get_one(DuplicateGroup, tweet.group_id)
    others = select(Tweet).where(Tweet.group_id == tweet.group_id, Tweet.id != tweet_id)
    return TweetStory(
        tweet_id=tweet.id,
        external_id=tweet.external_id,
        text=tweet.text,
        split=tweet.split,
        group_id=tweet.group_id,
        imported_label=tweet.imported_label,
        gold=gold.label if gold else None,
        gold_source=gold.source if gold else None,
        gold_note=gold.note if gold else "",
        acts=_acts(tweet_id, session=session),
        opinions=_opinions(tweet_id, session=session),
        group_size=group.size,
        members=_members(session.scalars(others.order_by(Tweet.id).limit(GROUP_SHOWN))),
        apart=_members(split_from(group, session=session)),
        stands_apart=came_from(tweet, session=session) is not None,
    )


def _members(tweets: Iterable[Tweet]) -> list[Member]:
    return [Member(one.id, one.external_id, one.text) for one in tweets]


def _acts(tweet_id: int, *, session: Session) -> list[Act]:
    query = (
        select(AnnotationEvent, Annotator.name)
        .join(Annotator, Annotator.id == AnnotationEvent.annotator_id)
        .where(AnnotationEvent.tweet_id == tweet_id)
        .order_by(AnnotationEvent.id)
    )
    events = session.execute(query).all()
    undone = {event.undoes_id for event, _ in events if event.kind == "undo"}
    return [
        Act(
            at=event.created_at,
            person=name,
            kind=event.kind,
            label=event.label,
            comment=event.comment,
            suggested_label=event.suggested_label,
            suggested_confidence=event.suggested_confidence,
            suggestion_shown=event.suggestion_shown,
            queue_reason=event.queue_reason,
            seconds=event.seconds,
            conflict=event.conflict,
            undone=event.id in undone,
        )
        for event, name in events
    ]


def _opinions(tweet_id: int, *, session: Session) -> list[Opinion]:
    query = (
        select(ModelVersion, Prediction.probabilities)
        .join(Prediction, Prediction.model_version_id == ModelVersion.id)
        .where(Prediction.tweet_id == tweet_id)
        .order_by(ModelVersion.number.desc())
    )
    return [
        Opinion(
            version.number,
            version.state,
            dict(zip(map(str, version.label_map), probabilities, strict=True)),
        )
        for version, probabilities in session.execute(query)
    ]
