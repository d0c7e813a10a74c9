"""Labels as a small table that one fills in: value, name, description, hotkey, colour."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from labeling.templates import NewLabel

# Okabe & Ito's palette: told apart by colour-blind people.
COLORS = {
    "Orange": "#D55E00",
    "Grey": "#8C8C8C",
    "Green": "#009E73",
    "Blue": "#0072B2",
    "Purple": "#CC79A7",
    "Yellow": "#E69F00",
    "Sky": "#56B4E9",
}
COLUMNS = ["value", "name", "description", "hotkey", "color"]


def color_name(color: str) -> str:
    """Return the palette's word for a colour, or the colour as it stands."""
    return next((name for name, code in COLORS.items() if code == color.upper()), color)


def column_config() -> dict[str, Any]:
    """Return how each column of the table is edited."""
    return {
        "value": st.column_config.TextColumn(
            "Value", help="As it stands in files, for example -1", required=True, width=80
        ),
        "name": st.column_config.TextColumn("Name", required=True, width=130),
        "description": st.column_config.TextColumn(
            "Description", help="One sentence; the first model reads it", width=620
        ),
        "hotkey": st.column_config.SelectboxColumn(
            "Key", options=[str(key) for key in range(1, 10)], width=60
        ),
        "color": st.column_config.SelectboxColumn("Colour", options=list(COLORS), width=100),
    }


def draw(key: str) -> list[NewLabel]:
    """Draw an empty table for new labels and return the rows that were filled in."""
    start = pd.DataFrame(
        [["", "", "", str(n + 1), color] for n, color in enumerate(list(COLORS)[:3])],
        columns=COLUMNS,
    )
    edited = st.data_editor(
        start,
        key=key,
        num_rows="dynamic",
        hide_index=True,
        height=212,
        column_config=column_config(),
    )
    return new_labels(edited)


def table(labels: Sequence[NewLabel]) -> pd.DataFrame:
    """Return labels as the table that one edits."""
    rows = [
        [one.value, one.name, one.description, one.hotkey, color_name(one.color)] for one in labels
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def new_labels(table: pd.DataFrame) -> list[NewLabel]:
    """Return one label per row that has a value or a name; checking them is creating's work."""
    labels = []
    for row in table.fillna("").astype(str).to_dict("records"):
        if not row["value"].strip() and not row["name"].strip():
            continue
        labels.append(
            NewLabel(
                value=row["value"].strip(),
                name=row["name"].strip(),
                description=row["description"].strip(),
                hotkey=row["hotkey"],
                color=COLORS.get(row["color"], row["color"] or COLORS["Grey"]),
            )
        )
    return labels
