"""Where a project stands, in a few counts that stay quick with a million tweets."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from db.projects import current_model, labels_of
from db.schema import Annotation, DuplicateGroup, Gold, Prediction, Project

SPLITS = ("train", "validation", "test")


BY_PEOPLE = ("single", "agreement", "adjudicated", "propagated")


@dataclass(frozen=True)
class Labour:
    """What people's answers brought. answers: label key presses that stand, one a person and
    tweet. tweets: gold labels that people gave or that followed for the tweet's duplicate group.
    """

    answers: int
    tweets: int

    @property
    def per_answer(self) -> float | None:
        """Return tweets labelled per key press, None before the first."""
        return round(self.tweets / self.answers, 3) if self.answers else None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "tweets_per_answer": self.per_answer}


@dataclass(frozen=True)
class Status:
    """Counts of one project.

    reviewed: tweets that a person has labelled. gold: source -> tweets. splits: split ->
    tweets. labels: label value -> tweets with that gold label. predictions: tweets with a
    prediction of the current model. current_model: its number, None before the first. labour:
    what people's answers brought.
    """

    project: str
    tweets: int
    groups: int
    reviewed: int
    gold: dict[str, int]
    labels: dict[str, int]
    splits: dict[str, int]
    predictions: int
    current_model: int | None
    labour: Labour = Labour(0, 0)

    @property
    def gold_total(self) -> int:
        """Return the number of tweets that have a gold label, whatever its source."""
        return sum(self.gold.values())

    @property
    def unlabelled(self) -> int:
        """Return the number of tweets without a gold label."""
        return self.tweets - self.gold_total

    def to_json(self) -> dict[str, Any]:
        """Return plain values, for the command line."""
        return {**asdict(self), "labour": self.labour.to_json()}


def status(project: Project, *, session: Session) -> Status:
    """Count what a project holds."""
    # The groups carry their sizes, so tweets and splits need no walk over the tweets.
    by_split = {
        split: (int(tweets), int(groups))
        for split, tweets, groups in session.execute(
            select(DuplicateGroup.split, func.sum(DuplicateGroup.size), func.count())
            .where(DuplicateGroup.project_id == project.id)
            .group_by(DuplicateGroup.split)
        )
    }
    counted = session.execute(
        select(Gold.source, Gold.label, func.count())
        .where(Gold.project_id == project.id)
        .group_by(Gold.source, Gold.label)
    ).all()
    labels = {label.value: 0 for label in labels_of(project, session=session)}
    gold: dict[str, int] = {}
    for source, label, count in counted:
        gold[source] = gold.get(source, 0) + count
        labels[label] = labels.get(label, 0) + count
    reviewed, answers = session.execute(
        select(func.count(distinct(Annotation.tweet_id)), func.count()).where(
            Annotation.project_id == project.id, Annotation.kind == "label"
        )
    ).one()
    model = current_model(project, session=session)
    return Status(
        project=project.name,
        tweets=sum(tweets for tweets, _ in by_split.values()),
        groups=sum(groups for _, groups in by_split.values()),
        reviewed=reviewed,
        gold=gold,
        labels=labels,
        splits={split: by_split.get(split, (0, 0))[0] for split in SPLITS},
        predictions=_predictions(model.id, session=session) if model else 0,
        current_model=model.number if model else None,
        labour=Labour(answers, sum(gold.get(source, 0) for source in BY_PEOPLE)),
    )


def _predictions(model_id: int, *, session: Session) -> int:
    query = select(func.count()).where(Prediction.model_version_id == model_id)
    return session.scalar(query) or 0
