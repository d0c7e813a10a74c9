"""The rows that an answer reads and writes, by statements that are built once.

Past the ORM: everybody else who answers waits for an answer's transaction, and most of what one
cost was the unit of work and the building of statements.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, select
from sqlalchemy.orm import Session

from db.schema import Annotation, AnnotationEvent, Base, DuplicateGroup, Gold, Lease
from db.types import now
from db.upsert import insert_or_find, insert_or_replace
from labeling.standing import Act, Standing

_TABLES = Base.metadata.tables
_EVENTS, _ANNOTATIONS = _TABLES["annotation_event"], _TABLES["annotation"]
_TWEETS, _GROUPS = _TABLES["tweet"], _TABLES["duplicate_group"]
_LABELS, _LEASES = _TABLES["label"], _TABLES["lease"]
_PREDICTIONS, _MODELS = _TABLES["prediction"], _TABLES["model_version"]


@dataclass(frozen=True, slots=True)
class Event:
    """What is asked of an event here; the columns of annotation_event by their names."""

    id: int
    idempotency_key: str
    project_id: int
    tweet_id: int
    annotator_id: int
    kind: str
    label: str | None = None
    comment: str | None = None
    undoes_id: int | None = None
    suggested_label: str | None = None
    suggested_confidence: float | None = None
    suggested_model_id: int | None = None
    suggestion_shown: bool = False
    blind: bool = False
    queue_reason: str = ""
    queue_probability: float | None = None
    lease_generation: int | None = None
    conflict: bool = False

    @property
    def act(self) -> Act:
        """Return the part that counts for what stands."""
        repeat = self.queue_reason == "repeat" and self.kind in {"label", "skip"}
        return Act(
            self.id, self.kind, self.label, self.comment, self.undoes_id, self.conflict, repeat
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """What is asked of a person's claim on a tweet; the columns of lease by their names."""

    id: int
    slot: int
    reason: str
    probability: float | None
    blind: bool
    suggested_label: str | None
    suggested_confidence: float | None
    model_version_id: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tweet belongs."""

    tweet_id: int
    project_id: int
    group_id: int


_EVENT = [_EVENTS.c[one.name] for one in fields(Event)]
_BY_KEY = select(*_EVENT).where(_EVENTS.c.idempotency_key.in_(bindparam("keys", expanding=True)))
_OF_PAIR: dict[str, BindParameter[int]] = {
    "tweet": bindparam("tweet"),
    "person": bindparam("person"),
}
_OWN_EVENTS = select(*_EVENT).where(
    _EVENTS.c.tweet_id == _OF_PAIR["tweet"], _EVENTS.c.annotator_id == _OF_PAIR["person"]
)
_OWN_CLAIMS = select(*(_LEASES.c[one.name] for one in fields(Claim))).where(
    _LEASES.c.tweet_id == _OF_PAIR["tweet"], _LEASES.c.annotator_id == _OF_PAIR["person"]
)
_PLACE = (
    select(_TWEETS.c.id, _TWEETS.c.project_id, _TWEETS.c.group_id)
    .join(_GROUPS, _GROUPS.c.id == _TWEETS.c.group_id)
    .where(_TWEETS.c.id == _OF_PAIR["tweet"])
    .with_for_update(of=_GROUPS)
)
_VALUES = select(_LABELS.c.value, _LABELS.c.merged_into).where(
    _LABELS.c.project_id == bindparam("project")
)
_PREDICTED = (
    select(_PREDICTIONS.c.label, _PREDICTIONS.c.confidence, _PREDICTIONS.c.model_version_id)
    .join(_MODELS, _MODELS.c.id == _PREDICTIONS.c.model_version_id)
    .where(
        _MODELS.c.project_id == bindparam("project"),
        _MODELS.c.state == "current",
        _PREDICTIONS.c.tweet_id == _OF_PAIR["tweet"],
    )
)
_WITHDRAW = delete(_ANNOTATIONS).where(
    _ANNOTATIONS.c.tweet_id == _OF_PAIR["tweet"], _ANNOTATIONS.c.annotator_id == _OF_PAIR["person"]
)


def values_of(project_id: int, *, session: Session) -> dict[str, str | None]:
    """Return the project's label values, retired ones too, and what those merged count for."""
    return {row[0]: row[1] for row in session.execute(_VALUES, {"project": project_id})}


def events_by_key(keys: Collection[str], *, session: Session) -> dict[str, Event]:
    """Return the events that are known by these keys."""
    rows = session.execute(_BY_KEY, {"keys": list(keys)})
    return {row.idempotency_key: Event(*row) for row in rows}


def place_of(tweet_id: int, *, session: Session) -> Place | None:
    """Return where a tweet belongs, None if there is none.

    Lets one answer at a time change its group (PostgreSQL; SQLite has one writer anyway).
    """
    row = session.execute(_PLACE, {"tweet": tweet_id}).one_or_none()
    return None if row is None else Place(*row)


def own_events(tweet_id: int, annotator_id: int, *, session: Session) -> list[Event]:
    """Return a person's events on a tweet."""
    pair = {"tweet": tweet_id, "person": annotator_id}
    return [Event(*row) for row in session.execute(_OWN_EVENTS, pair)]


def own_claims(tweet_id: int, annotator_id: int, *, session: Session) -> list[Claim]:
    """Return a person's claims on a tweet."""
    pair = {"tweet": tweet_id, "person": annotator_id}
    return [Claim(*row) for row in session.execute(_OWN_CLAIMS, pair)]


def predicted(tweet_id: int, project_id: int, *, session: Session) -> tuple[str, float, int] | None:
    """Return label, confidence and version by the current model, None where there is none."""
    row = session.execute(_PREDICTED, {"tweet": tweet_id, "project": project_id}).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def add_event(event: Event, seconds: float | None, *, session: Session) -> tuple[int, bool]:
    """Save an event; return its number, and whether its key was new."""
    row: dict[str, Any] = {column.name: getattr(event, column.name) for column in _EVENT[1:]}
    row |= {"seconds": seconds, "created_at": now()}
    return insert_or_find(_EVENTS, row, session=session, key="idempotency_key")


def write_standing(
    place: Place,
    annotator_id: int,
    standing: Standing | None,
    label: str | None,
    *,
    session: Session,
) -> None:
    """Rewrite a person's annotation of a tweet. label: what theirs counts for."""
    if standing is None:
        session.execute(_WITHDRAW, {"tweet": place.tweet_id, "person": annotator_id})
        return
    row = {
        "tweet_id": place.tweet_id,
        "annotator_id": annotator_id,
        "project_id": place.project_id,
        "kind": standing.kind,
        "label": label,
        "event_id": standing.event_id,
        "flagged": standing.flagged,
        "comment": standing.comment,
        "updated_at": now(),
    }
    insert_or_replace(_ANNOTATIONS, [row], session=session, key=("tweet_id", "annotator_id"))


def forget_loaded(session: Session) -> None:
    """Let the session read again what it has loaded of the tables that are written past it."""
    written = (Annotation, AnnotationEvent, DuplicateGroup, Gold, Lease)
    stale: Sequence[object] = [
        one for one in session.identity_map.values() if isinstance(one, written)
    ]
    for one in stale:
        session.expire(one)
