"""Figures on people as tables: each share with its interval and the number behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from labeling.agreement import Agreement
from labeling.formula import escape
from labeling.insights import PersonRow, Share, TeamAgreement, share_of
from labeling.pages.parts import tables
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.wording import interval, percent, score
from labeling.suggestion_effect import Arm, SuggestionEffect


def shown(table: pd.DataFrame, name: str, columns: dict[str, Any] | None = None) -> None:
    """Draw a table and offer it as CSV."""
    st.dataframe(
        table, hide_index=True, height=tables.height(len(table), 10), column_config=columns
    )
    st.download_button(
        "CSV",
        data=lambda: _csv(table),
        file_name=f"{name}.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
        key=f"figures_{name}",
    )


def _csv(table: pd.DataFrame) -> bytes:
    def safe(cell: Any) -> Any:
        return escape(cell) if isinstance(cell, str) else cell

    return table.map(safe).to_csv(index=False).encode()


def share(found: Share) -> str:
    """Return a share as "81.2 % (75.0 % to 86.1 %, n = 165)"."""
    if found.value is None or found.interval is None:
        return "–"
    low, high = found.interval
    return f"{percent(found.value)} ({percent(low)} to {percent(high)}, n = {found.n:,})"


def people(rows: Sequence[PersonRow]) -> pd.DataFrame:
    """Return a row per person."""
    return pd.DataFrame(
        [
            {
                "Person": row.name,
                "Answers": row.answers,
                "Skips": row.skips,
                "Median": "–" if row.median_seconds is None else f"{row.median_seconds:.1f} s",
                "Suggestions accepted": share(row.acceptance),
                "Equal to gold": share(row.agreement_with_gold),
                "Repeats answered alike": share(row.self_consistency),
                "Last": row.last_at,
            }
            for row in rows
        ]
    )


def agreement(team: TeamAgreement, labels: LabelSet) -> pd.DataFrame:
    """Return the coefficients, over all labels and each label against the rest."""
    named: list[tuple[str, Agreement]] = [
        ("Krippendorff's alpha", team.alpha),
        ("Fleiss' kappa", team.fleiss),
        ("Gwet's AC1", team.ac1),
    ]
    named += [(f"Alpha, {labels.name(key)}", one) for key, one in team.alpha_per_label.items()]
    named += [(f"AC1, {labels.name(key)}", one) for key, one in team.ac1_per_label.items()]
    return pd.DataFrame([_coefficient("Coefficient", name, found) for name, found in named])


def pairs(team: TeamAgreement) -> pd.DataFrame:
    """Return Cohen's kappa of each pair that has tweets in common."""
    return pd.DataFrame(
        [_coefficient("Pair", f"{one.first}, {one.second}", one.kappa) for one in team.pairs]
    )


def _coefficient(title: str, name: str, found: Agreement) -> dict[str, Any]:
    return {
        title: name,
        "Value": score(found.value),
        "95% interval": interval(found.interval),
        "Same answer": percent(found.observed),
        "Tweets": found.items,
    }


def gold(counts: Mapping[str, int], labels: LabelSet) -> pd.DataFrame:
    """Return how many gold labels there are of each label, and their shares."""
    total = sum(counts.values())
    rows = [
        {"Label": labels.name(value), "Gold labels": count, "Share": percent(count / total)}
        for value, count in counts.items()
    ]
    return pd.DataFrame(rows, columns=["Label", "Gold labels", "Share"])


def _share_of_label(arm: Arm, value: str) -> Share:
    """Return the share of a label among an arm's answers, which may all be others."""
    return arm.labels.get(value, share_of(0, arm.answers))


def arms(effect: SuggestionEffect, labels: LabelSet) -> pd.DataFrame:
    """Return answers with and without suggestion side by side, with their difference."""

    def gap(value: float | None, bounds: tuple[float, float] | None) -> str:
        if value is None or bounds is None:
            return "–"
        low, high = (100 * bound for bound in bounds)
        return f"{100 * value:+.1f} ({low:+.1f} to {high:+.1f}) points"

    def seconds(arm: Arm) -> str:
        return "–" if arm.median_seconds is None else f"{arm.median_seconds:.1f} s"

    shown_arm, blind = effect.shown, effect.blind
    rows = [
        ["Answers", f"{shown_arm.answers:,}", f"{blind.answers:,}", ""],
        [
            "Equal to the model",
            share(shown_arm.like_the_model),
            share(blind.like_the_model),
            gap(effect.like_the_model, effect.like_the_model_interval),
        ],
        [
            "Equal to gold",
            share(shown_arm.agreement_with_gold),
            share(blind.agreement_with_gold),
            gap(effect.agreement_with_gold, effect.agreement_with_gold_interval),
        ],
        ["Median time", seconds(shown_arm), seconds(blind), ""],
    ]
    for value in dict.fromkeys([*shown_arm.labels, *blind.labels]):
        pair = [share(_share_of_label(arm, value)) for arm in (shown_arm, blind)]
        rows.append([f"Share of {labels.name(value)}", *pair, ""])
    return pd.DataFrame(rows, columns=["", "Suggestion shown", "Blind", "Difference"])
