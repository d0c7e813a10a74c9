"""Stores for stress tests, on SQLite or PostgreSQL, and what must hold of them afterwards."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import small_store
from small_store import LABELS, NO_SHARES, Store
from sqlalchemy import create_engine, func, select, text

from db.engine import make_engine
from db.migrate import upgrade
from db.project_settings import ProjectSettings
from db.schema import Annotation, AnnotationEvent, Label, Lease, Project
from db.sessions import reading, writing
from labeling.standing import Act, replay

_numbers = itertools.count(1)


def new_database(server: str) -> str:
    """Make an empty database on a PostgreSQL server; return its URL."""
    name = f"relabel_{next(_numbers)}"
    admin = create_engine(server.format("postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return server.format(name)


def make_store_at(url: str, groups: Sequence[int], **settings: Any) -> Store:
    """Like small_store.make_store, at any URL; no model unless the groups are few."""
    store = Store(make_engine(url))
    upgrade(store.engine)
    checked = ProjectSettings(**{**NO_SHARES, **settings})
    with writing(store.engine) as session:
        project = Project(name=store.name, settings=checked.to_json())
        session.add(project)
        session.flush()
        for place, value in enumerate(LABELS):
            session.add(Label(project_id=project.id, value=value, name=f"L{value}", position=place))
        small_store._fill(project, groups, ("train",), session)
        small_store.add_model(project, groups, session)
    return store


def broken(store: Store, acks: Sequence[str]) -> dict[str, int]:
    """Count what must be 0: acknowledged keys that are gone, rows that contradict each other."""
    with reading(store.engine) as session:
        events = session.execute(select(AnnotationEvent.__table__)).all()
        annotations = {
            (one.tweet_id, one.annotator_id): one.label
            for one in session.execute(select(Annotation.__table__))
        }
        keys = [event.idempotency_key for event in events]
        found = {
            "acks lost": len(set(acks) - set(keys)),
            "double keys": len(keys) - len(set(keys)),
            "wrong answers": _disagreeing(events, annotations),
            "damage": _damage(session),
        }
    return found


def _damage(session: Any) -> int:
    if session.get_bind().dialect.name != "sqlite":
        return 0
    whole = session.scalar(text("PRAGMA integrity_check")) == "ok"
    return int(not whole) + len(session.execute(text("PRAGMA foreign_key_check")).all())


def _disagreeing(events: Sequence[Any], annotations: dict[tuple[int, int], Any]) -> int:
    """Count answers that are not what a replay of their events gives."""
    acts = defaultdict(list)
    for one in events:
        repeat = one.queue_reason == "repeat"
        acts[one.tweet_id, one.annotator_id].append(
            Act(one.id, one.kind, one.label, None, one.undoes_id, one.conflict, repeat)
        )
    standing = {pair: replay(its) for pair, its in acts.items()}
    expected = {pair: one.label for pair, one in standing.items() if one is not None}
    return sum(
        expected.get(pair) != annotations.get(pair) for pair in expected.keys() | annotations.keys()
    )


def people_per_tweet(store: Store) -> dict[int, int]:
    """Return how many different people's labels each answered tweet has."""
    with reading(store.engine) as session:
        query = (
            select(Annotation.tweet_id, func.count(Annotation.annotator_id.distinct()))
            .where(Annotation.kind == "label")
            .group_by(Annotation.tweet_id)
        )
        return {row[0]: row[1] for row in session.execute(query)}


def claims_above(store: Store, overlap: int) -> int:
    """Count tweets that more people hold than the overlap allows."""
    with reading(store.engine) as session:
        query = select(Lease.tweet_id).group_by(Lease.tweet_id).having(func.count() > overlap)
        return len(session.scalars(query).all())
