"""Why a tweet was answered and what was suggested: read from the store, not from the browser."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from db.project_settings import ProjectSettings
from db.projects import current_model
from db.schema import AnnotationEvent, Lease, Prediction, Project
from labeling.asking import Answer
from labeling.candidates import REPEAT_SLOT


@dataclass(frozen=True)
class Provenance:
    """The columns of an event about queue and suggestion.

    stale: the claim that the answer names is gone, and this person had not answered under it.
    """

    queue_reason: str
    suggested_label: str | None = None
    suggested_confidence: float | None = None
    suggested_model_id: int | None = None
    suggestion_shown: bool = False
    queue_probability: float | None = None
    blind: bool = False
    stale: bool = False

    def columns(self) -> dict[str, Any]:
        """Return the values by column of annotation_event."""
        values = asdict(self)
        del values["stale"]
        return values


def provenance(
    answer: Answer,
    project: Project,
    annotator_id: int,
    settings: ProjectSettings,
    *,
    session: Session,
) -> Provenance:
    """Find out where an answer comes from, in this order:

    the claim that it names, or else (a reload in another tab) the one that the person holds on
    the tweet; the person's own answer under the same claim, which this one revises; nothing: the
    page was stale. An answer that names no claim was the person's own choice of tweet.
    """
    if answer.lease_generation is None:
        return _own_choice(answer, project, session=session)
    lease = _claim(answer, annotator_id, session=session)
    if lease is not None:
        visible = settings.show_suggestions and not lease.blind
        return Provenance(
            queue_reason=lease.reason,
            suggested_label=lease.suggested_label,
            suggested_confidence=lease.suggested_confidence,
            suggested_model_id=lease.model_version_id,
            suggestion_shown=answer.shown and visible and lease.suggested_label is not None,
            queue_probability=lease.probability,
            blind=lease.blind,
        )
    earlier = _revised(answer, annotator_id, session=session)
    if earlier is not None:
        return Provenance(
            queue_reason=earlier.queue_reason,
            suggested_label=earlier.suggested_label,
            suggested_confidence=earlier.suggested_confidence,
            suggested_model_id=earlier.suggested_model_id,
            suggestion_shown=earlier.suggestion_shown,
            queue_probability=earlier.queue_probability,
            blind=earlier.blind,
        )
    return Provenance("unknown", stale=True)


def _own_choice(answer: Answer, project: Project, *, session: Session) -> Provenance:
    model = current_model(project, session=session)
    prediction = session.get(Prediction, (model.id, answer.tweet_id)) if model else None
    if prediction is None:
        return Provenance("direct")
    return Provenance(
        queue_reason="direct",
        suggested_label=prediction.label,
        suggested_confidence=prediction.confidence,
        suggested_model_id=prediction.model_version_id,
        suggestion_shown=answer.shown,
    )


def _claim(answer: Answer, annotator_id: int, *, session: Session) -> Lease | None:
    query = select(Lease).where(
        Lease.tweet_id == answer.tweet_id, Lease.annotator_id == annotator_id
    )
    held = session.scalars(query).all()
    named = [lease for lease in held if lease.id == answer.lease_generation]
    others = [lease for lease in held if lease.slot < REPEAT_SLOT]
    return next(iter(named or others or held), None)


def _revised(answer: Answer, annotator_id: int, *, session: Session) -> AnnotationEvent | None:
    undo = aliased(AnnotationEvent)
    query = (
        select(AnnotationEvent)
        .where(
            AnnotationEvent.tweet_id == answer.tweet_id,
            AnnotationEvent.annotator_id == annotator_id,
            AnnotationEvent.lease_generation == answer.lease_generation,
            AnnotationEvent.kind.in_(("label", "skip")),
            AnnotationEvent.conflict.is_(False),
            ~select(undo.id).where(undo.undoes_id == AnnotationEvent.id).exists(),
        )
        .order_by(AnnotationEvent.id.desc())
        .limit(1)
    )
    return session.scalars(query).one_or_none()
