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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased

from db.project_settings import ProjectSettings
from db.projects import settings_of
from db.schema import Annotation, AnnotationEvent, DuplicateGroup, Gold, Project, Tweet
from db.types import now
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


@dataclass
class _Member:
    tweet_id: int
    project_id: int
    imported_label: str | None
    gold: Gold | None
    said: list[Said] = field(default_factory=list)


def resolve(group_id: int, *, settings: ProjectSettings, session: Session) -> None:
    """Bring the gold labels of a duplicate group in line with what people said of its members.

    Also keeps the group's `open`. Calling it again changes nothing.
    """
    session.flush()
    moment = now()
    members = _members(group_id, session=session)
    for member in members.values():
        _settle(member, settings, moment, session=session)
    session.flush()
    _propagate(members.values(), settings, moment, session=session)
    session.flush()
    any_gold = any(member.gold is not None for member in members.values())
    session.execute(
        update(DuplicateGroup)
        .where(DuplicateGroup.id == group_id, DuplicateGroup.open == any_gold)
        .values(open=not any_gold)
    )


def resolve_tweets(
    tweet_ids: Collection[int], *, settings: ProjectSettings, session: Session
) -> None:
    """Resolve the groups that the tweets belong to, each once."""
    query = select(Tweet.group_id).where(Tweet.id.in_(tweet_ids)).distinct()
    for group_id in session.scalars(query.order_by(Tweet.group_id)).all():
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


def _members(group_id: int, *, session: Session) -> Mapping[int, _Member]:
    tweets = (
        select(Tweet.id, Tweet.project_id, Tweet.imported_label, Gold)
        .outerjoin(Gold, Gold.tweet_id == Tweet.id)
        .where(Tweet.group_id == group_id)
        .order_by(Tweet.id)
    )
    rows = session.execute(tweets).all()
    merged = merged_labels(rows[0].project_id, session=session) if rows else {}
    members = {
        row[0]: _Member(row[0], row[1], merged.get(row[2] or "", row[2]), row[3]) for row in rows
    }
    answers = (
        select(
            Annotation.tweet_id,
            Annotation.annotator_id,
            Annotation.label,
            AnnotationEvent.id,
            AnnotationEvent.conflict,
            AnnotationEvent.queue_reason,
        )
        .join(Tweet, Tweet.id == Annotation.tweet_id)
        .join(AnnotationEvent, AnnotationEvent.id == Annotation.event_id)
        .where(Tweet.group_id == group_id, Annotation.kind == "label")
    )
    for tweet_id, annotator_id, label, event_id, conflict, reason in session.execute(answers):
        said = Said(annotator_id, label or "", event_id, conflict, reason == "direct")
        members[tweet_id].said.append(said)
    return members


def _settle(
    member: _Member, settings: ProjectSettings, moment: datetime, *, session: Session
) -> None:
    """Set a member's own gold label; leaves what it has from others alone."""
    source = member.gold.source if member.gold else None
    if source == "adjudicated":
        return
    if member.imported_label is not None:
        decision = decide([one for one in member.said if one.direct], 1)
        if decision is None and source == "imported":
            return
        decision = decision or Decision(member.imported_label, "imported")
    else:
        decision = decide(member.said, settings.overlap)
    if decision is not None:
        _write(member, decision, None, moment, session=session)
    elif source in BY_PEOPLE:
        _remove(member, session=session)


def _propagate(
    members: Iterable[_Member], settings: ProjectSettings, moment: datetime, *, session: Session
) -> None:
    members = list(members)
    owners = [one for one in members if one.gold is not None and one.gold.source in BY_PEOPLE]
    origin = min(owners, key=_strength, default=None)
    for member in members:
        source = member.gold.source if member.gold else None
        if source is not None and source not in BORROWED:
            continue
        if origin is None or origin.gold is None:
            if source == "propagated":
                _remove(member, session=session)
        elif settings.propagate:
            gold = origin.gold
            decision = Decision(gold.label, "propagated", gold.annotator_id)
            _write(member, decision, origin.tweet_id, moment, session=session)


def _strength(member: _Member) -> tuple[int, datetime, int]:
    if member.gold is None:
        return (len(BY_PEOPLE), now(), member.tweet_id)
    return (BY_PEOPLE.index(member.gold.source), member.gold.created_at, member.tweet_id)


def _write(
    member: _Member,
    decision: Decision,
    origin_tweet_id: int | None,
    moment: datetime,
    *,
    session: Session,
) -> None:
    gold = member.gold
    wanted = (decision.label, decision.source, decision.annotator_id, origin_tweet_id)
    if gold is None:
        gold = member.gold = Gold(tweet_id=member.tweet_id, project_id=member.project_id)
        session.add(gold)
    elif (gold.label, gold.source, gold.annotator_id, gold.origin_tweet_id) == wanted:
        return
    gold.label, gold.source, gold.annotator_id, gold.origin_tweet_id = wanted
    gold.model_version_id, gold.created_at, gold.note = None, moment, ""
    gold.merged_from = None


def _remove(member: _Member, *, session: Session) -> None:
    if member.gold is not None:
        session.delete(member.gold)
    member.gold = None
