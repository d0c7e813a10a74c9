"""A file on its way in: kept under a name made here, previewed, and handed to an import job."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import streamlit as st

from db import projects
from db.sessions import reading
from labeling import importing, work
from labeling.columns import ColumnChoice
from labeling.decoding import ENCODINGS
from labeling.errors import ImportRefused
from labeling.pages.parts import context, errors, resources, session_keys, tables
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import FORMATS, counted

NO_LABEL = "no label column"


def draw(page: context.PageContext) -> None:
    """Draw the upload, the preview and the button that starts the import."""
    if not page.may("import"):
        st.info("Bringing files in takes an admin.", icon=":material/lock:")
        return
    # Of any type: a spreadsheet is refused by our own sentence, which says what to do.
    file = st.file_uploader("CSV file with a header line, or JSON lines", key=session_keys.UPLOAD)
    if file is None:
        return
    saved = st.session_state.get(session_keys.UPLOAD_SAVED)
    if saved is None or saved["file_id"] != file.file_id:
        kept: list[Path] = []
        with errors.shown():
            kept.append(keep(file))
        if not kept:
            return
        path = kept[0]
        saved = {"file_id": file.file_id, "path": str(path), "name": file.name}
        st.session_state[session_keys.UPLOAD_SAVED] = saved
    with errors.shown():
        _preview(page, Path(saved["path"]), saved["name"])


def keep(file: BinaryIO) -> Path:
    """Copy a file into the uploads, under a name made here; return its path.

    Raises ImportRefused, with nothing kept, for a file over the server's limit.
    """
    folder = resources.settings().uploads
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / uuid.uuid4().hex
    limit = int(st.get_option("server.maxUploadSize")) << 20
    left = limit
    with path.open("wb") as out:
        while part := file.read(min(1 << 20, left + 1)):
            left -= len(part)
            if left < 0:
                out.close()
                path.unlink()
                raise ImportRefused(
                    f"the file is larger than {limit >> 20:,} MB; cut it in parts, or bring it in "
                    "on the server: python -m labeling import FILE --project P"
                )
            out.write(part)
    return path


@st.cache_data(max_entries=16, show_spinner="Reading the file", scope="session")
def _look(path: str, encoding: str | None, known: dict[str, Any]) -> importing.Preview:
    return importing.preview(Path(path), encoding=encoding, known=known)


def _preview(page: context.PageContext, path: Path, name: str) -> None:
    with reading(resources.engine()) as session:
        known = projects.get_project(page.project_name, session=session).source_columns
    key = f"data_encoding_{path.name}"
    encoding = st.session_state.get(key)
    seen = _look(str(path), encoding, known)
    for problem in seen.problems:
        errors.show(problem)
    if seen.asks_encoding or encoding:  # one that was chosen stays chosen while it is drawn
        st.selectbox(
            "Encoding of the file",
            ENCODINGS,
            index=None,
            key=key,
            placeholder="UTF-8; choose another one if you know it",
        )
    if seen.problems:
        return
    st.caption(
        plain(
            f"First rows of {name}: {counted(seen.records, 'row')}, "
            f"read as {FORMATS[seen.format]} in {seen.encoding}"
        )
    )
    st.dataframe(
        pd.DataFrame(seen.rows, columns=_distinct(seen.header)),
        hide_index=True,
        height=tables.height(5),
    )
    columns = _columns(path.name, seen.header, seen.guessed)
    st.text(_what_will_happen(columns))
    if st.button(
        f"Bring in {counted(seen.records, 'row')}", type="primary", icon=":material/upload:"
    ):
        columns.check(seen.header)
        _start(page, path, name, columns, encoding or None)


def _what_will_happen(columns: ColumnChoice) -> str:
    labels = (
        f"labels in {columns.label!r} become gold labels (source: imported)"
        if columns.label
        else "no labels are taken"
    )
    return (
        f"Tweets come from {columns.text!r}, ids from {columns.id!r}; {labels}. "
        "Ids that are here already are skipped. Rows that cannot be used are kept as rejects."
    )


def _distinct(header: Sequence[str]) -> list[str]:
    return [name if name else f"column {place}" for place, name in enumerate(header, 1)]


def _columns(file: str, header: Sequence[str], guessed: dict[str, str | None]) -> ColumnChoice:
    """Ask which column is what. file: its name among the uploads; the next one is asked anew."""
    text, identity, label = st.columns(3)
    names = list(header)

    def place(value: str | None) -> int | None:
        return names.index(value) if value in names else None

    chosen_text = text.selectbox(
        "Tweet's text", names, place(guessed["text"]), key=f"data_text_{file}"
    )
    chosen_id = identity.selectbox("Tweet's id", names, place(guessed["id"]), key=f"data_id_{file}")
    options = [NO_LABEL, *names]
    chosen_label = label.selectbox(
        "Label",
        options,
        0 if (found := place(guessed["label"])) is None else found + 1,
        key=f"data_label_{file}",
    )
    if chosen_text is None or chosen_id is None:
        raise ImportRefused("choose the columns that hold the text and the id of each tweet")
    return ColumnChoice(chosen_text, chosen_id, None if chosen_label == NO_LABEL else chosen_label)


def _start(
    page: context.PageContext, path: Path, name: str, columns: ColumnChoice, encoding: str | None
) -> None:
    page.require("import")
    submit(page.project_id, work.Upload(path, name, columns, encoding), page.annotator_id)
    st.session_state.pop(session_keys.UPLOAD_SAVED, None)
    st.rerun()


def submit(project_id: int, file: work.Upload, annotator_id: int) -> int:
    """Put the import of a kept file in the queue and return the job's number."""
    return work.submit_import(
        resources.engine(), resources.settings(), project_id, file, annotator_id=annotator_id
    )
