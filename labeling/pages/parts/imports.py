"""What was brought in: the newest import's outcome, all files, and their rejects."""

import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st
from sqlalchemy import select

from db.schema import ImportBatch
from db.sessions import reading
from labeling import rejects
from labeling.pages.parts import context, errors, jobs, resources, session_keys, tables
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import agreed, counted


def newest(page: context.PageContext) -> bool:
    """Draw the newest import, live while it runs; return whether it is open."""
    job = jobs.newest(page.project_id, "import")
    if job is None:
        return False
    if job.open:
        st.session_state[session_keys.WATCHED_IMPORT] = job.id
    with errors.shown():
        job = jobs.watch(job.id)
    return job.open


def watched(page: context.PageContext) -> bool:
    """Tell whether the newest import was seen running here, so that its outcome is awaited."""
    seen = st.session_state.get(session_keys.WATCHED_IMPORT)
    if seen is None:
        return False
    job = jobs.newest(page.project_id, "import")
    return job is not None and job.id == seen


def outcome(page: context.PageContext) -> None:
    """Draw the counts of the newest import and offer its rejects."""
    job = jobs.newest(page.project_id, "import")
    if job is None or job.state != "succeeded":
        return
    result = job.result
    name = job.params.get("file_name", "the file")
    st.text(
        f"{name}: {counted(result['rows'], 'row')}, {result['accepted']:,} brought in "
        f"as {counted(result['groups'], 'new duplicate group')}, "
        f"{result['duplicates']:,} already here, {result['rejected']:,} rejected."
    )
    if result.get("merged"):
        st.text(
            f"{counted(result['merged'], 'tweet')} with a merged label "
            f"{agreed(result['merged'], 'counts', 'count')} for the label that it was merged into."
        )
    if result.get("rounded_ids"):
        said = (
            f"{counted(result['rounded_ids'], 'id')} "
            f"{agreed(result['rounded_ids'], 'looks', 'look')} as if rounded by a spreadsheet. "
            "Compare with the original."
        )
        st.warning(plain(said), icon=":material/info:")
    if result["rejected"]:
        _offer_rejects(int(result["batch_id"]), result["rejected"], place="outcome")


def _offer_rejects(batch_id: int, count: int, *, place: str) -> None:
    """Draw the button that downloads the rows that an import refused; one a place on the page."""
    st.download_button(
        f"Download {counted(count, 'reject')}",
        data=lambda: _rejects(batch_id),
        file_name=f"rejects-{batch_id}.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        key=f"rejects_{place}_{batch_id}",
    )


def _rejects(batch_id: int) -> bytes:
    with tempfile.TemporaryDirectory() as folder, reading(resources.engine()) as session:
        path = Path(folder) / "rejects.csv"
        rejects.write_rejects(path, batch_id, session=session)
        return path.read_bytes()


def files(page: context.PageContext) -> None:
    """Draw all files that were brought in, newest first."""
    with reading(resources.engine()) as session:
        query = select(ImportBatch).where(ImportBatch.project_id == page.project_id)
        batches = session.scalars(query.order_by(ImportBatch.id.desc()).limit(100)).all()
        rows = [
            {
                "File": one.file_name,
                "State": one.state,
                "Rows": one.rows,
                "Brought in": one.accepted,
                "Already here": one.duplicates,
                "Rejected": one.rejected,
                "When": one.created_at,
            }
            for one in batches
        ]
        rejected = [(one.id, one.file_name, one.rejected) for one in batches if one.rejected]
    if not rows:
        return
    st.subheader("Files")
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows), 5),
        column_config=tables.columns(
            numbers=["Rows", "Brought in", "Already here", "Rejected"], moments=["When"]
        ),
    )
    if rejected:
        chosen = st.selectbox(
            "Rejects of",
            rejected,
            format_func=lambda one: f"{one[1]} ({counted(one[2], 'row')})",
            key="data_rejects",
            width=420,
        )
        _offer_rejects(chosen[0], chosen[2], place="files")
