"""From what people said to gold labels, and from one tweet to its duplicate group.

The rules, strongest first:
1. A reviewer's decision (`adjudicated`) stands until it is withdrawn.
2. An imported label stands unless a person chose the tweet and answered it anew (on the data or
   review page, or out of their history); then theirs is the gold label, with source `single`.
3. With an overlap of 1 the first answer that was not given from a stale page is gold (`single`);
   with an overlap of n, once n people answered, the label of more than half of them
   (`agreement`). A second person who says otherwise changes nothing: review shows both.
4. Where the project says so, a gold label made by people counts for the other members of the
   group (`propagated`), but never over a member's own or imported one.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from db.project_settings import ProjectSettings
from db.projects import settings_of
from db.schema import Annotation, DuplicateGroup, Gold, Project, Tweet
from db.types import now
from db.upsert import insert_or_replace
from labeling.gold_rows import GOLD, MEMBERS, REMOVE, REOPEN, SAID, forget
from labeling.merged import merged_labels

BY_PEOPLE = ("adjudicated", "agreement", "single")
BORROWED = ("propagated", "auto-accepted")
_MEMBER = aliased(Tweet)


@dataclass(frozen=True)
class Said:
    """One person's standing label on a tweet. direct: they chose the tweet themselves."""

    annotator_id: int
    label: str
    event_id: int
    conflict: bool = False
    direct: bool = False


@dataclass(frozen=True)
class Decision:
    """A gold label that follows from what people said."""

    label: str
    source: str
    annotator_id: int | None = None


def decide(said: Sequence[Said], overlap: int) -> Decision | None:
    """Return the gold label that follows from the answers on a tweet, None while none does."""
    if not said:
        return None
    if overlap == 1:
        first = min(said, key=lambda one: (one.conflict, one.event_id))
        return Decision(first.label, "single", first.annotator_id)
    if len(said) < overlap:
        return None
    label, votes = Counter(one.label for one in said).most_common(1)[0]
    return Decision(label, "agreement") if 2 * votes > len(said) else None


@dataclass(frozen=True, slots=True)
class _Held:
    """A gold label that a tweet has."""

    label: str
    source: str
    annotator_id: int | None
    origin_tweet_id: int | None
    created_at: datetime


@dataclass(slots=True)
class _Member:
    """A tweet of the group. gold: what it shall have; before: what stands in the store."""

    tweet_id: int
    project_id: int
    imported_label: str | None
    gold: _Held | None
    before: _Held | None
    said: list[Said] = field(default_factory=list)

    @property
    def source(self) -> str | None:
        return self.gold.source if self.gold else None


def resolve(
    group_id: int,
    *,
    settings: ProjectSettings,
    session: Session,
    merged: Mapping[str, str] | None = None,
) -> None:
    """Bring the gold labels of a duplicate group in line with what people said of its members.

    Also keeps the group's `open`. Calling it again changes nothing. merged: labels that count for
    another one (labeling.merged), where the caller knows them.
    """
    session.flush()
    moment = now()
    rows = session.execute(MEMBERS, {"group": group_id}).all()
    if rows and merged is None:
        merged = merged_labels(rows[0].project_id, session=session)
    members = _members(rows, merged or {})
    for answer in session.execute(SAID, {"group": group_id}):
        said = Said(answer[1], answer[2] or "", answer[3], answer[4], answer[5] == "direct")
        members[answer[0]].said.append(said)
    for member in members.values():
        _settle(member, settings, moment)
    _propagate(list(members.values()), settings, moment)
    _store([one for one in members.values() if one.gold is not one.before], session=session)
    open_now = all(member.gold is None for member in members.values())
    if not rows or rows[0].open != open_now:
        session.execute(REOPEN, {"group": group_id, "open_now": open_now})
        forget(DuplicateGroup, [group_id], session=session)


def resolve_tweets(
    tweet_ids: Collection[int], *, settings: ProjectSettings, session: Session
) -> None:
    """Resolve the groups that the tweets belong to, each once."""
    query = select(Tweet.group_id).where(Tweet.id.in_(tweet_ids)).distinct()
    for group_id in session.scalars(query.order_by(Tweet.group_id)).all():
        resolve(group_id, settings=settings, session=session)


def settle_waiting(project: Project, settings: ProjectSettings, *, session: Session) -> None:
    """Resolve the groups that people have answered and that have a tweet without a gold label."""
    waiting = select(Tweet.group_id).outerjoin(Gold, Gold.tweet_id == Tweet.id)
    answered = (
        select(Annotation.id)
        .join(_MEMBER, _MEMBER.id == Annotation.tweet_id)
        .where(_MEMBER.group_id == Tweet.group_id, Annotation.kind == "label")
        .exists()
    )
    waiting = waiting.where(Tweet.project_id == project.id, Gold.tweet_id.is_(None), answered)
    session.flush()
    for group_id in session.scalars(waiting.distinct().order_by(Tweet.group_id)).all():
        resolve(group_id, settings=settings, session=session)


