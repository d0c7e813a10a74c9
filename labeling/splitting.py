"""Take a tweet out of its duplicate group, because a person sees that it says something else.

The tweet gets a group of its own, with the same split: what was validation stays validation.
Gold that it had borrowed from the group is taken back, as is gold that the group had borrowed
from it. Each act is in the audit list with what it takes to undo it (`rejoin`). Tweets brought
in later with the same text go to the old group.
"""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from db.projects import settings_of
from db.schema import Annotator, AuditEntry, DuplicateGroup, Project, Tweet
from labeling.auditing import audit
from labeling.errors import AnswerError
from labeling.grouping import own_key
from labeling.permissions import require_of
from labeling.resolving import resolve

SPLIT_OFF, REJOIN = "split off tweet", "rejoin tweet"


def split_off(project: Project, tweet_id: int, person: Annotator, *, session: Session) -> int:
    """Give the tweet a duplicate group of its own and return that group's number.

    Raises AnswerError where it is alone already, PermissionRefused.
    """
    require_of(person, "answer")
    tweet = _tweet(project, tweet_id, session=session)
    old = _locked(tweet.group_id, session=session)
    if _size(old, session=session) < 2:
        raise AnswerError(f"tweet {tweet.external_id} stands alone already")
    own = DuplicateGroup(
        project_id=project.id,
        key=own_key(tweet.id),
        split=old.split,
        size=1,
        representative_id=tweet.id,
        open=True,
        own=True,
    )
    session.add(own)
    session.flush()
    detail = {"tweet": tweet.id, "from": old.id, "to": own.id}
    _move(tweet, old, own, session=session)
    audit(project, person, SPLIT_OFF, tweet.external_id, detail, session=session)
    _resolve(project, old, own, session=session)
    return own.id


def rejoin(project: Project, tweet_id: int, person: Annotator, *, session: Session) -> int:
    """Put a tweet that was split off back into the group it came from; return its number.

    Raises AnswerError where it was not split off, or that group is gone.
    """
    require_of(person, "answer")
    tweet = _tweet(project, tweet_id, session=session)
    own = _locked(tweet.group_id, session=session)
    origin = came_from(tweet, session=session)
    if origin is None:
        raise AnswerError(f"tweet {tweet.external_id} was not split off from a group")
    old = _locked(origin, session=session)
    detail = {"tweet": tweet.id, "from": own.id, "to": old.id}
    _move(tweet, own, old, session=session)
    session.delete(own)
    session.flush()
    audit(project, person, REJOIN, tweet.external_id, detail, session=session)
    _resolve(project, old, session=session)
    return old.id


def came_from(tweet: Tweet, *, session: Session) -> int | None:
    """Return the group that a tweet which stands apart was split off from, while it is there."""
    own = session.get_one(DuplicateGroup, tweet.group_id)
    if not own.own:
        return None
    acts = _acts(tweet.project_id).where(AuditEntry.subject == tweet.external_id)
    detail = next((one for one in session.scalars(acts) if one.get("to") == own.id), None)
    if detail is None:
        return None
    old = session.get(DuplicateGroup, detail["from"])
    same = old is not None and old.project_id == tweet.project_id and old.split == own.split
    return old.id if old is not None and same else None


def split_from(group: DuplicateGroup, *, session: Session) -> list[Tweet]:
    """Return the tweets that were split off the group and stand apart now."""
    acts = session.scalars(_acts(group.project_id))
    apart: dict[int, int] = {}
    for one in acts:
        if one.get("from") == group.id:
            apart.setdefault(one["tweet"], one["to"])
    query = select(Tweet).where(Tweet.id.in_(apart)).order_by(Tweet.id)
    return [one for one in session.scalars(query) if apart[one.id] == one.group_id]


def _acts(project_id: int) -> Select[dict[str, Any]]:
    """Select the details of each splitting off, newest first."""
    return (
        select(AuditEntry.detail)
        .where(AuditEntry.project_id == project_id, AuditEntry.action == SPLIT_OFF)
        .order_by(AuditEntry.id.desc())
    )


def _tweet(project: Project, tweet_id: int, *, session: Session) -> Tweet:
    tweet = session.get(Tweet, tweet_id)
    if tweet is None or tweet.project_id != project.id:
        raise AnswerError(f"tweet {tweet_id} is not in project {project.name!r}; reload the page")
    return tweet


def _locked(group_id: int, *, session: Session) -> DuplicateGroup:
    query = select(DuplicateGroup).where(DuplicateGroup.id == group_id).with_for_update()
    return session.scalars(query).one()


def _size(group: DuplicateGroup, *, session: Session) -> int:
    query = select(func.count()).where(Tweet.group_id == group.id)
    return session.scalar(query) or 0


def _move(
    tweet: Tweet, source: DuplicateGroup, target: DuplicateGroup, *, session: Session
) -> None:
    tweet.group_id = target.id
    session.flush()
    for group in (source, target):
        group.size = _size(group, session=session)
        first = select(func.min(Tweet.id)).where(Tweet.group_id == group.id)
        if group.representative_id in {None, tweet.id} or group is target:
            group.representative_id = session.scalar(first)
    session.flush()


def _resolve(project: Project, *groups: DuplicateGroup, session: Session) -> None:
    for group in groups:
        resolve(group.id, settings=settings_of(project), session=session)
