"""Saving what people do, exactly once, and never losing it.

Each act is one row of `annotation_event`, never changed afterwards; what stands is a replay of
a person's events on a tweet (labeling.standing), rewritten in the same transaction, as are the
gold labels that follow (labeling.resolving). What was suggested, why the tweet was asked and
with which chance comes from the claim in the store; of the browser's word only the key, the
label, the comment, the seconds and whether the suggestion was on screen are taken.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from db.project_settings import ProjectSettings
from db.projects import settings_of
from db.schema import Annotator, Project
from labeling.answer_rows import (
    Event,
    Place,
    add_event,
    events_by_key,
    forget_loaded,
    own_claims,
    own_events,
    place_of,
    values_of,
    write_standing,
)
from labeling.asking import KINDS, MAX_COMMENT, MAX_KEY, Answer, Counters, HistoryItem, Recorded
from labeling.history import counters, history
from labeling.leasing import release
from labeling.permissions import require_of
from labeling.provenance import provenance
from labeling.resolving import resolve
from labeling.standing import replay
from labeling.undoing import give_back

__all__ = ["Answer", "Counters", "HistoryItem", "Recorded", "counters", "history", "record"]

_STALE = "given from a page that was out of date; it is kept, and a reviewer will see it"


@dataclass(frozen=True)
class _Desk:
    """What is read once for all answers that are saved together.

    values: each label of the project and what it counts for, if it was merged. known: the events
    by key that these answers repeat or take back; those that are saved join them.
    """

    project: Project
    annotator_id: int
    settings: ProjectSettings
    values: dict[str, str | None]
    session: Session
    known: dict[str, Event] = field(default_factory=dict)

    @property
    def merged(self) -> dict[str, str]:
        return {value: into for value, into in self.values.items() if into is not None}


def record(
    answers: Sequence[Answer], project: Project, annotator: Annotator, *, session: Session
) -> list[Recorded]:
    """Save a person's acts in the order given and tell what became of each.

    Sending an answer again is harmless: its key is known, and the first result is given back as
    `repeated`. One that cannot be taken is `refused` with the reason, and the others are saved.
    Nothing is saved until the caller's transaction commits: acknowledge only after that.
    Raises PermissionRefused for somebody who is not active any more.
    """
    require_of(annotator, "answer")
    session.flush()
    # Labels that were retired or merged meanwhile included: who answered from a page that was
    # open before must not lose that answer.
    values = values_of(project.id, session=session)
    desk = _Desk(project, annotator.id, settings_of(project), values, session)
    desk.known.update(_known(answers, session=session))
    recorded = [_record_one(answer, desk) for answer in answers]
    forget_loaded(session)
    return recorded


def _known(answers: Collection[Answer], *, session: Session) -> dict[str, Event]:
    keys = {answer.key for answer in answers} | {answer.undoes_key or "" for answer in answers}
    # PostgreSQL takes no NUL, and nobody has such a key.
    return events_by_key([key for key in keys if key and "\x00" not in key], session=session)


def _record_one(answer: Answer, desk: _Desk) -> Recorded:
    problem = _problem(answer, desk)
    if problem is not None:
        return Recorded(answer.key, None, "refused", problem)
    earlier = desk.known.get(answer.key)
    if earlier is not None:
        return _again(answer, earlier, desk)
    if answer.kind == "undo":
        return _undo(answer, desk)
    place = place_of(answer.tweet_id, session=desk.session)
    if place is None or place.project_id != desk.project.id:
        return Recorded(
            answer.key,
            None,
            "refused",
            f"tweet {answer.tweet_id} is not in project {desk.project.name!r}; reload the page",
        )
    return _save(answer, place, desk)


def _problem(answer: Answer, desk: _Desk) -> str | None:
    if not answer.key or len(answer.key) > MAX_KEY:
        return f"an answer's key must have 1 to {MAX_KEY} characters; reload the page"
    if answer.kind not in KINDS:
        return f"{answer.kind!r} is no kind of answer; it must be one of {', '.join(KINDS)}"
    if answer.kind == "label" and answer.label not in desk.values:
        known = ", ".join(sorted(desk.values))
        return f"{answer.label!r} is no label of this project (there are: {known}); reload the page"
    if answer.comment is not None and len(answer.comment) > MAX_COMMENT:
        return f"the comment has {len(answer.comment)} characters; {MAX_COMMENT} are allowed"
    if answer.comment is not None and "\x00" in answer.comment:
        return "the comment holds a NUL character; remove it"
    if answer.kind == "undo" and not answer.undoes_key:
        return "an undo must name the answer that it takes back; reload the page"
    return None


def _again(answer: Answer, earlier: Event, desk: _Desk) -> Recorded:
    if earlier.annotator_id != desk.annotator_id or earlier.project_id != desk.project.id:
        return Recorded(
            answer.key, None, "refused", "this answer's key is another one's; reload the page"
        )
    return Recorded(answer.key, earlier.id, "repeated", _STALE if earlier.conflict else "")


def _save(answer: Answer, place: Place, desk: _Desk) -> Recorded:
    decides = answer.kind in {"label", "skip"}
    pair = (place.tweet_id, desk.annotator_id)
    # Read after the group is locked: what another tab of this person did is seen.
    earlier = own_events(*pair, session=desk.session)
    claims = own_claims(*pair, session=desk.session)
    source = provenance(
        answer, claims, earlier, desk.project.id, desk.settings, session=desk.session
    )
    stale = decides and source.stale
    event = _event(
        answer,
        place,
        desk,
        label=answer.label if answer.kind == "label" else None,
        comment=answer.comment,
        lease_generation=answer.lease_generation,
        conflict=stale,
        **source.columns(),
    )
    event, new = _add(event, answer.seconds, desk)
    if not new:
        return Recorded(answer.key, event.id, "repeated")
    repeat = source.queue_reason == "repeat"
    if not (repeat and decides):
        _bring_up_to_date(place, [*earlier, event], desk)
        if decides:
            _resolve(place, desk)
    if decides:
        release(*pair, repeat=repeat, session=desk.session)
    return Recorded(answer.key, event.id, "conflict" if stale else "saved", _STALE if stale else "")


def _event(answer: Answer, place: Place, desk: _Desk, **columns: Any) -> Event:
    return Event(
        0,  # it has no number yet
        answer.key,
        desk.project.id,
        place.tweet_id,
        desk.annotator_id,
        answer.kind,
        **columns,
    )


def _add(event: Event, seconds: float | None, desk: _Desk) -> tuple[Event, bool]:
    """Save an event; return it with its number, and whether its key was new."""
    event_id, new = add_event(event, _seconds(seconds), session=desk.session)
    event = replace(event, id=event_id)
    if new:
        desk.known[event.idempotency_key] = event
    return event, new


def _seconds(sent: float | None) -> float | None:
    if sent is None or not math.isfinite(sent) or sent < 0:
        return None
    return sent


def _bring_up_to_date(place: Place, events: Sequence[Event], desk: _Desk) -> None:
    """Rewrite the person's annotation of a tweet from all their events on it."""
    standing = replay(event.act for event in events)
    label = standing.label if standing else None
    counts_for = desk.merged.get(label or "", label)
    write_standing(place, desk.annotator_id, standing, counts_for, session=desk.session)


