"""Which tweet of a group people are asked: a whole text rather than one that was cut off."""

from collections.abc import Mapping

from sqlalchemy import Table, bindparam, exists, select, update
from sqlalchemy.orm import Session

from db.schema import Annotation, DuplicateGroup, Lease, TextVariant, Tweet
from db.upsert import insert_missing
from labeling.likeness import wording
from labeling.placing import Placed

_GROUPS: Table = DuplicateGroup.__table__  # type: ignore[assignment]
_VARIANTS: Table = TextVariant.__table__  # type: ignore[assignment]


def prefer_whole(
    placed: Placed,
    texts: Mapping[str, str],
    tweets: Mapping[str, int],
    groups: Mapping[str, int],
    project_id: int,
    *,
    session: Session,
) -> None:
    """Let groups that got a whole text be asked by it, where nobody has been asked yet.

    texts, tweets, groups: text key -> text, its first tweet, its group. A new group is asked by
    the text that the others were compared with, which is the longest whole one.
    """
    shared = {anchor for key, anchor in placed.anchors.items() if key != anchor}
    chosen = {groups[anchor]: tweets[anchor] for anchor in shared}
    whole = {
        known.id: tweets[key] for key, known in placed.joined.items() if not wording(texts[key]).cut
    }
    if whole:
        chosen |= _asked_by_cut(whole, project_id, session=session)
    if chosen:
        rows = [{"group": group, "tweet": tweet} for group, tweet in chosen.items()]
        by_id = update(_GROUPS).where(_GROUPS.c.id == bindparam("group"))
        session.connection().execute(by_id.values(representative_id=bindparam("tweet")), rows)


def _asked_by_cut(whole: Mapping[int, int], project_id: int, *, session: Session) -> dict[int, int]:
    """Return those of the groups that are asked by a cut-off text and untouched so far."""
    touched = exists().where(Annotation.tweet_id == Tweet.id) | exists().where(
        Lease.tweet_id == Tweet.id
    )
    query = (
        select(DuplicateGroup.id, Tweet.id, Tweet.text, Tweet.text_key)
        .join(Tweet, Tweet.id == DuplicateGroup.representative_id)
        .where(DuplicateGroup.id.in_(whole), DuplicateGroup.open, ~touched)
    )
    found = [row for row in session.execute(query) if wording(row[2]).cut]
    # What was asked so far stays one of the group's known texts.
    variants = [
        {"project_id": project_id, "key": text_key, "group_id": group, "tweet_id": tweet}
        for group, tweet, _, text_key in found
    ]
    insert_missing(_VARIANTS, variants, session=session, key=("project_id", "key"))
    return {row[0]: whole[row[0]] for row in found}
