"""What to look for among all tweets, as a value and as conditions for the store."""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from db.project_settings import SPLITS
from db.schema import Annotation, DuplicateGroup, Gold, Prediction, Tweet
from labeling.errors import SearchError

MAX_TEXT = 500


@dataclass(frozen=True)
class Filter:
    """What to look for; what is None (or empty) does not matter.

    text: words as they stand, in any (ASCII) case; with `regex`, a regular expression.
    labelled: has a gold label; label, source: of the gold label. suggestion, low, high: what the
    current model says, and how surely (0..1). annotator_id: answered by. reviewed: answered by a
    person at all. disagreeing: people gave different labels. group_size: at least so many.
    group_id: members of one group.
    """

    text: str = ""
    regex: bool = False
    labelled: bool | None = None
    label: str | None = None
    source: str | None = None
    suggestion: str | None = None
    low: float | None = None
    high: float | None = None
    split: str | None = None
    annotator_id: int | None = None
    reviewed: bool | None = None
    flagged: bool | None = None
    commented: bool | None = None
    skipped: bool | None = None
    disagreeing: bool | None = None
    group_size: int | None = None
    group_id: int | None = None

    def __post_init__(self) -> None:
        if len(self.text) > MAX_TEXT:
            raise SearchError(
                f"the search text has {len(self.text)} characters; {MAX_TEXT} are allowed"
            )
        if self.split is not None and self.split not in SPLITS:
            raise SearchError(f"{self.split!r} is no split; choose one of {', '.join(SPLITS)}")
        for name in ("low", "high"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise SearchError(f"{name} is {value}; a confidence is 0 to 1")

    def is_empty(self) -> bool:
        """Tell whether every tweet fits."""
        return all(getattr(self, one.name) == one.default for one in fields(self))

    def needs_prediction(self) -> bool:
        """Tell whether only tweets with a prediction of the current model can fit."""
        return (self.suggestion, self.low, self.high) != (None, None, None)

    def needs_answers(self) -> bool:
        """Tell whether only tweets that somebody answered or remarked on can fit."""
        marks = (self.reviewed, self.flagged, self.commented, self.skipped, self.disagreeing)
        return self.annotator_id is not None or True in marks


def narrowed(
    query: Select[Any],
    wanted: Filter,
    bounds: tuple[int, int] | None,
    *,
    session: Session,
) -> Select[Any]:
    """Add the filter's conditions to a query over Tweet joined with Prediction where needed.

    bounds: the first and last tweet number looked at, where known; repeated on the other tables,
    so that each is read in that range only. The search text is added unless it is a regex.
    """
    if wanted.text and not wanted.regex:
        query = query.where(_contains(wanted.text, session))
    if wanted.split is not None:
        query = query.where(Tweet.split == wanted.split)
    if wanted.group_id is not None:
        query = query.where(Tweet.group_id == wanted.group_id)
    if wanted.group_size is not None:
        query = query.join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id).where(
            DuplicateGroup.size >= wanted.group_size
        )
    query = _suggested(query, wanted, bounds)
    query = _gold(query, wanted, bounds)
    for condition in _answers(wanted, bounds):
        query = query.where(condition)
    return query


def _contains(words: str, session: Session) -> ColumnElement[bool]:
    # SQLite's LIKE ignores (ASCII) case by itself; PostgreSQL has ILIKE for that.
    if session.get_bind().dialect.name == "sqlite":
        return Tweet.text.contains(words, autoescape=True)
    return Tweet.text.icontains(words, autoescape=True)


def _suggested(query: Select[Any], wanted: Filter, bounds: tuple[int, int] | None) -> Select[Any]:
    # As an expression, lest SQLite walk a whole index of it instead of what is looked at.
    label: ColumnElement[str] = func.coalesce(Prediction.label, "")
    confidence: ColumnElement[float] = Prediction.confidence.expression
    if bounds is not None and wanted.needs_prediction():
        query = query.where(Prediction.tweet_id.between(*bounds))
        confidence = confidence + 0.0
    if wanted.suggestion is not None:
        query = query.where(label == wanted.suggestion)
    if wanted.low is not None:
        query = query.where(confidence >= wanted.low)
    if wanted.high is not None:
        query = query.where(confidence <= wanted.high)
    return query


def _gold(query: Select[Any], wanted: Filter, bounds: tuple[int, int] | None) -> Select[Any]:
    if wanted.labelled is False:
        return query.where(~select(Gold.tweet_id).where(Gold.tweet_id == Tweet.id).exists())
    if wanted.labelled is None and wanted.label is None and wanted.source is None:
        return query
    query = query.join(Gold, Gold.tweet_id == Tweet.id)
    if bounds is not None:
        query = query.where(Gold.tweet_id.between(*bounds))
    if wanted.label is not None:
        query = query.where(Gold.label == wanted.label)
    if wanted.source is not None:
        query = query.where(Gold.source == wanted.source)
    return query


def _answers(wanted: Filter, bounds: tuple[int, int] | None) -> list[ColumnElement[bool]]:
    """Return a condition per remark: the tweet is among (or not among) those that bear it."""
    mine = [] if wanted.annotator_id is None else [Annotation.annotator_id == wanted.annotator_id]
    remarks = {
        "reviewed": Annotation.kind == "label",
        "flagged": Annotation.flagged,
        "commented": Annotation.comment.is_not(None),
        "skipped": Annotation.kind == "skip",
    }
    found: list[ColumnElement[bool]] = []
    base = select(Annotation.tweet_id)
    if bounds is not None:
        base = base.where(Annotation.tweet_id.between(*bounds))
    for name, condition in remarks.items():
        value = getattr(wanted, name)
        if value is not None:
            among = Tweet.id.in_(base.where(condition, *mine))
            found.append(among if value else ~among)
    if mine and all(getattr(wanted, name) is None for name in remarks):
        answered = Annotation.kind.in_(("label", "skip"))
        found.append(Tweet.id.in_(base.where(answered, *mine)))
    if wanted.disagreeing is not None:
        differ = (
            base.where(Annotation.kind == "label")
            .group_by(Annotation.tweet_id)
            .having(func.count(Annotation.label.distinct()) > 1)
        )
        among = Tweet.id.in_(differ)
        found.append(among if wanted.disagreeing else ~among)
    return found
