"""What suggestions do to people: answers with and without one, side by side.

A coin hides the suggestion of a share of the training tweets, so the two arms differ by nothing
else; answers to validation and test tweets, which are always blind, and to tweets that a person
chose are left out. Why it matters: suggestions can move labels towards the model (arXiv
2507.15821) or raise agreement (arXiv 2105.12980); this tells which, here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from sqlalchemy.orm import Session

from db.schema import Annotator, Project
from labeling.insights import Answered, Share, answers_of, label_shares, share_of
from labeling.permissions import require_of
from trainer.bootstrap import Interval

ENOUGH = 30  # answers an arm below which no sentence is ventured


@dataclass(frozen=True)
class Arm:
    """Answers of one kind. like_the_model: share equal to the model's label, seen or not."""

    answers: int
    like_the_model: Share
    agreement_with_gold: Share
    labels: dict[str, Share]
    median_seconds: float | None


@dataclass(frozen=True)
class SuggestionEffect:
    """Both arms, the differences shown minus blind with 95% intervals, and a plain sentence."""

    shown: Arm
    blind: Arm
    like_the_model: float | None
    like_the_model_interval: Interval | None
    agreement_with_gold: float | None
    agreement_with_gold_interval: Interval | None
    sentence: str


def suggestion_effect(
    project: Project,
    viewer: Annotator,
    *,
    session: Session,
    annotator_id: int | None = None,
) -> SuggestionEffect:
    """Compare answers given with and without suggestion, of all people or of one.

    Raises PermissionRefused for people who may not see others' figures.
    """
    require_of(viewer, "see_people")
    answers = [
        one
        for one in answers_of(project, session=session)
        if one.split == "train"
        and one.suggested is not None
        and one.reason not in {"direct", "unknown", "assigned"}
        and annotator_id in {None, one.annotator_id}
    ]
    shown = _arm([one for one in answers if one.shown])
    blind = _arm([one for one in answers if one.blind])
    like, like_interval = _difference(shown.like_the_model, blind.like_the_model)
    gold, gold_interval = _difference(shown.agreement_with_gold, blind.agreement_with_gold)
    return SuggestionEffect(
        shown=shown,
        blind=blind,
        like_the_model=like,
        like_the_model_interval=like_interval,
        agreement_with_gold=gold,
        agreement_with_gold_interval=gold_interval,
        sentence=_sentence(shown, blind, like, like_interval),
    )


def _arm(answers: Sequence[Answered]) -> Arm:
    known = [one for one in answers if one.gold is not None]
    seconds = [one.seconds for one in answers if one.seconds is not None]
    return Arm(
        answers=len(answers),
        like_the_model=share_of(sum(one.label == one.suggested for one in answers), len(answers)),
        agreement_with_gold=share_of(sum(one.label == one.gold for one in known), len(known)),
        labels=label_shares(answers),
        median_seconds=median(seconds) if seconds else None,
    )


def _difference(first: Share, second: Share) -> tuple[float | None, Interval | None]:
    """Return first - second with Newcombe's hybrid score interval (1998, Stat. Med. 17, 10)."""
    if (
        first.value is None
        or second.value is None
        or first.interval is None
        or second.interval is None
    ):
        return None, None
    gap = first.value - second.value
    below = sqrt((first.value - first.interval[0]) ** 2 + (second.interval[1] - second.value) ** 2)
    above = sqrt((first.interval[1] - first.value) ** 2 + (second.value - second.interval[0]) ** 2)
    return gap, (gap - below, gap + above)


def _sentence(shown: Arm, blind: Arm, gap: float | None, interval: Interval | None) -> str:
    if min(shown.answers, blind.answers) < ENOUGH or gap is None or interval is None:
        return (
            f"Too few answers to tell what suggestions do: {shown.answers} with and "
            f"{blind.answers} without; each needs {ENOUGH}."
        )
    low, high = (round(100 * bound) for bound in interval)
    between = f"by {low} to {high} points (95% interval)"
    if interval[0] > 0:
        pull = f"With a suggestion on screen people answer like the model more often, {between}."
    elif interval[1] < 0:
        pull = f"With a suggestion on screen people answer like the model less often, {between}."
    else:
        pull = (
            "Whether a suggestion is on screen makes no clear difference to how often people "
            f"answer like the model ({low} to {high} points, 95% interval)."
        )
    if shown.median_seconds is None or blind.median_seconds is None:
        return pull
    return (
        f"{pull} An answer takes {shown.median_seconds:.1f} s with it and "
        f"{blind.median_seconds:.1f} s without (medians)."
    )
