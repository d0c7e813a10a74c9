"""What to look for among the tweets: words, filters and order. All of it is in the address."""

from typing import Any

import streamlit as st
from sqlalchemy import select

from db.project_settings import SPLITS
from db.schema import Annotator
from db.sessions import reading
from labeling.browsing import SORTS
from labeling.filters import Filter
from labeling.pages.parts import resources
from labeling.pages.parts.label_set import LabelSet

SOURCES = ("imported", "single", "agreement", "adjudicated", "propagated", "auto-accepted")
MARKS: dict[str, dict[str, Any]] = {
    "no gold label": {"labelled": False},
    "gold label": {"labelled": True},
    "reviewed by a person": {"reviewed": True},
    "not reviewed": {"reviewed": False},
    "flagged": {"flagged": True},
    "commented": {"commented": True},
    "skipped": {"skipped": True},
    "people disagree": {"disagreeing": True},
}


def draw(labels: LabelSet) -> tuple[Filter, str]:
    """Draw the search line; return what to look for and the order.

    Raises SearchError for what cannot be looked for.
    """
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    words = row.text_input(
        "Search",
        key="find_words",
        bind="query-params",
        placeholder="Words in the tweet",
        icon=":material/search:",
        label_visibility="collapsed",
    )
    state = row.selectbox(
        "State",
        list(MARKS),
        index=None,
        key="find_state",
        bind="query-params",
        placeholder="Any state",
        label_visibility="collapsed",
        width=190,
    )
    sort = row.selectbox(
        "Order",
        SORTS,
        key="find_sort",
        bind="query-params",
        format_func=lambda name: str(name).replace("_", " "),
        label_visibility="collapsed",
        width=150,
    )
    with row.popover("More filters", icon=":material/filter_list:"):
        more = _more(labels)
    return Filter(text=(words or "").strip(), **(MARKS[state] if state else {}), **more), str(sort)


def _more(labels: LabelSet) -> dict[str, Any]:
    found: dict[str, Any] = {
        "regex": st.toggle(
            "The words are a regular expression", key="find_regex", bind="query-params"
        ),
        "label": _choice("Gold label", labels, "find_label"),
        "suggestion": _choice("Suggestion of the current model", labels, "find_suggestion"),
    }
    low, high = st.slider(
        "Confidence of the suggestion",
        0.0,
        1.0,
        (0.0, 1.0),
        0.05,
        key="find_confidence",
        bind="query-params",
    )
    if (low, high) != (0.0, 1.0):
        found |= {"low": low, "high": high}
    found["source"] = st.selectbox(
        "Source of the gold label", SOURCES, None, key="find_source", bind="query-params"
    )
    found["split"] = st.selectbox("Split", SPLITS, None, key="find_split", bind="query-params")
    with reading(resources.engine()) as session:
        query = select(Annotator.id, Annotator.name).order_by(Annotator.name)
        people = {row.name: row.id for row in session.execute(query)}
    person = st.selectbox("Answered by", list(people), None, key="find_person", bind="query-params")
    found["annotator_id"] = None if person is None else people[person]
    size = st.number_input(
        "Duplicate group of at least", 1, 1_000_000, 1, key="find_group_size", bind="query-params"
    )
    found["group_size"] = size if size > 1 else None
    return found


def _choice(title: str, labels: LabelSet, key: str) -> str | None:
    values = [label.value for label in labels.labels]
    chosen = st.selectbox(
        title, values, None, key=key, format_func=labels.name, bind="query-params"
    )
    return None if chosen is None else str(chosen)
