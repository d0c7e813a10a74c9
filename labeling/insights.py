"""What the work so far says about the people who did it.

All figures come from standing answers: what was taken back does not count. Hidden repeats count
for self-consistency only.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from db.projects import labels_of
from db.schema import Annotation, AnnotationEvent, Annotator, Gold, Project, Tweet
from labeling.agreement import (
    Agreement,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    one_against_rest,
    tabulate,
)
from labeling.merged import merged_labels
from labeling.permissions import require_of
from trainer.bootstrap import Interval, wilson_interval


@dataclass(frozen=True)
class Share:
    """A share of n with its 95% interval (Wilson 1927); value and interval None for n = 0."""

    value: float | None
    interval: Interval | None
    n: int


def share_of(hits: int, n: int) -> Share:
    """Return hits / n with its interval."""
    return Share(hits / n, wilson_interval(hits / n, n), n) if n else Share(None, None, 0)


@dataclass(frozen=True)
class PersonRow:
    """One person's work.

    answers, skips: standing ones. median_seconds: time a tweet was on screen. acceptance: share
    of the suggestions seen that became the answer. agreement_with_gold: with gold labels that
    others had a part in. self_consistency: hidden repeats answered as before.
    """

    annotator_id: int
    name: str
    answers: int
    skips: int
    median_seconds: float | None
    acceptance: Share
    agreement_with_gold: Share
    self_consistency: Share
    last_at: datetime | None


@dataclass(frozen=True)
class Pair:
    """How far two people agree: Cohen's kappa over the tweets that both answered."""

    first: str
    second: str
    kappa: Agreement


@dataclass(frozen=True)
class TeamAgreement:
    """Agreement of all: each coefficient overall, and alpha and AC1 per label against the rest."""

    fleiss: Agreement
    alpha: Agreement
    ac1: Agreement
    alpha_per_label: dict[str, Agreement]
    ac1_per_label: dict[str, Agreement]
    pairs: list[Pair]


@dataclass(frozen=True)
class Answered:
    """A standing label answer with what is known of it."""

    tweet_id: int
    annotator_id: int
    label: str
    suggested: str | None
    shown: bool
    blind: bool
    reason: str
    seconds: float | None
    split: str
    gold: str | None
    at: datetime


def answers_of(project: Project, *, session: Session) -> list[Answered]:
    """Return all standing label answers; `gold` only where it is not that answer itself."""
    query = (
        select(Annotation, AnnotationEvent, Tweet.split, Gold)
        .join(AnnotationEvent, AnnotationEvent.id == Annotation.event_id)
        .join(Tweet, Tweet.id == Annotation.tweet_id)
        .outerjoin(Gold, Gold.tweet_id == Annotation.tweet_id)
        .where(Annotation.project_id == project.id, Annotation.kind == "label")
        .order_by(AnnotationEvent.id)
    )
    return [
        Answered(
            tweet_id=annotation.tweet_id,
            annotator_id=annotation.annotator_id,
            label=annotation.label or "",
            suggested=event.suggested_label,
            shown=event.suggestion_shown,
            blind=event.blind,
            reason=event.queue_reason,
            seconds=event.seconds,
            split=split,
            gold=_independent(gold, annotation.annotator_id),
            at=event.created_at,
        )
        for annotation, event, split, gold in session.execute(query)
    ]


def _independent(gold: Gold | None, annotator_id: int) -> str | None:
    """Return the gold label unless it is this person's own answer and nothing else."""
    if gold is None or gold.source == "auto-accepted":
        return None
    alone = gold.source in {"single", "propagated"} and gold.annotator_id == annotator_id
    return None if alone else gold.label


def people_table(project: Project, viewer: Annotator, *, session: Session) -> list[PersonRow]:
    """Return a row per person with any answer or skip, the busiest first.

    Raises PermissionRefused for people who may not see others' figures.
    """
    require_of(viewer, "see_people")
    by_person: dict[int, list[Answered]] = defaultdict(list)
    for one in answers_of(project, session=session):
        by_person[one.annotator_id].append(one)
    skips = _skips(project, session=session)
    repeats = _repeats(project, session=session)
    names = {row.id: row.name for row in session.execute(select(Annotator.id, Annotator.name))}
    rows = [
        _person(person, names[person], by_person[person], skips.get(person, 0), repeats[person])
        for person in {*by_person, *skips}
    ]
    return sorted(rows, key=lambda row: (-row.answers, row.name))


