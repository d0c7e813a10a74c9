"""What stands of a person's acts on one tweet: a pure replay of their events."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Act:
    """The part of an event that counts for what stands. repeat: a hidden repeat's answer."""

    event_id: int
    kind: str
    label: str | None
    comment: str | None
    undoes_id: int | None
    conflict: bool
    repeat: bool


@dataclass(frozen=True)
class Standing:
    """A person's current answer on a tweet. kind: label, skip, or none for a mere remark."""

    kind: str
    label: str | None
    event_id: int
    flagged: bool
    comment: str | None


def replay(acts: Iterable[Act]) -> Standing | None:
    """Return what stands after all acts of one person on one tweet; None if nothing does.

    Acts that were taken back count as if they had never been, in whatever order that was done.
    The answer to a hidden repeat is a measurement, not an answer. An answer from a stale page
    (`conflict`) stands only where the person had not answered before: it never overwrites.
    """
    ordered = sorted(acts, key=lambda act: act.event_id)
    undone = {act.undoes_id for act in ordered if act.kind == "undo"}
    kind, label, event_id = "none", None, 0
    flagged, comment, last = False, None, 0
    for act in ordered:
        if act.kind == "undo" or act.event_id in undone or act.repeat:
            continue
        if act.kind in {"label", "skip"}:
            if act.conflict and kind != "none":
                continue
            kind, label, event_id = act.kind, act.label, act.event_id
        elif act.kind == "flag":
            flagged = not flagged
        elif act.kind == "comment":
            comment = act.comment or None
        last = act.event_id
    if kind == "none" and not flagged and comment is None:
        return None
    return Standing(kind, label, event_id or last, flagged, comment)
