"""Read what an export says of each tweet, page by page, within one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from db.projects import current_model, labels_of
from db.schema import (
    Annotation,
    AnnotationEvent,
    Annotator,
    DuplicateGroup,
    Gold,
    ModelVersion,
    Prediction,
    Project,
    Tweet,
)

ROWS = ("gold", "predicted", "all")
_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One tweet of an export. label: its gold label or None. provenance: name -> value."""

    external_id: str
    text: str
    label: str | None
    extra: dict[str, Any]
    provenance: dict[str, Any]


@dataclass
class _Answers:
    """What people said of one tweet. labels: their rows that carry a label, oldest first."""

    labels: list[Any] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def deciding(self, annotator_id: int | None) -> Any | None:
        """Return the answer of the person who decided the gold label, else the first one."""
        theirs = (answer for answer in self.labels if answer.annotator_id == annotator_id)
        return next(theirs, self.labels[0] if self.labels else None)


class Selection:
    """The rows of one export.

    rows: one of ROWS. Everything is read through one session, hence from one state of the store.
    """

    def __init__(self, project: Project, rows: str, *, session: Session) -> None:
        self._project = project
        self._rows = rows
        self._session = session
        model = current_model(project, session=session)
        self._model_id = model.id if model else None
        self._model_number = model.number if model else None
        labels = labels_of(project, session=session, active=False)
        self._names = {label.value: label.name for label in labels}
        numbers = select(ModelVersion.id, ModelVersion.number).where(
            ModelVersion.project_id == project.id
        )
        self._numbers = dict(session.execute(numbers).all())
        self._has_answers = (
            session.scalars(
                select(Annotation.id).where(Annotation.project_id == project.id).limit(1)
            ).first()
            is not None
        )

    def count(self) -> int:
        """Return how many rows there are."""
        if self._rows == "all":
            query = select(func.sum(DuplicateGroup.size)).where(
                DuplicateGroup.project_id == self._project.id
            )
            return self._session.scalar(query) or 0
        inner = self._query().order_by(None).subquery()
        return self._session.scalar(select(func.count()).select_from(inner)) or 0

    def stream(self) -> Iterator[ExportRow]:
        """Yield the rows in the order in which the tweets were brought in."""
        last = 0
        while True:
            page = self._session.execute(
                self._query().where(Tweet.id > last).order_by(Tweet.id).limit(_PAGE)
            ).all()
            if not page:
                return
            answers = self._answers([row.id for row in page]) if self._has_answers else {}
            for row in page:
                yield self._row(row, answers.get(row.id))
            last = page[-1].id

    def _query(self) -> Select[Any]:
        said_now = and_(
            Prediction.tweet_id == Tweet.id, Prediction.model_version_id == self._model_id
        )
        query = (
            select(
                Tweet.id,
                Tweet.external_id,
                Tweet.text,
                Tweet.extra,
                Tweet.split,
                Tweet.group_id,
                Gold.label.label("gold"),
                Gold.source,
                Gold.annotator_id,
                Gold.created_at.label("decided_at"),
                Prediction.label.label("predicted"),
                Prediction.confidence,
            )
            .where(Tweet.project_id == self._project.id)
            .outerjoin(Gold, Gold.tweet_id == Tweet.id)
            .outerjoin(Prediction, said_now)
        )
        if self._rows == "gold":
            return query.where(Gold.label.is_not(None))
        if self._rows == "predicted":
            return query.where(Gold.label.is_(None), Prediction.label.is_not(None))
        return query

    def _answers(self, tweet_ids: Sequence[int]) -> dict[int, _Answers]:
        query = (
            select(
                Annotation.tweet_id,
                Annotation.annotator_id,
                Annotation.kind,
                Annotation.label,
                Annotation.comment,
                Annotator.name,
                AnnotationEvent.suggested_label,
                AnnotationEvent.suggested_confidence,
                AnnotationEvent.suggested_model_id,
                AnnotationEvent.suggestion_shown,
                AnnotationEvent.seconds,
                AnnotationEvent.queue_reason,
            )
            .join(Annotator, Annotator.id == Annotation.annotator_id)
            .join(AnnotationEvent, AnnotationEvent.id == Annotation.event_id)
            .where(Annotation.tweet_id.in_(tweet_ids))
            .order_by(Annotation.id)
        )
        found: dict[int, _Answers] = {}
        for answer in self._session.execute(query):
            of_tweet = found.setdefault(answer.tweet_id, _Answers())
            if answer.comment:
                of_tweet.comments.append(answer.comment)
            if answer.kind == "label":
                of_tweet.labels.append(answer)
        return found

    def _row(self, row: Any, answers: _Answers | None) -> ExportRow:
        said = answers or _Answers()
        event = said.deciding(row.annotator_id)
        # Beside an answer stands what its author was shown, else what the current model says.
        if event is not None and event.suggested_label is not None:
            predicted, confidence = event.suggested_label, event.suggested_confidence
            version = self._numbers.get(event.suggested_model_id)
        else:
            predicted, confidence = row.predicted, row.confidence
            version = self._model_number if row.predicted is not None else None
        provenance = {
            "label_name": self._names.get(row.gold, "") if row.gold is not None else "",
            "source": row.source or "",
            "annotators": [answer.name for answer in said.labels],
            "reviewed": bool(said.labels),
            "predicted_label": predicted,
            "confidence": confidence,
            "model_version": version,
            "suggestion_shown": event.suggestion_shown if event is not None else None,
            "changed": _changed(event),
            "seconds": event.seconds if event is not None else None,
            "queue_reason": event.queue_reason if event is not None else "",
            "split": row.split,
            "duplicate_group": row.group_id,
            "comment": " | ".join(said.comments),
            "created_at": _iso(row.decided_at),
        }
        return ExportRow(row.external_id, row.text, row.gold, row.extra or {}, provenance)


def _changed(event: Any) -> bool | None:
    """Tell whether the person chose another label than was suggested; None without either."""
    if event is None or event.suggested_label is None:
        return None
    return bool(event.label != event.suggested_label)


def _iso(moment: Any) -> str:
    return "" if moment is None else moment.isoformat(timespec="seconds")