def _person(
    person: int, name: str, answers: Sequence[Answered], skips: int, repeats: Sequence[bool]
) -> PersonRow:
    shown = [one for one in answers if one.shown]
    known = [one for one in answers if one.gold is not None]
    seconds = [one.seconds for one in answers if one.seconds is not None]
    return PersonRow(
        annotator_id=person,
        name=name,
        answers=len(answers),
        skips=skips,
        median_seconds=median(seconds) if seconds else None,
        acceptance=share_of(sum(one.label == one.suggested for one in shown), len(shown)),
        agreement_with_gold=share_of(sum(one.label == one.gold for one in known), len(known)),
        self_consistency=share_of(sum(repeats), len(repeats)),
        last_at=max((one.at for one in answers), default=None),
    )


def _skips(project: Project, *, session: Session) -> dict[int, int]:
    query = (
        select(Annotation.annotator_id, func.count())
        .where(Annotation.project_id == project.id, Annotation.kind == "skip")
        .group_by(Annotation.annotator_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _repeats(project: Project, *, session: Session) -> dict[int, list[bool]]:
    """Return, per person, whether each hidden repeat was answered as the tweet had been."""
    undo = aliased(AnnotationEvent)
    undone = select(undo.id).where(undo.undoes_id == AnnotationEvent.id).exists()
    query = (
        select(AnnotationEvent.annotator_id, AnnotationEvent.label, Annotation.label)
        .join(
            Annotation,
            (Annotation.tweet_id == AnnotationEvent.tweet_id)
            & (Annotation.annotator_id == AnnotationEvent.annotator_id),
        )
        .where(
            AnnotationEvent.project_id == project.id,
            AnnotationEvent.queue_reason == "repeat",
            AnnotationEvent.kind == "label",
            Annotation.kind == "label",
            ~undone,
        )
    )
    merged = merged_labels(project.id, session=session)
    found: dict[int, list[bool]] = defaultdict(list)
    for person, again, first in session.execute(query):
        found[person].append(merged.get(again or "", again) == first)
    return found


def team_agreement(
    project: Project, viewer: Annotator, *, session: Session, resamples: int = 1000
) -> TeamAgreement:
    """Return how far people agree on the tweets that several of them answered."""
    require_of(viewer, "see_people")
    several = (
        select(Annotation.tweet_id)
        .where(Annotation.project_id == project.id, Annotation.kind == "label")
        .group_by(Annotation.tweet_id)
        .having(func.count() > 1)
    )
    query = (
        select(Annotation.tweet_id, Annotator.name, Annotation.label)
        .join(Annotator, Annotator.id == Annotation.annotator_id)
        .where(Annotation.tweet_id.in_(several), Annotation.kind == "label")
    )
    answers = [(row[0], row[1], row[2] or "") for row in session.execute(query)]
    known = [label.value for label in labels_of(project, session=session, active=False)]
    return _agreement(answers, known, resamples)


def _agreement(
    answers: Iterable[tuple[int, str, str]], labels: Sequence[str], resamples: int
) -> TeamAgreement:
    table = tabulate(answers, labels)
    ratings, count = table.ratings, len(labels)
    apart = {label: one_against_rest(ratings, place) for place, label in enumerate(labels)}
    pairs = [
        Pair(
            str(table.raters[first]),
            str(table.raters[second]),
            cohen_kappa(ratings[:, first], ratings[:, second], count, resamples=resamples),
        )
        for first, second in combinations(range(len(table.raters)), 2)
    ]
    return TeamAgreement(
        fleiss=fleiss_kappa(ratings, count, resamples=resamples),
        alpha=krippendorff_alpha(ratings, count, resamples=resamples),
        ac1=gwet_ac1(ratings, count, resamples=resamples),
        alpha_per_label={
            label: krippendorff_alpha(one, 2, resamples=resamples) for label, one in apart.items()
        },
        ac1_per_label={
            label: gwet_ac1(one, 2, resamples=resamples) for label, one in apart.items()
        },
        pairs=[pair for pair in pairs if pair.kappa.items],
    )


def label_shares(answers: Iterable[Answered]) -> dict[str, Share]:
    """Return the share of each label among answers."""
    counts = Counter(one.label for one in answers)
    total = sum(counts.values())
    return {label: share_of(count, total) for label, count in sorted(counts.items())}
