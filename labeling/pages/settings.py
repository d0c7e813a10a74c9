"""Settings: labels, guidelines, people, defaults. Each has its own save."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from db import projects
from db.project_settings import GATES, QUEUE_ORDERS, ProjectSettings
from db.sessions import reading, writing
from labeling import creating, people, permissions
from labeling.pages.parts import (
    audit_table,
    context,
    drawn,
    errors,
    example_list,
    expertise,
    focusing,
    label_changes,
    label_editor,
    label_set,
    notice,
    resources,
    tables,
)
from trainer.config import BUNDLED_BASE_MODEL
from trainer.errors import BaseModelError
from trainer.hub import HUB_NAME

SHARES = {
    "validation_share": ("Validation share", 0.01, 0.4, "Of groups brought in from now on"),
    "test_share": ("Test share", 0.01, 0.4, "Of groups brought in from now on"),
    "random_share": ("Random share of the queue", 0.0, 1.0, "Keeps the sample honest"),
    "blind_share": ("Blind share of the queue", 0.0, 1.0, "Asked without a suggestion"),
    "repeat_share": ("Hidden repeats", 0.0, 1.0, "Of one's own answers, for consistency"),
}
COUNTS = {
    "overlap": ("People per tweet", 1, 20, "How many different people answer each tweet"),
    "lease_seconds": ("Claim (seconds)", 30, 86_400, "How long a tweet is kept for one person"),
    "daily_goal": ("Goal of a day", 1, 100_000, "Answers of one person"),
    "auto_probe_every": ("Retrain after", 1, 100_000, "New answers before the probe trains again"),
}
SWITCHES = {
    "show_suggestions": "Show suggestions",
    "propagate": "An answer counts for its duplicate group",
    "auto_probe": "Retrain the probe by itself",
    "hide_names": "Hide names from reviewers until they have decided",
}
PROMOTIONS = {
    "automatic": "Promote if better and no label worse, else ask",
    "ask": "Always ask",
    "never": "Never by itself",
}
PARTS = ["Labels", "Guidelines", "People", "Defaults", "Log"]


def main() -> None:
    """Draw the page."""
    page = context.current()
    st.title("Settings")
    notice.show()
    if not page.may("edit_settings"):
        st.info("Only an admin can change settings.", icon=":material/lock:")
    part = st.segmented_control(
        "Part",
        PARTS,
        default=PARTS[0],
        required=True,
        key="settings_part",
        bind="query-params",
        label_visibility="collapsed",
    )
    draw = {
        "Labels": _labels,
        "Guidelines": _guidelines,
        "People": _people,
        "Defaults": _defaults,
        "Log": audit_table.draw,
    }
    draw[part](page)


def _labels(page: context.PageContext) -> None:
    labels = label_set.load(page.project_id)
    st.caption(
        "The value is how a label stands in files; changing a value makes a new label. A label "
        "that is taken away is retired: its answers stay. Give one its old value to bring it back."
    )
    version = st.session_state.setdefault("settings_labels_version", 0)
    key = f"settings_labels_{page.project_id}_{version}"
    pending = drawn.edited(key)
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        stored = creating.active_labels(project, session=session)
    shown = drawn.drawn_from(key, stored, pending=pending)
    edited = st.data_editor(
        label_editor.table(shown),
        key=key,
        num_rows="dynamic",
        hide_index=True,
        height=tables.height(7),
        column_config=label_editor.column_config(),
        disabled=not page.may("edit_settings"),
    )
    retired = [
        f"{one.name} ({one.value})"
        for one in labels.labels
        if not one.active and one.merged_into is None
    ]
    if retired:
        st.text(f"Retired: {', '.join(retired)}")
    if st.button("Save labels", type="primary", disabled=not page.may("edit_settings")):
        with errors.shown():
            page.require("edit_labels")
            with writing(resources.engine()) as session:
                project = projects.get_project(page.project_name, session=session)
                creating.edit_labels(
                    project,
                    label_editor.new_labels(edited),
                    shown=shown,
                    session=session,
                    annotator_id=page.annotator_id,
                )
            st.session_state["settings_labels_version"] = version + 1
            _saved("Labels saved.")
    label_changes.draw(page, labels, version=version, pending=pending)


def _guidelines(page: context.PageContext) -> None:
    with reading(resources.engine()) as session:
        stored = projects.get_project(page.project_name, session=session).guidelines
    key = f"settings_guidelines_{page.project_id}"
    typed = st.session_state.get(key)
    pending = typed not in (None, stored, st.session_state.get(f"{key}_drawn"))
    shown = drawn.drawn_from(key, stored, pending=pending)
    if not pending and typed != stored:
        st.session_state[key] = stored
    left, right = st.columns(2, gap="large")
    with left:
        text = st.text_area(
            "Guidelines (Markdown)",
            height=420,
            key=key,
            disabled=not page.may("edit_settings"),
        )
        if st.button("Save guidelines", type="primary", disabled=not page.may("edit_settings")):
            with errors.shown():
                page.require("edit_guidelines")
                with writing(resources.engine()) as session:
                    project = projects.get_project(page.project_name, session=session)
                    creating.set_guidelines(
                        project,
                        text,
                        shown=shown,
                        session=session,
                        annotator_id=page.annotator_id,
                    )
                _saved("Guidelines saved.")
    with right:
        st.caption("As people will read them")
        with st.container(border=True):
            st.markdown(text or "No guidelines yet.")
            example_list.draw(page, editable=True)


def _people(page: context.PageContext) -> None:
    with reading(resources.engine()) as session:
        stored = people.list_people(session=session)
    version = st.session_state.setdefault("settings_people_version", 0)
    key = f"settings_people_{version}"
    shown = drawn.drawn_from(key, stored, pending=drawn.edited(key))
    st.caption(
        "Annotators label, reviewers also decide disagreements, admins also change settings."
    )
    edited = st.data_editor(
        pd.DataFrame([asdict(one) for one in shown]),
        key=key,
        hide_index=True,
        height=tables.height(len(shown), 12),
        width=560,
        column_order=["name", "role", "active"],
        column_config={
            "name": st.column_config.TextColumn("Name", disabled=True),
            "role": st.column_config.SelectboxColumn(
                "Role", options=permissions.ROLES, required=True
            ),
            "active": st.column_config.CheckboxColumn("Active"),
        },
        disabled=not page.may("edit_settings"),
    )
    if st.button("Save people", type="primary", disabled=not page.may("edit_settings")):
        with errors.shown():
            page.require("manage_people")
            with writing(resources.engine()) as session:
                wanted = [
                    people.Person(*row)
                    for row in edited[["id", "name", "role", "active"]].to_numpy().tolist()
                ]
                people.update_people(
                    wanted, shown=shown, session=session, annotator_id=page.annotator_id
                )
            st.session_state["settings_people_version"] = version + 1
            _saved("People saved.")


def _defaults(page: context.PageContext) -> None:
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        stored = projects.settings_of(project)
    version = st.session_state.setdefault("settings_defaults_version", 0)
    place = f"{page.project_id}_{version}"  # the fields of another project are other fields
    # What is typed into a form is not known before it is sent.
    pending = f"settings_queue_order_{place}" in st.session_state
    shown = drawn.drawn_from(f"settings_defaults_{place}", stored, pending=pending)
    with st.form(f"settings_defaults_{place}", border=False):
        wanted = _default_fields(shown, place)
        wanted["expertise"] = expertise.fields(shown, page.project_id, place)
        if st.form_submit_button(
            "Save defaults", type="primary", disabled=not page.may("edit_settings")
        ):
            with errors.shown():
                page.require("edit_settings")
                if wanted["base_model"] != shown.base_model:
                    _check_base_model(wanted["base_model"])
                with writing(resources.engine()) as session:
                    project = projects.get_project(page.project_name, session=session)
                    creating.update_settings(
                        project,
                        wanted,
                        shown=shown,
                        session=session,
                        annotator_id=page.annotator_id,
                    )
                st.session_state["settings_defaults_version"] = version + 1
                _saved("Defaults saved.")
    st.text(f"Data directory: {resources.settings().data}")


def _default_fields(stored: ProjectSettings, place: str) -> dict[str, Any]:
    """Draw a field for each setting but expertise; return what they hold."""
    values = stored.to_json()
    found: dict[str, Any] = {}
    queue, team, models = st.columns(3, gap="large")
    with queue:
        st.subheader("Queue")
        found["queue_order"] = st.selectbox(
            "Order",
            QUEUE_ORDERS,
            QUEUE_ORDERS.index(stored.queue_order),
            format_func=lambda name: focusing.ORDERS[str(name)],
            key=f"settings_queue_order_{place}",
        )
        for name in ("random_share", "blind_share", "repeat_share"):
            found[name] = _share(name, values, place)
        for name in ("show_suggestions", "propagate"):
            found[name] = _switch(name, values, place)
    with team:
        st.subheader("People")
        for name in ("overlap", "lease_seconds", "daily_goal"):
            found[name] = _count(name, values, place)
        found["hide_names"] = _switch("hide_names", values, place)
    with models:
        st.subheader("Models")
        found["base_model"] = st.text_input(
            "Base model", stored.base_model, key=f"settings_base_model_{place}"
        ).strip()
        for column, name in zip(st.columns(2), ("validation_share", "test_share"), strict=True):
            with column:
                found[name] = _share(name, values, place)
        found["gate"] = st.selectbox(
            "When a training ends",
            GATES,
            GATES.index(stored.gate),
            format_func=lambda name: PROMOTIONS[name],
            key=f"settings_gate_{place}",
            help="Better: macro-F1 on the test split rises, and no label's recall falls beyond its "
            "95% interval. Without test labels people decide. The first version is put in use.",
        )
        found["auto_probe_every"] = _count("auto_probe_every", values, place)
        found["auto_probe"] = _switch("auto_probe", values, place)
    return found


def _check_base_model(name: str) -> None:
    """Raise BaseModelError for what can be no base model; whether a hub has it is not asked."""
    known = name == BUNDLED_BASE_MODEL or (name != "" and Path(name).is_dir())
    if not known and not HUB_NAME.fullmatch(name):
        raise BaseModelError(
            f"base model {name!r} is neither a directory here nor a hub name; use "
            f"{BUNDLED_BASE_MODEL}, an existing directory, or a name like bert-base-uncased"
        )


def _share(name: str, values: dict[str, Any], place: str) -> float:
    words, low, high, hint = SHARES[name]
    key = f"settings_{name}_{place}"
    return st.number_input(words, low, high, float(values[name]), 0.01, help=hint, key=key)


def _count(name: str, values: dict[str, Any], place: str) -> int:
    words, low, high, hint = COUNTS[name]
    key = f"settings_{name}_{place}"
    return int(st.number_input(words, low, high, values[name], help=hint, key=key))


def _switch(name: str, values: dict[str, Any], place: str) -> bool:
    return st.toggle(SWITCHES[name], values[name], key=f"settings_{name}_{place}")


def _saved(message: str) -> None:
    notice.leave(message)
    st.rerun()


main()
