"""Write one chunk of an import: groups, tweets, gold labels, rejects and counters, all or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, bindparam, func, insert, literal, select, update
from sqlalchemy.orm import Session

from db.bulk import among, insert_columns, run_many
from db.engine import serialize
from db.schema import DuplicateGroup, Gold, ImportBatch, ImportReject, TextVariant, Tweet
from db.types import now
from labeling.chunks import Chunk, Said
from labeling.errors import ImportRefused
from labeling.merged import let_count
from labeling.placing import KnownGroup, Placed, place, store_places
from labeling.representing import prefer_whole
from labeling.resolving import settle_imported
from labeling.row_checks import NewTweet, looks_rounded
from trainer.splits import SplitDrawer, SplitShares

_GROUPS: Table = DuplicateGroup.__table__  # type: ignore[assignment]
_TWEETS: Table = Tweet.__table__  # type: ignore[assignment]
_GOLD: Table = Gold.__table__  # type: ignore[assignment]
_GROW = (
    update(_GROUPS)
    .where(_GROUPS.c.id == bindparam("group"))
    .values(size=_GROUPS.c.size + bindparam("more"))
)
_FIND_GROUPS = select(_GROUPS.c.key, _GROUPS.c.id, _GROUPS.c.split)


def make_drawer(
    project_id: int, *, seed: int, shares: SplitShares, session: Session
) -> SplitDrawer:
    """Return the drawer of splits, knowing how many groups of each label each split has."""
    per_group = (
        select(func.min(Tweet.split).label("split"), func.max(Tweet.imported_label).label("label"))
        .where(Tweet.project_id == project_id)
        .group_by(Tweet.group_id)
        .subquery()
    )
    query = select(per_group.c.label, per_group.c.split, func.count()).group_by(
        per_group.c.label, per_group.c.split
    )
    counts: dict[str | None, dict[str, int]] = {}
    for label, split, count in session.execute(query):
        counts.setdefault(label, {})[split] = count
    return SplitDrawer(seed, shares, counts)


def store_chunk(
    chunk: Chunk, *, batch_id: int, project_id: int, drawer: SplitDrawer, session: Session
) -> None:
    """Store a chunk within the session's transaction and add it to the batch's counters.

    Raises ImportRefused when another process is importing the same file: the batch then has
    moved on from where this chunk begins.
    """
    serialize(session, f"import:{project_id}")
    moved = session.execute(
        update(ImportBatch)
        .where(ImportBatch.id == batch_id, ImportBatch.rows == chunk.rows_before)
        .values(rows=ImportBatch.rows + chunk.rows)
        .returning(ImportBatch.id)
    ).one_or_none()
    if moved is None:
        raise ImportRefused(
            "this file is being imported by another process at this moment; wait for it to end"
        )
    fresh, keys = _without_known_ids(chunk, project_id, session=session)
    found = _groups_for(fresh, keys, chunk.said, project_id, drawer, session=session)
    if fresh:
        _store_tweets(fresh, keys, found, batch_id, project_id, session=session)
    if chunk.rejects:
        rows = [
            {
                "batch_id": batch_id,
                "line": reject.line,
                "column": reject.column,
                "reason": reject.reason,
                "raw": reject.raw,
            }
            for reject in chunk.rejects
        ]
        session.execute(insert(ImportReject), rows)
    session.execute(
        update(ImportBatch)
        .where(ImportBatch.id == batch_id)
        .values(
            accepted=ImportBatch.accepted + len(fresh),
            duplicates=ImportBatch.duplicates + len(chunk.tweets) - len(fresh),
            rejected=ImportBatch.rejected + len(chunk.rejects),
            groups=ImportBatch.groups + found.added,
            alike=ImportBatch.alike + found.placed.alike,
            kept_apart=ImportBatch.kept_apart + found.placed.kept_apart,
            rounded_ids=ImportBatch.rounded_ids
            + sum(looks_rounded(tweet.external_id) for tweet in fresh),
        )
    )


def _without_known_ids(
    chunk: Chunk, project_id: int, *, session: Session
) -> tuple[list[NewTweet], list[str]]:
    """Return the tweets whose id is neither in the store nor earlier in this chunk, and keys."""
    query = select(_TWEETS.c.external_id).where(
        _TWEETS.c.project_id == project_id,
        among(
            _TWEETS.c.external_id, [tweet.external_id for tweet in chunk.tweets], session=session
        ),
    )
    seen = set(session.scalars(query).all())
    fresh, keys = [], []
    for tweet, key in zip(chunk.tweets, chunk.keys, strict=True):
        if tweet.external_id not in seen:
            seen.add(tweet.external_id)
            fresh.append(tweet)
            keys.append(key)
    return fresh, keys


@dataclass(frozen=True)
class _Found:
    """The group of each text key, how many groups are new, and where the new texts went."""

    groups: dict[str, KnownGroup]
    added: int
    placed: Placed


def _groups_for(
    tweets: Sequence[NewTweet],
    keys: Sequence[str],
    said: Mapping[str, Said],
    project_id: int,
    drawer: SplitDrawer,
    *,
    session: Session,
) -> _Found:
    """Find the group of each key, making those that are missing; stored groups grow."""
    texts: dict[str, str] = {}
    for tweet, key in zip(tweets, keys, strict=True):
        texts.setdefault(key, tweet.text)
    same = _FIND_GROUPS.where(
        _GROUPS.c.project_id == project_id, among(_GROUPS.c.key, texts, session=session)
    )
    known = _by_key(same, session=session)
    known |= _by_variant([key for key in texts if key not in known], project_id, session=session)
    new = {key: text for key, text in texts.items() if key not in known}
    placed = place(new, said, project_id, session=session)
    known |= placed.joined
    sizes: dict[str, int] = {}
    strata: dict[str, str | None] = {}
    for tweet, key in zip(tweets, keys, strict=True):
        anchor = placed.anchors.get(key, key)
        sizes[anchor] = sizes.get(anchor, 0) + 1
        if strata.setdefault(anchor, tweet.label) is None:
            strata[anchor] = tweet.label
    missing = [(key, stratum) for key, stratum in strata.items() if key not in known]
    last = session.scalar(select(func.max(_GROUPS.c.id))) or 0
    insert_columns(
        _GROUPS,
        {
            "key": [key for key, _ in missing],
            "split": drawer.draw(missing),
            "size": [sizes[key] for key, _ in missing],
        },
        same={"project_id": project_id, "open": True, "own": False},
        skip=("project_id", "key"),
        session=session,
    )
    grown = [key for key in sizes if key in known]
    run_many(
        _GROW,
        {"group": [known[key].id for key in grown], "more": [sizes[key] for key in grown]},
        session=session,
    )
    known |= _numbered_above(last, project_id, session=session)
    known |= {key: known[anchor] for key, anchor in placed.anchors.items()}
    return _Found(known, len(missing), placed)


def _by_key(query: Select[str, int, str], *, session: Session) -> dict[str, KnownGroup]:
    return {key: KnownGroup(id, split) for key, id, split in session.execute(query).all()}


def _numbered_above(last: int, project_id: int, *, session: Session) -> dict[str, KnownGroup]:
    # Not asked for by project: SQLite would walk through all of its groups for that.
    query = select(_GROUPS.c.project_id, _GROUPS.c.key, _GROUPS.c.id, _GROUPS.c.split)
    rows = session.execute(query.where(_GROUPS.c.id > last)).all()
    return {key: KnownGroup(id, split) for owner, key, id, split in rows if owner == project_id}


def _by_variant(keys: Sequence[str], project_id: int, *, session: Session) -> dict[str, KnownGroup]:
    query = (
        select(TextVariant.key, DuplicateGroup.id, DuplicateGroup.split)
        .join(DuplicateGroup, DuplicateGroup.id == TextVariant.group_id)
        .where(TextVariant.project_id == project_id, among(TextVariant.key, keys, session=session))
    )
    return _by_key(query, session=session)


def _store_tweets(
    tweets: Sequence[NewTweet],
    keys: Sequence[str],
    found: _Found,
    batch_id: int,
    project_id: int,
    *,
    session: Session,
) -> None:
    last = session.scalar(select(func.max(_TWEETS.c.id))) or 0
    groups = [found.groups[key] for key in keys]
    columns: dict[str, list[Any]] = {
        "external_id": [tweet.external_id for tweet in tweets],
        "text": [tweet.text for tweet in tweets],
        "text_key": list(keys),
        "group_id": [group.id for group in groups],
        "split": [group.split for group in groups],
        "imported_label": [tweet.label for tweet in tweets],
    }
    if tweets[0].extra is not None:  # a file's rows have other columns all, or none has
        columns["extra"] = [tweet.extra for tweet in tweets]
    same = {"project_id": project_id, "batch_id": batch_id, "created_at": now()}
    insert_columns(_TWEETS, columns, same=same, session=session)
    mine = (_TWEETS.c.id > last, _TWEETS.c.batch_id == batch_id)
    labelled = select(
        _TWEETS.c.id,
        _TWEETS.c.project_id,
        _TWEETS.c.imported_label,
        literal("imported"),
        literal(""),
        _TWEETS.c.created_at,
    ).where(*mine, _TWEETS.c.imported_label.is_not(None))
    into = ["tweet_id", "project_id", "label", "source", "note", "created_at"]
    session.execute(insert(_GOLD).from_select(into, labelled))
    let_count(project_id, select(_TWEETS.c.id).where(*mine), session=session)
    first = (
        select(func.min(_TWEETS.c.id)).where(_TWEETS.c.group_id == _GROUPS.c.id).scalar_subquery()
    )
    mine_groups = select(_TWEETS.c.group_id).where(*mine)
    session.execute(
        update(_GROUPS)
        .where(_GROUPS.c.representative_id.is_(None), _GROUPS.c.id.in_(mine_groups))
        .values(representative_id=first)
    )
    if found.placed.entered:
        firsts = select(_TWEETS.c.text_key, func.min(_TWEETS.c.id)).where(*mine)
        by_key = session.execute(firsts.group_by(_TWEETS.c.text_key)).all()
        by_text = {row[0]: row[1] for row in by_key}
        numbers = {key: group.id for key, group in found.groups.items()}
        store_places(found.placed, by_text, numbers, project_id, session=session)
        texts = {key: tweet.text for tweet, key in zip(tweets, keys, strict=True)}
        prefer_whole(found.placed, texts, by_text, numbers, project_id, session=session)
    settle_imported(batch_id, last, project_id, session=session)
