"""Group again what an older version brought in, by the rules of today.

Two groups become one only within a split: no tweet changes its split, so the test split stays as
it was. Groups of their own stay alone. Running it again changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine, Row, Table, delete, func, select, update
from sqlalchemy.orm import Session

from db.engine import serialize
from db.project_settings import ProjectSettings
from db.projects import get_project, settings_of
from db.schema import DuplicateGroup, Project, TextBlock, TextVariant, Tweet
from db.sessions import reading, writing
from db.upsert import insert_missing
from labeling.alike import in_order
from labeling.likeness import blocks, wording
from labeling.placing import known_alike
from labeling.resolving import resolve
from trainer.errors import Cancelled

_CHUNK = 1_000
_BLOCKS: Table = TextBlock.__table__  # type: ignore[assignment]
_VARIANTS: Table = TextVariant.__table__  # type: ignore[assignment]


@dataclass(frozen=True)
class RegroupReport:
    """What regrouping did. before, after: groups. merged: groups that are part of another now.

    kept_apart: texts that are like those of a group in another split; nothing was done to them.
    """

    before: int
    after: int
    merged: int
    kept_apart: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass
class _Counts:
    merged: int = 0
    kept_apart: int = 0


def regroup(
    engine: Engine,
    project_name: str,
    *,
    on_progress: Callable[[int, int], object] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RegroupReport:
    """Merge the groups of a project whose texts are alike; on_progress(groups seen, groups).

    Each chunk is one transaction: what was done before a stop (Cancelled) stays, and the next
    call does the rest. Raises NotFoundError for an unknown project.
    """
    with reading(engine) as session:
        project_id = get_project(project_name, session=session).id
        before = _count(project_id, session=session)
    with writing(engine) as session:
        session.execute(delete(TextBlock).where(TextBlock.project_id == project_id))
    counts, after, seen = _Counts(), 0, 0
    while True:
        if should_stop():
            raise Cancelled(f"stopped after {seen:,} of {before:,} groups; run it again")
        with writing(engine) as session:
            serialize(session, f"import:{project_id}")
            groups = _groups(project_id, after, session=session)
            if not groups:
                break
            project = session.get_one(Project, project_id)
            _regroup(groups, project_id, settings_of(project), counts, session=session)
        after, seen = groups[-1].id, seen + len(groups)
        on_progress(min(seen, before), before)
    with reading(engine) as session:
        left = _count(project_id, session=session)
    return RegroupReport(before, left, counts.merged, counts.kept_apart)


def index_texts(engine: Engine, project_id: int) -> None:
    """Store the blocking keys of a project that an older version filled; else do nothing.

    So new tweets find the groups of old ones, without any old group being changed.
    """
    with reading(engine) as session:
        known = select(TextBlock.tweet_id).where(TextBlock.project_id == project_id).limit(1)
        if session.scalars(known).first() is not None:
            return
    after = 0
    while True:
        with writing(engine) as session:
            serialize(session, f"import:{project_id}")
            groups = _groups(project_id, after, session=session)
            if not groups:
                return
            _index([(one.tweet_id, one.text) for one in groups], project_id, session=session)
        after = groups[-1].id


_Group = Row[int, str, str, int, str]


def _groups(project_id: int, after: int, *, session: Session) -> Sequence[_Group]:
    """Return the next groups by number, with the text that people are asked."""
    query = (
        select(
            DuplicateGroup.id,
            DuplicateGroup.key,
            DuplicateGroup.split,
            Tweet.id.label("tweet_id"),
            Tweet.text,
        )
        .join(Tweet, Tweet.id == DuplicateGroup.representative_id)
        .where(
            DuplicateGroup.project_id == project_id,
            DuplicateGroup.id > after,
            ~DuplicateGroup.own,
        )
        .order_by(DuplicateGroup.id)
        .limit(_CHUNK)
    )
    return session.execute(query).all()


def _regroup(
    groups: Sequence[_Group],
    project_id: int,
    settings: ProjectSettings,
    counts: _Counts,
    *,
    session: Session,
) -> None:
    texts = list(_texts(groups, session=session))
    said = [wording(text) for _, _, text in texts]
    blocked = [blocks(one) for one in said]
    known = known_alike(list(zip(said, blocked, strict=True)), project_id, session=session)
    splits = {**known.splits, **{group.id: group.split for group in groups}}
    merged: dict[int, int] = {}
    rows = []
    for place in in_order(said):
        group_id, tweet_id, _ = texts[place]
        home = _end(group_id, merged)
        alike = set(known.alike.like(said[place], blocked[place])) - {home}
        counts.kept_apart += any(splits[group] != splits[home] for group in alike)
        within = _same_split(splits, home)
        match = known.alike.find(said[place], blocked[place], within)
        if match is not None:
            into, gone = sorted((home, match.group))
            _merge(gone, into, project_id, session=session)
            counts.merged += 1
            known.alike.merge(gone, into)
            merged[gone] = home = into
        entered = known.alike.add(tweet_id, said[place], home, blocked[place])
        rows += [{"project_id": project_id, "key": key, "tweet_id": tweet_id} for key in entered]
    rows.sort(key=lambda row: row["key"])
    insert_missing(_BLOCKS, rows, session=session, key=("project_id", "key", "tweet_id"))
    for group_id in {_end(gone, merged) for gone in merged}:
        resolve(group_id, settings=settings, session=session)


def _same_split(splits: dict[int, str], home: int) -> Callable[[int], bool]:
    return lambda group: group != home and splits[group] == splits[home]


def _texts(groups: Sequence[_Group], *, session: Session) -> Iterator[tuple[int, int, str]]:
    """Yield (group, tweet, text) for each distinct text of the groups."""
    for group in groups:
        yield group.id, group.tweet_id, group.text
    variants = (
        select(TextVariant.group_id, Tweet.id, Tweet.text)
        .join(Tweet, Tweet.id == TextVariant.tweet_id)
        .where(TextVariant.group_id.in_([group.id for group in groups]))
        .order_by(TextVariant.group_id, Tweet.id)
    )
    asked = {group.tweet_id for group in groups}
    for group_id, tweet_id, text in session.execute(variants):
        if tweet_id not in asked:
            yield group_id, tweet_id, text


def _end(group_id: int, merged: dict[int, int]) -> int:
    while group_id in merged:
        group_id = merged[group_id]
    return group_id


def _merge(gone: int, into: int, project_id: int, *, session: Session) -> None:
    """Move all tweets of a group into another of the same split."""
    old = session.get_one(DuplicateGroup, gone)
    session.execute(update(Tweet).where(Tweet.group_id == gone).values(group_id=into))
    session.execute(update(TextVariant).where(TextVariant.group_id == gone).values(group_id=into))
    row = {
        "project_id": project_id,
        "key": old.key,
        "group_id": into,
        "tweet_id": old.representative_id,
    }
    insert_missing(_VARIANTS, [row], session=session, key=("project_id", "key"))
    session.execute(
        update(DuplicateGroup)
        .where(DuplicateGroup.id == into)
        .values(size=DuplicateGroup.size + old.size)
    )
    session.delete(old)
    session.flush()


def _index(texts: Sequence[tuple[int, str]], project_id: int, *, session: Session) -> None:
    said = [wording(text) for _, text in texts]
    blocked = [blocks(one) for one in said]
    known = known_alike(list(zip(said, blocked, strict=True)), project_id, session=session)
    rows = []
    for (tweet_id, _), one, keys in zip(texts, said, blocked, strict=True):
        entered = known.alike.add(tweet_id, one, tweet_id, keys)
        rows += [{"project_id": project_id, "key": key, "tweet_id": tweet_id} for key in entered]
    insert_missing(_BLOCKS, rows, session=session, key=("project_id", "key", "tweet_id"))


def _count(project_id: int, *, session: Session) -> int:
    query = select(func.count(DuplicateGroup.id)).where(DuplicateGroup.project_id == project_id)
    return session.scalar(query) or 0
