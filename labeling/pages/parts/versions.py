"""A model version beside the one in use: scores with intervals, what changed, promote."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from labeling import models
from labeling.pages.parts import errors, flips, notice, resources, tables
from labeling.pages.parts.context import PageContext
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import KINDS, agreed, chance, counted, interval, percent, score
from trainer.metrics import Metrics

YARDSTICKS = {"tfidf": "TF-IDF with logistic regression", "majority": "Majority label"}
HEADLINES = {"macro_f1": "Macro-F1", "accuracy": "Accuracy", "weighted_f1": "Weighted F1"}


def in_use(known: Sequence[models.VersionRow]) -> models.VersionRow | None:
    """Return the version in use, None where there is none."""
    return next((row for row in known if row.state == "current"), None)


def to_open(known: Sequence[models.VersionRow]) -> int:
    """Return the number of the version to look at first.

    The newest candidate that is newer than the version in use, else the version in use; known:
    newest first.
    """
    current = in_use(known)
    least = 0 if current is None else current.number
    waiting = (row.number for row in known if row.state == "candidate" and row.number > least)
    return next(waiting, known[0].number if current is None else current.number)


def verdict(
    page: PageContext,
    version: models.VersionRow,
    known: Sequence[models.VersionRow],
    labels: LabelSet,
) -> None:
    """Draw a version's three numbers beside the current one's, the comparison and the buttons."""
    current = in_use(known)
    split = "test" if version.metrics.get("test") else "validation"
    st.text(f"Version {version.number}, {KINDS.get(version.kind, version.kind)}, {version.state}")
    numbers(version, current, split)
    comparison(page, version, labels, known)
    decision(page, version, current, labels, type_="secondary")


def numbers(version: models.VersionRow, current: models.VersionRow | None, split: str) -> None:
    """Draw three scores of a split with their intervals, and the current version's."""
    metrics = version.metrics.get(split)
    if not metrics:
        st.caption(f"No labelled tweets in the {split} split, so there is no score on it.")
        return
    for column, (name, words) in zip(st.columns(3), HEADLINES.items(), strict=True):
        with column, st.container(border=True, gap=None):
            st.metric(words, score(metrics.get(name)))
            st.caption(f"95% interval {interval(metrics['intervals'].get(name))}")
    _beside(version, current, split)
    method = metrics.get("split_method")
    how = f"; split: {method}" if method else ""
    where = f"the {split} split, in {counted(metrics.get('groups') or 0, 'duplicate group')}"
    st.caption(plain(f"On {counted(metrics['n'], 'gold label')} of {where}{how}."))


def _beside(version: models.VersionRow, current: models.VersionRow | None, split: str) -> None:
    """Draw every score beside the version in use and what any classifier must beat."""
    beside = {f"Version {version.number}": version.metrics[split]}
    if current and current.number != version.number and current.metrics.get(split):
        beside[f"Version {current.number}, in use"] = current.metrics[split]
    for name, words in YARDSTICKS.items():
        found = version.metrics.get("baselines", {}).get(name)
        if found and found["split"] == split:
            beside[words] = found
    st.dataframe(
        scores_table(beside),
        hide_index=True,
        height=tables.height(len(beside)),
        column_config=tables.columns(numbers=["Gold labels"]),
    )