def _resolve(place: Place, desk: _Desk) -> None:
    resolve(place.group_id, settings=desk.settings, session=desk.session, merged=desk.merged)


def _undo(answer: Answer, desk: _Desk) -> Recorded:
    key = answer.undoes_key or ""
    # Looked for again: another tab may have saved it meanwhile.
    target = desk.known.get(key) or _known([answer], session=desk.session).get(key)
    if (
        target is None
        or target.annotator_id != desk.annotator_id
        or target.project_id != desk.project.id
        or target.kind == "undo"
    ):
        return Recorded(
            answer.key, None, "refused", "there is no saved answer of yours to take back here"
        )
    place = place_of(target.tweet_id, session=desk.session)
    if place is None:
        raise LookupError(f"the tweet of event {target.id} is gone")
    events = own_events(place.tweet_id, desk.annotator_id, session=desk.session)
    undone = next((event.id for event in events if event.undoes_id == target.id), None)
    if undone is not None:
        return Recorded(answer.key, undone, "repeated", "that answer was taken back before")
    event = _event(answer, place, desk, undoes_id=target.id, queue_reason=target.queue_reason)
    event, new = _add(event, None, desk)
    if not new:
        return Recorded(answer.key, event.id, "repeated")
    _bring_up_to_date(place, [*events, event], desk)
    _resolve(place, desk)
    give_back(target, desk.project.id, desk.settings, session=desk.session)
    return Recorded(answer.key, event.id, "saved")
