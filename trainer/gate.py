"""A candidate against the version in use, on the candidate's test items."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.data import Example
from trainer.errors import TrainerError
from trainer.notebook_split import REASON

if TYPE_CHECKING:
    from trainer.train import Trained


NO_TEST = "the test split holds no gold label by people or files, so nothing can be compared"
SEEN_BY_CURRENT = "the version in use has learned from test tweets, so no comparison is fair"


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
    """Compare as JSON, or None where no version is in use.

    Whatever makes a comparison impossible (no test label, another label set, a version in use
    that cannot be loaded) is a reason to ask a person, not an error.
    """
    from trainer.compare import compare
    from trainer.predict import load_classifier

    if trained.config.split == "random":
        return {"version": in_use.number if in_use else None, "passes": False, "reasons": [REASON]}
    if in_use is None:
        return None
    facts: dict[str, Any] = {"version": in_use.number, "kind": in_use.kind}
    answers = trained.predictions.get("test")
    if answers is None:
        return {**facts, "passes": False, "reasons": [NO_TEST]}
    by_id = {example.tweet_id: example for example in examples}
    items = [by_id[tweet_id] for tweet_id in answers.tweet_ids]
    try:
        before = load_classifier(
            in_use.directory,
            manifest_sha256=in_use.manifest_sha256,
            eight_bit=False,  # as the candidate's scores
        )
        if set(before.label_map) != set(trained.label_map):
            return {**facts, "passes": False, "reasons": ["the label set has changed"]}
        if before.facts.config.get("split") == "random":
            return {**facts, "passes": False, "reasons": [SEEN_BY_CURRENT]}
        old = before.probabilities([item.text for item in items], cache=cache)
        old = old[:, [before.label_map.index(value) for value in trained.label_map]]
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
    "automatic" (the default) promotes a candidate whose comparison passes, and asks where it does
    not; where nothing is in use (no comparison), the first version is better than none. "ask" and
    "never" leave it to people.
    """
    if unasked:
        return may_take_over(comparison)
    return rule == "automatic" and (comparison is None or bool(comparison.get("passes")))


def may_take_over(comparison: dict[str, Any] | None) -> bool:
    """Tell whether a probe that nobody asked for may take over by itself.

    It replaces nothing, or a zero-shot guess, always; an older probe unless the interval of the
    macro-F1 difference says that it is worse.
    """
    if comparison is None or comparison.get("kind") == "zero_shot":
        return True
    if comparison.get("version") is None:
        return False
    interval = comparison.get("difference", {}).get("interval")
    return comparison.get("kind") == "probe" and (interval is None or interval[1] >= 0)