def settle_imported(batch_id: int, after: int, project_id: int, *, session: Session) -> None:
    """Bring groups in line with the tweets of an import numbered above `after`.

    Groups that now hold an imported label are closed; new members of groups that people have
    answered get that answer.
    """
    new = (Tweet.id > after, Tweet.batch_id == batch_id)
    # The groups once each, not once per tweet: a group may have ten thousand members.
    closed = (
        select(Tweet.group_id)
        .distinct()
        .join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        .where(*new, ~DuplicateGroup.open)
        .subquery()
    )
    by_people = (
        select(Gold.tweet_id)
        .join(_MEMBER, _MEMBER.id == Gold.tweet_id)
        .where(_MEMBER.group_id == closed.c.group_id, Gold.source.in_(BY_PEOPLE))
        .exists()
    )
    answered = select(closed.c.group_id).where(by_people)
    if _any_by_people(project_id, session=session):
        settings = settings_of(session.get_one(Project, project_id))
        for group_id in session.scalars(answered).all():
            resolve(group_id, settings=settings, session=session)
    labelled = select(Tweet.group_id).where(*new, Tweet.imported_label.is_not(None))
    session.execute(
        update(DuplicateGroup)
        .where(DuplicateGroup.id.in_(labelled), DuplicateGroup.open)
        .values(open=False)
        .execution_options(synchronize_session=False)
    )


def _any_by_people(project_id: int, *, session: Session) -> bool:
    query = select(Gold.tweet_id).where(Gold.project_id == project_id, Gold.source.in_(BY_PEOPLE))
    return session.scalars(query.limit(1)).first() is not None


def _members(rows: Sequence[Any], merged: Mapping[str, str]) -> dict[int, _Member]:
    members = {}
    for row in rows:
        held = None
        if row.source is not None:
            held = _Held(
                row.label, row.source, row.annotator_id, row.origin_tweet_id, row.created_at
            )
        imported = merged.get(row.imported_label or "", row.imported_label)
        members[row.id] = _Member(row.id, row.project_id, imported, held, held)
    return members


def _settle(member: _Member, settings: ProjectSettings, moment: datetime) -> None:
    """Set a member's own gold label; leaves what it has from others alone."""
    if member.source == "adjudicated":
        return
    if member.imported_label is not None:
        decision = decide([one for one in member.said if one.direct], 1)
        if decision is None and member.source == "imported":
            return
        decision = decision or Decision(member.imported_label, "imported")
    else:
        decision = decide(member.said, settings.overlap)
    if decision is not None:
        _give(member, decision, None, moment)
    elif member.source in BY_PEOPLE:
        member.gold = None


def _propagate(members: Sequence[_Member], settings: ProjectSettings, moment: datetime) -> None:
    owners = [one for one in members if one.source in BY_PEOPLE]
    origin = min(owners, key=_strength, default=None)
    for member in members:
        if member.source is not None and member.source not in BORROWED:
            continue
        if origin is None or origin.gold is None:
            if member.source == "propagated":
                member.gold = None
        elif settings.propagate:
            gold = origin.gold
            decision = Decision(gold.label, "propagated", gold.annotator_id)
            _give(member, decision, origin.tweet_id, moment)


def _strength(member: _Member) -> tuple[int, datetime, int]:
    if member.gold is None:
        return (len(BY_PEOPLE), now(), member.tweet_id)
    return (BY_PEOPLE.index(member.gold.source), member.gold.created_at, member.tweet_id)


def _give(
    member: _Member, decision: Decision, origin_tweet_id: int | None, moment: datetime
) -> None:
    """Give a member a gold label; one that it has already keeps its time."""
    gold = member.gold
    wanted = (decision.label, decision.source, decision.annotator_id, origin_tweet_id)
    if gold is None or wanted != (
        gold.label,
        gold.source,
        gold.annotator_id,
        gold.origin_tweet_id,
    ):
        member.gold = _Held(*wanted, created_at=moment)


def _store(changed: Sequence[_Member], *, session: Session) -> None:
    gone = [{"tweet": one.tweet_id} for one in changed if one.gold is None]
    if gone:
        session.execute(REMOVE, gone)
    rows = [
        {
            "tweet_id": one.tweet_id,
            "project_id": one.project_id,
            "label": one.gold.label,
            "source": one.gold.source,
            "annotator_id": one.gold.annotator_id,
            "model_version_id": None,
            "origin_tweet_id": one.gold.origin_tweet_id,
            "note": "",
            "merged_from": None,
            "created_at": one.gold.created_at,
        }
        for one in changed
        if one.gold is not None
    ]
    insert_or_replace(GOLD, rows, session=session, key=("tweet_id",))
    forget(Gold, [one.tweet_id for one in changed], session=session)
