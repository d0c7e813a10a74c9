"""The audit log on the settings page: filters, a table, a file."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from db.schema import Annotator
from db.sessions import reading
from labeling import audit_log, people
from labeling.pages.parts import resources, tables
from labeling.pages.parts.context import PageContext
from labeling.pages.parts.plain import shorten
from labeling.pages.parts.wording import counted, time_zone

NOBODY = "the app or the command line"


def draw(page: PageContext) -> None:
    """Draw who did what, newest first."""
    if not page.may("see_audit"):
        st.info("The log is for admins.", icon=":material/lock:")
        return
    wish = _wish()
    with reading(resources.engine()) as session:
        viewer = session.get_one(Annotator, page.annotator_id)
        found = audit_log.entries(wish, viewer, session=session)
    st.text(
        f"The newest {len(found):,} entries; the file has all."
        if len(found) == audit_log.LIMIT
        else f"{counted(len(found), 'entry', 'entries')}."
    )
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Time": one.time,
                    "Person": one.person or NOBODY,
                    "Act": one.action,
                    "On": one.subject,
                    "Project": one.project or "",
                    "What": shorten(in_words(one.detail), 300),
                }
                for one in found
            ],
            columns=["Time", "Person", "Act", "On", "Project", "What"],
        ),
        hide_index=True,
        height=tables.height(len(found), 12),
        column_config=tables.columns(moments=["Time"]),
    )
    st.download_button(
        "Download as CSV",
        data=lambda: _file(page.annotator_id, wish),
        file_name="audit-log.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        disabled=not found,
    )


def in_words(detail: Any) -> str:
    """Say the facts of an entry in one line, without the brackets of JSON."""
    if isinstance(detail, dict):
        return ", ".join(
            f"{name.replace('_', ' ')} {in_words(value)}"
            for name, value in detail.items()
            if value is not None and value != "" and value != [] and value != {}
        )
    if isinstance(detail, list):
        if all(isinstance(one, dict) and "name" in one for one in detail):
            return " · ".join(str(one["name"]) for one in detail)
        return "; ".join(map(in_words, detail))
    if isinstance(detail, bool):
        return "yes" if detail else "no"
    return " ".join(str(detail).split())


def _file(annotator_id: int, wish: audit_log.LogWish) -> str:
    with reading(resources.engine()) as session:
        viewer = session.get_one(Annotator, annotator_id)
        return audit_log.write_csv(wish, viewer, session=session)


def _wish() -> audit_log.LogWish:
    with reading(resources.engine()) as session:
        kinds = list(audit_log.actions(session=session))
        names = {one.id: one.name for one in people.list_people(session=session)}
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    kind = row.selectbox(
        "Act", kinds, index=None, key="settings_log_kind", placeholder="All", width=220
    )
    person = row.selectbox(
        "Person",
        [*names, 0],
        index=None,
        format_func=lambda number: names.get(number, NOBODY),
        key="settings_log_person",
        placeholder="Everybody",
        width=260,
    )
    first = row.date_input("From", None, key="settings_log_from", width=150)
    last = row.date_input("To", None, key="settings_log_to", width=150)
    return audit_log.LogWish(
        action=kind,
        annotator_id=person,
        since=_begin_of(first) if first else None,
        until=_begin_of(last + timedelta(days=1)) if last else None,
    )


def _begin_of(day: date) -> datetime:
    """Return when a day begins in the zone whose times the table shows."""
    return datetime.combine(day, time(), ZoneInfo(time_zone() or "UTC")).astimezone(UTC)
