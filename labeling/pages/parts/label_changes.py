"""Merging labels, and what was done to the labels so far, with a way back."""

import streamlit as st

from db import projects
from db.schema import Annotator
from db.sessions import reading, writing
from labeling import label_changes, merging
from labeling.pages.parts import context, errors, notice, resources
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import counted, moment

SHOWN = 8


def draw(page: context.PageContext, labels: LabelSet, *, version: int, pending: bool) -> None:
    """Draw the merging of labels and the list of changes.

    version: counts what was done to the labels here; what is chosen is forgotten with each.
    pending: the table above holds edits that are not saved, which a change made here would lose.
    """
    if pending:
        st.caption(
            "The table above has changes that are not saved. Save them first, or reload the page "
            "to drop them; then labels can be merged and changes taken back."
        )
    allowed = page.may("edit_labels") and not pending
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Merge two labels")
        _merge(page, labels, place=f"{page.project_id}_{version}", allowed=allowed)
    with right:
        st.subheader("Changes")
        _changes(page, allowed=allowed)


def _merge(page: context.PageContext, labels: LabelSet, *, place: str, allowed: bool) -> None:
    for label in labels.labels:
        if label.merged_into is not None:
            st.text(f"{labels.name(label.value)} counts for {labels.name(label.merged_into)}.")
    values = [label.value for label in labels.labels if label.merged_into is None]
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    value = row.selectbox(
        "Answers of",
        values,
        None,
        format_func=labels.name,
        key=f"settings_merge_{place}",
        width=170,
    )
    others = [one for one in labels.values if one != value]
    into = row.selectbox(
        "count for",
        others,
        None,
        format_func=labels.name,
        key=f"settings_merge_into_{place}",
        width=170,
    )
    ready = allowed and value is not None and into is not None
    if row.button("Merge", disabled=not ready):
        with errors.shown():
            with writing(resources.engine()) as session:
                project = projects.get_project(page.project_name, session=session)
                person = session.get_one(Annotator, page.annotator_id)
                changed = merging.merge_label(
                    project, str(value), str(into), person, session=session
                )
            _done(
                f"{labels.name(value)} counts for {labels.name(into)}: "
                f"{counted(changed, 'gold label')} changed."
            )
    st.caption(
        "What people said is kept under the label that they chose, so that this can be taken back."
    )


def _changes(page: context.PageContext, *, allowed: bool) -> None:
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        found = label_changes.label_changes(project, session=session, limit=SHOWN)
    if not found:
        st.caption("None yet.")
    for change in found:
        row = st.container(horizontal=True, vertical_alignment="center", gap="small")
        with row.container(gap=None):
            st.text(change.words)
            st.caption(plain(f"{change.person} · {moment(change.at)}"))
        if change.newest and row.button(
            "Take back",
            type="tertiary",
            icon=":material/undo:",
            disabled=not allowed,
        ):
            with errors.shown():
                with writing(resources.engine()) as session:
                    project = projects.get_project(page.project_name, session=session)
                    person = session.get_one(Annotator, page.annotator_id)
                    label_changes.take_back_change(
                        project, change.entry_id, person, session=session
                    )
                _done("Taken back.")


def _done(message: str) -> None:
    version = st.session_state.get("settings_labels_version", 0)
    st.session_state["settings_labels_version"] = version + 1
    notice.leave(message)
    st.rerun()