def scores_table(beside: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the scores of several classifiers, each headline with its 95% interval."""

    def cell(found: Mapping[str, Any], name: str) -> str:
        bounds = found["intervals"].get(name)
        return f"{score(found.get(name))} ({interval(bounds)})" if bounds else score(found[name])

    return pd.DataFrame(
        [
            {
                "Classifier": words,
                **{title: cell(found, name) for name, title in HEADLINES.items()},
                "Log loss": score(found.get("log_loss")),
                "Calibration error": score(found.get("ece")),
                "Gold labels": found["n"],
            }
            for words, found in beside.items()
        ]
    )


def comparison(
    page: PageContext,
    version: models.VersionRow,
    labels: LabelSet,
    known: Sequence[models.VersionRow],
) -> None:
    """Draw what a version fixes and breaks against the one it was compared with."""
    compared = version.comparison or {}
    fixed, broken = list(compared.get("fixed", [])), list(compared.get("broken", []))
    if not fixed and not broken:
        return
    against = compared.get("version")
    st.markdown(f"**Against version {against}, on the test split**")
    difference = compared.get("difference") or {}
    value, bounds = difference.get("macro_f1"), difference.get("interval")
    change = f" Macro-F1 changes by {value:+.3f} ({_signed(bounds)})." if value is not None else ""
    p = compared.get("mcnemar_p")
    p_value = f" McNemar's exact {chance(p)}." if p is not None else ""
    rate = compared.get("negative_flip_rate")
    share = f" ({percent(rate)} of all: the negative-flip rate)" if rate is not None else ""
    st.text(
        f"{counted(len(fixed), 'tweet')} fixed, {counted(len(broken), 'tweet')} broken{share}."
        f"{change}{p_value}"
    )
    if compared.get("per_label"):
        table = recalls_table(compared["per_label"], labels, against=against, now=version.number)
        st.dataframe(
            table,
            hide_index=True,
            height=tables.height(len(table)),
            column_config=tables.columns(numbers=["Gold labels"]),
        )
    before = next((row for row in known if row.number == against), None)
    flips.draw(page, "Fixed", fixed, labels, wrong=before, right=version)
    flips.draw(page, "Broken", broken, labels, wrong=version, right=before)


def recalls_table(
    changes: Mapping[str, Mapping[str, Any]], labels: LabelSet, *, against: object, now: int
) -> pd.DataFrame:
    """Return each label's recall under two versions, and its change with the 95% interval."""
    return pd.DataFrame(
        [
            {
                "Label": labels.name(value),
                "Gold labels": found["support"],
                f"Recall, version {against}": score(found["current_recall"]),
                f"Recall, version {now}": score(found["candidate_recall"]),
                "Change": "–" if found["change"] is None else f"{found['change']:+.3f}",
                "95% interval of the change": _bounds(found["interval"]),
            }
            for value, found in changes.items()
        ]
    )


def _bounds(bounds: Sequence[float] | None) -> str:
    return "–" if not bounds else f"{bounds[0]:+.3f} to {bounds[1]:+.3f}"


def _signed(bounds: Sequence[float] | None) -> str:
    return f"95% interval {_bounds(bounds)}" if bounds else "–"


def decision(
    page: PageContext,
    version: models.VersionRow,
    current: models.VersionRow | None,
    labels: LabelSet,
    *,
    type_: Literal["primary", "secondary"] = "primary",
) -> None:
    """Draw what speaks against a version, if anything, and the button that puts it in use."""
    reasons = [
        reason_in_words(one, labels) for one in (version.comparison or {}).get("reasons", [])
    ]
    if version.state != "current" and reasons:
        st.text("\n".join(["Not promoted by itself because:", *(f"– {one}" for one in reasons)]))
    waiting = version.state == "candidate" and not reasons
    promote_button(page, version, current, type_=type_ if waiting else "secondary")


def reason_in_words(reason: str, labels: LabelSet) -> str:
    """Return a stored reason with the label's name in place of its value."""
    for label in labels.labels:
        start = f"recall of label {label.value!r} "
        if reason.startswith(start):
            return f"recall of label {label.name!r} {reason[len(start) :]}"
    return reason


def promote_button(
    page: PageContext,
    version: models.VersionRow,
    current: models.VersionRow | None,
    *,
    type_: Literal["primary", "secondary"],
) -> None:
    """Draw the button that puts a version in use, unless it is."""
    if version.state == "current":
        return
    if st.button(
        plain(_verb(version, current)),
        type=type_,
        icon=":material/publish:" if version.state == "candidate" else ":material/history:",
        key=f"promote_{version.number}",
        disabled=not page.may("promote"),
    ):
        with errors.shown():
            page.require("promote")
            done = models.promote(
                resources.engine(),
                resources.settings(),
                page.project_id,
                version.number,
                annotator_id=page.annotator_id,
            )
            after = (
                f"{counted(done.to_predict, 'tweet')} "
                f"{agreed(done.to_predict, 'is', 'are')} being pre-labelled"
                if done.to_predict
                else "its predictions are in place"
            )
            notice.leave(f"Version {done.number} is current; {after}.")
            st.rerun()


def _verb(version: models.VersionRow, current: models.VersionRow | None) -> str:
    if version.state == "candidate":
        return f"Promote version {version.number}"
    if current is not None and version.number < current.number:
        return f"Roll back to version {version.number}"
    return f"Use version {version.number} again"


def table(rows: Sequence[models.VersionRow]) -> pd.DataFrame:
    """Return the versions as a table of words and numbers."""

    def cell(metrics: dict[str, Any] | None) -> str:
        if not metrics:
            return "–"
        leaks = ", random split" if "leak" in str(metrics.get("split_method")) else ""
        bounds = interval(metrics["intervals"].get("macro_f1"))
        return f"{score(metrics['macro_f1'])} ({bounds}){leaks}"

    return pd.DataFrame(
        [
            {
                "Version": row.number,
                "State": row.state,
                "Kind": KINDS.get(row.kind, row.kind),
                "Base model": row.base_model,
                "Macro-F1, validation": cell(row.metrics.get("validation")),
                "Validation labels": (row.metrics.get("validation") or {}).get("n"),
                "Macro-F1, test": cell(row.metrics.get("test")),
                "Test labels": (row.metrics.get("test") or {}).get("n"),
                "Made": row.created_at,
            }
            for row in rows
        ]
    )


def label_table(metrics: Metrics, labels: LabelSet) -> pd.DataFrame:
    """Return precision, recall with its interval, F1 and support of each label."""
    return pd.DataFrame(
        [
            {
                "Label": labels.name(value),
                "Gold labels": metrics.per_class[value].support,
                "Precision": score(metrics.per_class[value].precision),
                "Recall": score(metrics.per_class[value].recall),
                "95% interval": interval(metrics.per_class[value].recall_interval),
                "F1": score(metrics.per_class[value].f1),
            }
            for value in metrics.labels
        ]
    )
