"""Why a tweet was answered and what was suggested: read from the store, not from the browser."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from db.project_settings import ProjectSettings
from labeling.answer_rows import Claim, Event, predicted
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
    claims: Sequence[Claim],
    earlier: Sequence[Event],
    project_id: int,
    settings: ProjectSettings,
    *,
    session: Session,
) -> Provenance:
    """Find out where an answer comes from, in this order:

    the claim that it names, or else (a reload in another tab) the one that the person holds on
    the tweet; the person's own answer under the same claim, which this one revises; nothing: the
    page was stale. An answer that names no claim was the person's own choice of tweet.
    claims, earlier: the person's claims and events on the tweet.
    """
    if answer.lease_generation is None:
        return _own_choice(answer, project_id, session=session)
    claim = _claim(answer, claims)
    if claim is not None:
        visible = settings.show_suggestions and not claim.blind
        return Provenance(
            queue_reason=claim.reason,
            suggested_label=claim.suggested_label,
            suggested_confidence=claim.suggested_confidence,
            suggested_model_id=claim.model_version_id,
            suggestion_shown=answer.shown and visible and claim.suggested_label is not None,
            queue_probability=claim.probability,
            blind=claim.blind,
        )
    revised = _revised(answer, earlier)
    if revised is not None:
        return Provenance(
            queue_reason=revised.queue_reason,
            suggested_label=revised.suggested_label,
            suggested_confidence=revised.suggested_confidence,
            suggested_model_id=revised.suggested_model_id,
            suggestion_shown=revised.suggestion_shown,
            queue_probability=revised.queue_probability,
            blind=revised.blind,
        )
    return Provenance("unknown", stale=True)


def _own_choice(answer: Answer, project_id: int, *, session: Session) -> Provenance:
    said = predicted(answer.tweet_id, project_id, session=session)
    if said is None:
        return Provenance("direct")
    return Provenance(
        queue_reason="direct",
        suggested_label=said[0],
        suggested_confidence=said[1],
        suggested_model_id=said[2],
        suggestion_shown=answer.shown,
    )


def _claim(answer: Answer, held: Sequence[Claim]) -> Claim | None:
    named = [claim for claim in held if claim.id == answer.lease_generation]
    others = [claim for claim in held if claim.slot < REPEAT_SLOT]
    return next(iter(named or others or held), None)


def _revised(answer: Answer, earlier: Sequence[Event]) -> Event | None:
    undone = {event.undoes_id for event in earlier}
    revised = (
        event
        for event in earlier
        if event.lease_generation == answer.lease_generation
        and event.kind in {"label", "skip"}
        and not event.conflict
        and event.id not in undone
    )
    return max(revised, key=lambda event: event.id, default=None)
