"""The group of each new text: that of a stored text like it, of one in its chunk, or a new one.

The store keeps a few blocking keys of each distinct text (TextBlock); only texts that share one
are compared. An import never moves a tweet that is stored: of two groups that a new text is like,
it joins one, and they stay two.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Row, Table, select
from sqlalchemy.orm import Session

from db.bulk import among, insert_columns
from db.schema import DuplicateGroup, TextBlock, TextVariant, Tweet
from db.upsert import insert_missing
from labeling.alike import AlikeGroups, Match, in_order
from labeling.chunks import Said, say
from labeling.likeness import wording

_BLOCKS: Table = TextBlock.__table__  # type: ignore[assignment]
_VARIANTS: Table = TextVariant.__table__  # type: ignore[assignment]
_NEW = 1 << 48  # groups numbered from here on are not in the store yet
_AT_ONCE = 10_000  # values in one list of a query; PostgreSQL's driver takes 32,767


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A stored group: its number and its split."""

    id: int
    split: str


@dataclass
class Placed:
    """Where the new texts of a chunk go, by text key.

    joined: a stored group. anchors: the text of the same chunk whose new group it shares (its
    own key where it is the first). entered: the blocking keys under which to store each text.
    kept_apart: texts that are also like a stored group in another split than theirs.
    """

    joined: dict[str, KnownGroup] = field(default_factory=dict)
    anchors: dict[str, str] = field(default_factory=dict)
    entered: dict[str, list[int]] = field(default_factory=dict)
    kept_apart: int = 0

    @property
    def alike(self) -> int:
        """Return how many texts share the group of another text."""
        return len(self.joined) + sum(key != anchor for key, anchor in self.anchors.items())


@dataclass(frozen=True)
class _Known:
    """Stored texts that share a block with new ones, and the splits of their groups."""

    alike: AlikeGroups
    splits: dict[int, str]


def place(
    texts: Mapping[str, str], known_said: Mapping[str, Said], project_id: int, *, session: Session
) -> Placed:
    """Return where texts go that no stored group has as they are. texts: text key -> text.

    known_said: how texts are compared, of those for which this was worked out before.
    """
    keys = list(texts)
    pairs = [known_said.get(text) or say(text) for text in texts.values()]
    said = [one for one, _ in pairs]
    blocked = [blocks for _, blocks in pairs]
    known = known_alike(pairs, project_id, session=session)
    placed = Placed()
    order = in_order(said)
    for rank, number in enumerate(order):
        key = keys[number]
        match = known.alike.find(said[number], blocked[number])
        group = match.group if match else _NEW + rank
        if match is None:
            placed.anchors[key] = key
        elif match.group >= _NEW:
            placed.anchors[key] = keys[order[match.group - _NEW]]
        else:
            placed.joined[key] = KnownGroup(match.group, known.splits[match.group])
        placed.kept_apart += match is not None and straddles(match, known.splits)
        placed.entered[key] = known.alike.add(-1 - number, said[number], group, blocked[number])
    return placed


def straddles(match: Match, splits: Mapping[int, str]) -> bool:
    """Tell whether a text is also like a stored group in another split than its own."""
    mine = splits.get(match.group)
    return any(group in splits and splits[group] != mine for group in match.others)


def known_alike(asked: Collection[Said], project_id: int, *, session: Session) -> _Known:
    """Load the stored texts that share a block with those asked for.

    Of groups that hold a text like one of them, all texts are loaded. Groups of their own are
    left out.
    """
    wanted = sorted({key for _, keys in asked for key in keys})
    by_tweet: dict[int, list[int]] = {}
    for some in _parts(wanted):
        query = select(TextBlock.key, TextBlock.tweet_id).where(
            TextBlock.project_id == project_id, among(TextBlock.key, some, session=session)
        )
        for key, tweet_id in session.execute(query):
            by_tweet.setdefault(tweet_id, []).append(key)
    known = _Known(AlikeGroups(), {})
    for tweet_id, text, group_id, split in _tweets(by_tweet, session=session):
        known.splits[group_id] = split
        known.alike.add(tweet_id, wording(text), group_id, by_tweet[tweet_id])
    if by_tweet:
        shared = {key for keys in by_tweet.values() for key in keys}
        near = (pair for pair in asked if not shared.isdisjoint(pair[1]))
        found = (known.alike.like(said, keys) for said, keys in near)
        _add_members(known, {group for groups in found for group in groups}, session=session)
    return known


def _add_members(known: _Known, groups: Collection[int], *, session: Session) -> None:
    for some in _parts(sorted(groups)):
        variants = select(TextVariant.tweet_id).where(TextVariant.group_id.in_(some))
        asked = select(DuplicateGroup.representative_id).where(DuplicateGroup.id.in_(some))
        ids = {*session.scalars(variants), *session.scalars(asked)} - {None}
        for tweet_id, text, group_id, _ in _tweets(ids, session=session):
            if group_id in groups:
                known.alike.add(tweet_id, wording(text), group_id, ())


def _tweets(ids: Iterable[int | None], *, session: Session) -> Iterator[Row[int, str, int, str]]:
    for some in _parts(sorted(one for one in ids if one is not None)):
        yield from session.execute(
            select(Tweet.id, Tweet.text, Tweet.group_id, Tweet.split)
            .join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
            .where(Tweet.id.in_(some), ~DuplicateGroup.own)
            .order_by(Tweet.id)
        )


def store_places(
    placed: Placed,
    tweets: Mapping[str, int],
    groups: Mapping[str, int],
    project_id: int,
    *,
    session: Session,
) -> None:
    """Store the blocking keys of new texts, and which of them belong to another text's group.

    tweets: text key -> first tweet with that text. groups: text key -> its group.
    """
    # In the order of the index, so that neighbours are written together.
    rows = sorted(
        (block, tweets[key]) for key, entered in placed.entered.items() for block in entered
    )
    columns = {"key": [block for block, _ in rows], "tweet_id": [tweet for _, tweet in rows]}
    same = {"project_id": project_id}
    insert_columns(
        _BLOCKS, columns, same=same, skip=_BLOCKS.primary_key.columns.keys(), session=session
    )
    variants = [
        {"project_id": project_id, "key": key, "group_id": groups[key], "tweet_id": tweets[key]}
        for key in placed.entered
        if placed.anchors.get(key) != key
    ]
    insert_missing(_VARIANTS, variants, session=session, key=("project_id", "key"))


def _parts(values: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]
