"""The values that the queue, the answers and the label page pass around."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labeling.errors import AnswerError

KINDS = ("label", "skip", "flag", "comment", "undo")
STATES = ("saved", "repeated", "conflict", "refused")
# Why a tweet was asked. `focus`: the person looked for such tweets; `direct`: nobody asked, they
# chose it (history, data, review page); `unknown`: the claim that it came with is gone, so how it
# was picked cannot be told any more.
REASONS = (
    "least_confident",
    "margin",
    "entropy",
    "diverse",
    "disagreement",
    "focus",
    "random",
    "unpredicted",
    "repeat",
    "assigned",
    "direct",
    "unknown",
)
MAX_COMMENT = 2000
MAX_KEY = 200


@dataclass(frozen=True)
class Suggestion:
    """What the model says of a tweet, for showing. probabilities: by label value, they add to 1.

    guess: from a classifier that has not learned from any label, and must not look like knowledge.
    """

    label: str
    confidence: float
    probabilities: dict[str, float]
    model_version_id: int
    model_number: int
    guess: bool = False


@dataclass(frozen=True)
class QueueItem:
    """One tweet to be asked.

    group_size: how many tweets it stands for, itself included. cut_off: the text ends in "…".
    reason, probability: why it was picked, and the chance that this place of the queue would go
    to this very tweet (None where no draw was made). blind: the suggestion is withheld on
    purpose, so `suggestion` is None. lease_generation: the number of the claim, sent back with
    the answer.
    """

    tweet_id: int
    external_id: str
    text: str
    group_size: int
    cut_off: bool
    is_retweet: bool
    reason: str
    probability: float | None
    blind: bool
    lease_generation: int
    suggestion: Suggestion | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the browser."""
        # Not asdict: it copies all that is in them, forty times at each answer.
        suggestion = None if self.suggestion is None else dict(vars(self.suggestion))
        return {**vars(self), "suggestion": suggestion}


@dataclass(frozen=True)
class Answer:
    """One act of a person, as the browser sends it.

    key: minted when the decision is made; sent again with each retry. kind: label, skip, flag
    (turns the flag over), comment (the newest counts, an empty one is none) or undo.
    undoes_key: for an undo, the key of the act that it takes back. seconds: time on screen.
    shown: whether the suggestion was on screen. lease_generation: of the queue item; None for a
    tweet that the person chose without being asked (history, data or review page).
    """

    key: str
    kind: str
    tweet_id: int
    label: str | None = None
    comment: str | None = None
    undoes_key: str | None = None
    seconds: float | None = None
    shown: bool = False
    lease_generation: int | None = None

    @classmethod
    def from_json(cls, sent: Mapping[str, Any]) -> "Answer":
        """Build from what a browser sent. Raises AnswerError naming the field that is wrong."""
        try:
            answer = cls(
                key=_text(sent, "key") or "",
                kind=_text(sent, "kind") or "",
                tweet_id=_whole(sent, "tweet_id") or 0,
                label=_text(sent, "label"),
                comment=_text(sent, "comment"),
                undoes_key=_text(sent, "undoes_key"),
                seconds=_number(sent, "seconds"),
                shown=sent.get("shown") is True,
                lease_generation=_whole(sent, "lease_generation"),
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise AnswerError(f"an answer could not be read: {error}; reload the page") from error
        return answer


def _text(sent: Mapping[str, Any], name: str) -> str | None:
    value = sent.get(name)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, not text")
    # Half a character, which no store takes, must not cost the rest of the answer.
    return None if value is None else value.encode(errors="replace").decode()


def _number(sent: Mapping[str, Any], name: str) -> float | None:
    value = sent.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}, not a number")
    return float(value)


def _whole(sent: Mapping[str, Any], name: str) -> int | None:
    value = _number(sent, name)
    if value is None:
        return None
    if value != int(value) or not 0 <= value < 2**53:
        raise ValueError(f"{name} is {value!r}, not a whole number")
    return int(value)


@dataclass(frozen=True)
class Recorded:
    """What became of an answer.

    state: saved; repeated (that key, or that undo, is in the store already); conflict (kept, but
    given from a stale page: another person had been asked or had answered meanwhile); refused
    (nothing was kept; the message says why). event_id is None only when refused.
    """

    key: str
    event_id: int | None
    state: str
    message: str = ""


@dataclass(frozen=True)
class HistoryItem:
    """One of a person's last answers, newest first; `key` is what an undo names."""

    event_id: int
    key: str
    tweet_id: int
    text: str
    kind: str
    label: str | None
    flagged: bool
    comment: str | None
    answered_at: datetime


@dataclass(frozen=True)
class Remark:
    """What stands of a person's flag and comment on a tweet."""

    tweet_id: int
    flagged: bool
    comment: str | None


@dataclass(frozen=True)
class Counters:
    """What stands at the side of the label page.

    done_today: answers with a label since midnight UTC, those taken back not counted. per_hour:
    speed over the last answers, pauses over five minutes set aside; None before a minute of work.
    agreement_with_model: share of today's answers equal to the model's label, None without any.
    left: groups that still need this person or another. goal: the project's daily goal.
    """

    done_today: int
    per_hour: float | None
    agreement_with_model: float | None
    left: int
    goal: int
