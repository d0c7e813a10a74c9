"""Take the labelled corpus away: one consistent read, streamed, whole or not at all."""

import csv
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Engine

from db.errors import OutputRefused
from db.outputs import output_file
from db.projects import get_project
from db.schema import AuditEntry, Project
from db.sessions import reading, writing
from labeling.columns import FORMAT, MARKER, PROVENANCE, RAW_FORMAT
from labeling.errors import ExportError
from labeling.export_rows import ROWS, ExportRow, Selection
from labeling.formula import escape, escape_value
from labeling.permissions import allow
from trainer.errors import Cancelled

FORMATS = ("csv", "jsonl")
# Columns of text that people or files wrote. Labels, ids, numbers and times are never escaped.
_PROSE = frozenset({"label_name", "annotators", "comment"})
_TEMPLATE_FREE = {
    "text": "text",
    "id": "id",
    "label": "label",
    "header": ["label", "text", "id"],
}
_CHECK_EVERY = 1_000


@dataclass(frozen=True)
class ExportReport:
    """What was written, and where."""

    rows: int
    path: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def export(
    path: Path,
    *,
    engine: Engine,
    project_name: str,
    format: str = "csv",
    rows: str = "gold",
    raw: bool = False,
    on_progress: Callable[[int, int], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
    annotator_id: int | None = None,
) -> ExportReport:
    """Write a project's rows to `path`, which appears complete or stays as it was.

    rows: "gold" (tweets with a gold label), "predicted" (no gold label, but a prediction of the
    current model) or "all". raw: leave texts that a spreadsheet would run as formulas as they
    are (CSV only; JSON lines never change a text). on_progress(rows done, rows in all).
    Raises ExportError, PermissionRefused, NotFoundError, or Cancelled when `should_stop` said so.
    """
    if format not in FORMATS:
        raise ExportError(f"the format is {format!r}; choose one of {', '.join(FORMATS)}")
    if rows not in ROWS:
        raise ExportError(f"the rows are {rows!r}; choose one of {', '.join(ROWS)}")
    try:
        target = output_file(path, engine.url.render_as_string(hide_password=False))
    except OutputRefused as error:
        raise ExportError(str(error)) from error
    with reading(engine) as session:
        allow(annotator_id, "export", session=session)
        project = get_project(project_name, session=session)
        project_id = project.id
        selection = Selection(project, rows, session=session)
        total, count = selection.count(), 0
        with _replacing(target) as stream:
            write = _csv_writer if format == "csv" else _jsonl_writer
            put = write(stream, _source_columns(project), raw=raw)
            for row in selection.stream():
                put(row)
                count += 1
                if count % _CHECK_EVERY == 0:
                    if should_stop is not None and should_stop():
                        raise Cancelled(f"stopped after {count:,} of {total:,} rows")
                    if on_progress is not None:
                        on_progress(count, total)
    if on_progress is not None:
        on_progress(total, total)
    detail = {"rows": count, "which": rows, "format": format, "raw": raw}
    name = path.name.encode(errors="replace").decode()
    _audit(engine, project_id, name, detail, annotator_id)
    return ExportReport(count, str(path))


def _audit(
    engine: Engine, project_id: int, subject: str, detail: dict[str, Any], annotator_id: int | None
) -> None:
    with writing(engine) as session:
        session.add(
            AuditEntry(
                project_id=project_id,
                annotator_id=annotator_id,
                action="export",
                subject=subject,
                detail=detail,
            )
        )


def _source_columns(project: Project) -> dict[str, Any]:
    return project.source_columns or _TEMPLATE_FREE


_Put = Callable[[ExportRow], object]


def _csv_writer(stream: TextIO, columns: dict[str, Any], *, raw: bool) -> _Put:
    text, id, label = (columns[role] for role in ("text", "id", "label"))
    writer = csv.writer(_UnixLines(stream), lineterminator="\r\n")
    writer.writerow([*map(escape_value, columns["header"]), *PROVENANCE])
    prose = (lambda value: value) if raw else escape
    mixed = (lambda value: value) if raw else escape_value
    marker = RAW_FORMAT if raw else FORMAT

    def put(row: ExportRow) -> None:
        cells = []
        for name in columns["header"]:
            if name == text:
                cells.append(prose(row.text))
            elif name == id:
                cells.append(row.external_id)
            elif name == label:
                cells.append(row.label or "")
            else:
                cells.append(mixed(str(row.extra.get(name, ""))))
        facts = {**row.provenance, MARKER: marker}
        for name in PROVENANCE:
            value = _cell(facts[name])
            cells.append(prose(value) if name in _PROSE else value)
        writer.writerow(cells)

    return put


def _jsonl_writer(stream: TextIO, columns: dict[str, Any], *, raw: bool) -> _Put:
    text, id, label = (columns[role] for role in ("text", "id", "label"))
    known = {text: "text", id: "external_id", label: "label"}

    def put(row: ExportRow) -> None:
        entry = {
            name: getattr(row, known[name]) if name in known else row.extra.get(name)
            for name in columns["header"]
        }
        entry.update(row.provenance)
        entry[MARKER] = RAW_FORMAT  # texts are as they are
        stream.write(json.dumps(entry, ensure_ascii=False) + "\n")

    return put


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "; ".join(value)
    return str(value)


class _UnixLines:
    """Ends rows in LF. The csv module quotes a text's CR only if the row's end has one too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> int:
        return self._stream.write(line[:-2] + "\n")


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Open a hidden file beside `path` that takes its place only once it is whole on the disk."""
    if not path.parent.is_dir():
        raise ExportError(f"the directory {path.parent} does not exist; make it first")
    hidden = path.parent / f".{uuid.uuid4().hex}.part"
    try:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(hidden, flags, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        hidden.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise ExportError(
            f"{path} could not be written: {error.strerror or error}; nothing was replaced"
        ) from error
    finally:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
