"""What a run may learn from: gold labels with their texts, splits and groups."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from db.schema import Annotation, AnnotationEvent, Annotator, DuplicateGroup, Gold, Label, Tweet

HUMAN_SOURCES = ("imported", "single", "agreement", "adjudicated", "propagated")
DECIDERS = ("reviewer", "admin")


class GoldRow(NamedTuple):
    """A gold label and what a trainer needs of its tweet."""

    tweet_id: int
    external_id: str
    text: str
    label: str
    split: str
    group: int
    source: str


def gold_rows(project_id: int, *, session: Session) -> Sequence[GoldRow]:
    """Return every gold label given by people or files, in the order of tweet ids.

    Labels that a model gave (auto-accepted) are left out: no score may rest on them. So are
    labels that were retired.
    """
    query = (
        select(
            Tweet.id,
            Tweet.external_id,
            Tweet.text,
            Gold.label,
            Tweet.split,
            Tweet.group_id,
            Gold.source,
        )
        .join(Gold, Gold.tweet_id == Tweet.id)
        .join(
            Label,
            (Label.project_id == Gold.project_id) & (Label.value == Gold.label) & Label.active,
        )
        .where(Gold.project_id == project_id, Gold.source.in_(HUMAN_SOURCES))
        .order_by(Tweet.id)
    )
    return [GoldRow(*row) for row in session.execute(query)]


def unresolved_rows(project_id: int, *, session: Session) -> Sequence[GoldRow]:
    """Return training tweets that people answered and that have no gold label yet.

    Where answers differ, the label with the most of them counts; on a tie, the newest answer of
    a reviewer or admin among the tied labels; without one, the tweet is left out. The latest
    click alone never decides. Source: "answers".
    """
    query = (
        select(
            Tweet.id,
            Tweet.external_id,
            Tweet.text,
            Tweet.group_id,
            Annotation.label,
            Annotation.event_id,
            Annotator.role,
        )
        .join(Annotation, Annotation.tweet_id == Tweet.id)
        .join(Annotator, Annotator.id == Annotation.annotator_id)
        .join(
            Label,
            (Label.project_id == Tweet.project_id)
            & (Label.value == Annotation.label)
            & Label.active,
        )
        .where(
            Tweet.project_id == project_id,
            Tweet.split == "train",
            Annotation.kind == "label",
            ~exists().where(Gold.tweet_id == Tweet.id),
        )
        .order_by(Tweet.id)
    )
    found = []
    for _, several in groupby(session.execute(query), key=lambda row: row.id):
        answers = list(several)
        label = _agreed([(row.label, row.event_id, row.role) for row in answers])
        if label is not None:
            one = answers[0]
            texts = (one.id, one.external_id, one.text, label)
            found.append(GoldRow(*texts, split="train", group=one.group_id, source="answers"))
    return found


def _agreed(answers: Sequence[tuple[str, int, str]]) -> str | None:
    """Return the label that (label, event, role) answers stand for, None if that is open."""
    votes = Counter(label for label, _, _ in answers)
    most = max(votes.values())
    tied = {label for label, count in votes.items() if count == most}
    if len(tied) == 1:
        return tied.pop()
    deciding = [(event, label) for label, event, role in answers if role in DECIDERS]
    deciding = [answer for answer in deciding if answer[1] in tied]
    return max(deciding)[1] if deciding else None


def training_rows(
    project_id: int, *, session: Session, labels_used: str = "gold"
) -> Sequence[GoldRow]:
    """Return what a training uses: gold labels and, with "gold_and_single", answers beside."""
    rows = list(gold_rows(project_id, session=session))
    if labels_used == "gold_and_single":
        rows += unresolved_rows(project_id, session=session)
    return sorted(rows, key=lambda row: row.tweet_id)


def gold_counts(project_id: int, *, session: Session) -> dict[str, dict[str, int]]:
    """Return {split: {label value: gold labels by people or files}}."""
    query = (
        select(Tweet.split, Gold.label, func.count())
        .join(Tweet, Tweet.id == Gold.tweet_id)
        .where(Gold.project_id == project_id, Gold.source.in_(HUMAN_SOURCES))
        .group_by(Tweet.split, Gold.label)
    )
    counts: dict[str, dict[str, int]] = {}
    for split, label, count in session.execute(query):
        counts.setdefault(split, {})[label] = count
    return counts


def last_event_id(project_id: int, *, session: Session) -> int:
    """Return the number of the project's newest annotation event, 0 if there is none."""
    query = select(func.max(AnnotationEvent.id)).where(AnnotationEvent.project_id == project_id)
    return session.scalar(query) or 0


def answers_since(project_id: int, event_id: int, *, session: Session) -> int:
    """Return how many answers stand that were given after the event numbered `event_id`.

    One that was taken back since does not count, one that was revised counts once.
    """
    stands = exists().where(
        Annotation.tweet_id == AnnotationEvent.tweet_id,
        Annotation.annotator_id == AnnotationEvent.annotator_id,
        Annotation.event_id == AnnotationEvent.id,
        Annotation.kind == "label",
    )
    query = select(func.count()).where(
        AnnotationEvent.id > event_id,
        # As a sum, it tempts SQLite to no index: that of projects holds all events, of which
        # those after the last training are few.
        AnnotationEvent.project_id + 0 == project_id,
        AnnotationEvent.kind == "label",
        stands,
    )
    return session.scalar(query) or 0


def sample_texts(project_id: int, *, session: Session, limit: int = 1000) -> Sequence[str]:
    """Return texts of up to `limit` tweets of the training split, one a duplicate group.

    No text of a group that scores rest on is among them, and none that has a gold label.
    In the order of the groups' keys, which are digests: an order that has nothing to do with what
    the tweets say.
    """
    query = (
        select(Tweet.text)
        .join(DuplicateGroup, DuplicateGroup.representative_id == Tweet.id)
        .outerjoin(Gold, Gold.tweet_id == Tweet.id)
        .where(
            DuplicateGroup.project_id == project_id, Tweet.split == "train", Gold.tweet_id.is_(None)
        )
        .order_by(DuplicateGroup.key)
        .limit(limit)
    )
    return session.scalars(query).all()
