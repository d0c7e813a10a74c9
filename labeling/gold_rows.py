"""The statements by which gold labels are resolved, built once.

Past the ORM: everybody else who answers waits for an answer's transaction.
"""

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from db.schema import Base

_TABLES = Base.metadata.tables
GOLD, _TWEETS, _GROUPS = _TABLES["gold"], _TABLES["tweet"], _TABLES["duplicate_group"]
_ANNOTATIONS, _EVENTS = _TABLES["annotation"], _TABLES["annotation_event"]
MEMBERS = (
    select(
        _TWEETS.c.id,
        _TWEETS.c.project_id,
        _TWEETS.c.imported_label,
        _GROUPS.c.open,
        GOLD.c.label,
        GOLD.c.source,
        GOLD.c.annotator_id,
        GOLD.c.origin_tweet_id,
        GOLD.c.created_at,
    )
    .join(_GROUPS, _GROUPS.c.id == _TWEETS.c.group_id)
    .outerjoin(GOLD, GOLD.c.tweet_id == _TWEETS.c.id)
    .where(_TWEETS.c.group_id == bindparam("group"))
    .order_by(_TWEETS.c.id)
)
SAID = (
    select(
        _ANNOTATIONS.c.tweet_id,
        _ANNOTATIONS.c.annotator_id,
        _ANNOTATIONS.c.label,
        _EVENTS.c.id,
        _EVENTS.c.conflict,
        _EVENTS.c.queue_reason,
    )
    .join(_TWEETS, _TWEETS.c.id == _ANNOTATIONS.c.tweet_id)
    .join(_EVENTS, _EVENTS.c.id == _ANNOTATIONS.c.event_id)
    .where(_TWEETS.c.group_id == bindparam("group"), _ANNOTATIONS.c.kind == "label")
)
REMOVE = delete(GOLD).where(GOLD.c.tweet_id == bindparam("tweet"))
REOPEN = (
    update(_GROUPS).where(_GROUPS.c.id == bindparam("group")).values(open=bindparam("open_now"))
)


def forget(table: type[Base], numbers: Iterable[int], *, session: Session) -> None:
    """Let the session read these rows again if it has loaded them: they were written past it."""
    for number in numbers:
        loaded = session.identity_map.get(identity_key(table, number))
        if loaded is not None:
            session.expire(loaded)
