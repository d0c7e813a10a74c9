"""Export: what will be in the file, then the file."""

import streamlit as st

from db import projects
from db.sessions import reading
from labeling import status, work
from labeling.pages.parts import context, errors, jobs, resources
from labeling.pages.parts.wording import FORMATS, counted, moment

ROWS = {
    "gold": "Gold labels",
    "predicted": "Predictions",
    "all": "All tweets",
}
TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}


def main() -> None:
    """Draw the page."""
    page = context.current()
    st.title("Export")
    with reading(resources.engine()) as session:
        state = status.status(
            projects.get_project(page.project_name, session=session), session=session
        )
    gold = sum(state.gold.values())
    counts = {"gold": gold, "predicted": None, "all": state.tweets}
    first_line = st.empty()
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    rows = row.segmented_control(
        "Rows",
        list(ROWS),
        default="gold",
        required=True,
        format_func=lambda key: ROWS[key],
        key="export_rows",
    )
    format_ = row.segmented_control(
        "Format",
        list(TYPES),
        default="csv",
        required=True,
        format_func=lambda key: FORMATS[key],
        key="export_format",
    )
    raw = st.toggle(
        "Raw text",
        key="export_raw",
        help="Without it, a text that a spreadsheet would run as a formula gets an apostrophe in "
        "front; bringing the file in again takes it away.",
    )
    first_line.text(_what(counts[rows], rows, state.gold))
    allowed = page.may("export")
    if not allowed:
        st.info("Exporting takes an admin.", icon=":material/lock:")
    if st.button(
        "Write the file", type="primary", icon=":material/download:", disabled=not allowed
    ):
        with errors.shown():
            page.require("export")
            work.submit_export(
                resources.engine(),
                resources.settings(),
                page.project_id,
                work.ExportChoice(format_, rows, raw),
                annotator_id=page.annotator_id,
            )
    _result(page)


def _what(count: int | None, rows: str, gold: dict[str, int]) -> str:
    sources = ", ".join(f"{number:,} {source}" for source, number in gold.items() if number)
    labelled = f"gold labels: {sources or 'none yet'}"
    if rows == "gold":
        return f"The file will have {counted(count or 0, 'row')} ({labelled})."
    if rows == "predicted":
        return (
            "A row per tweet that has a prediction and no gold label yet; its label is left blank."
        )
    return f"The file will have {counted(count or 0, 'row')}, labelled or not ({labelled})."


def _result(page: context.PageContext) -> None:
    newest = jobs.newest(page.project_id, "export")
    if newest is None or not page.may("export"):
        return
    st.subheader("Last export")
    with errors.shown():
        done = jobs.watch(newest.id)
        if done.state != "succeeded":
            return
        path = work.exported_file(
            newest.id,
            engine=resources.engine(),
            settings=resources.settings(),
            annotator_id=page.annotator_id,
        )
        if path is None:
            st.caption("The file of the last export is not kept any more; write it again.")
            return
        format_ = str(done.params.get("format", "csv"))
        st.text(_outcome(done))
        st.download_button(
            "Download",
            data=path.read_bytes,
            file_name=f"{page.project_name}-{done.params.get('rows', 'gold')}.{format_}",
            mime=TYPES[format_],
            on_click="ignore",
            icon=":material/download:",
            type="primary",
        )


def _outcome(done: jobs.JobView) -> str:
    """Say what an export holds: "All tweets, CSV, 1,511 rows, 30 Nov 2026, 18:09"."""
    chosen = done.params
    parts = [ROWS[chosen.get("rows", "gold")], FORMATS[chosen.get("format", "csv")]]
    parts += ["raw text"] if chosen.get("raw") else []
    parts += [counted(int(done.result["rows"]), "row"), moment(done.finished_at)]
    return ", ".join(parts)


main()
