"""A candidate against the version in use, on the candidate's test items."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.data import Example
from trainer.errors import TrainerError

if TYPE_CHECKING:
    from trainer.train import Trained


@dataclass(frozen=True)
class InUse:
    """The version in use: its number, kind, and where its artefacts lie."""

    number: int
    kind: str
    directory: Path
    manifest_sha256: str


def against_current(
    trained: "Trained", examples: Sequence[Example], in_use: InUse | None, *, cache: Path
) -> dict[str, Any] | None:
    """Compare as JSON, or None where there is nothing to compare with or no test label.

    A version in use that cannot be loaded is a reason to ask a person, not an error.
    """
    from trainer.compare import compare
    from trainer.predict import load_classifier

    answers = trained.predictions.get("test")
    if in_use is None or answers is None:
        return None
    facts: dict[str, Any] = {"version": in_use.number, "kind": in_use.kind}
    by_id = {example.tweet_id: example for example in examples}
    items = [by_id[tweet_id] for tweet_id in answers.tweet_ids]
    try:
        before = load_classifier(in_use.directory, manifest_sha256=in_use.manifest_sha256)
        if list(before.label_map) != list(trained.label_map):
            return {**facts, "passes": False, "reasons": ["the label set has changed"]}
        old = before.probabilities([item.text for item in items], cache=cache)
    except TrainerError as error:
        return {**facts, "passes": False, "reasons": [str(error)]}
    compared = compare(
        answers.probabilities,
        old,
        truth=[item.label for item in items],
        groups=[item.group for item in items],
        label_map=trained.label_map,
        tweet_ids=answers.tweet_ids,
    )
    return {**facts, **compared.to_json()}


def takes_over(rule: str, comparison: dict[str, Any] | None, *, unasked: bool) -> bool:
    """Tell whether a finished training becomes current by itself.

    unasked: a probe that the app trained on its own. Otherwise the project's rule decides:
    "automatic" lets a candidate pass that is surely no worse on any label, "ask" and "never"
    leave it to people.
    """
    if unasked:
        return may_take_over(comparison)
    return rule == "automatic" and comparison is not None and bool(comparison.get("passes"))


def may_take_over(comparison: dict[str, Any] | None) -> bool:
    """Tell whether a probe that nobody asked for may take over by itself.

    It replaces nothing, or a zero-shot guess, always; an older probe unless the interval of the
    macro-F1 difference says that it is worse.
    """
    if comparison is None or comparison.get("kind") == "zero_shot":
        return True
    interval = comparison.get("difference", {}).get("interval")
    return comparison.get("kind") == "probe" and (interval is None or interval[1] >= 0)
