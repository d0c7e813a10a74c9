"""Imports, exports and orders of the queue as jobs of their own: `python -m labeling.job ID`."""

import sys
import uuid
from pathlib import Path
from typing import Any

from db.log_lines import log_to_stderr
from db.schema import Project
from db.sessions import reading
from labeling.columns import ColumnChoice
from labeling.errors import ImportRefused, LabelingError
from labeling.exporting import export
from labeling.importing import import_file
from labeling.ordering import work_out
from labeling.prelabel import ensure_classifier
from trainer.job import JobContext, run_job


def import_handler(context: JobContext) -> dict[str, Any]:
    """Bring an uploaded file in.

    params: path (relative to the data directory), file_name (the uploader's name for it),
    columns ({"text", "id", "label"}), encoding or None, annotator_id or None.
    Returns the import's report. A resumed job goes on behind the last chunk that was committed.
    Then it forgets the upload and sees that there is a classifier, so that nobody has to keep a
    page open for that.
    """
    params = context.params
    columns = params.get("columns")
    path = _inside(context.settings.data, params["path"])
    report = import_file(
        path,
        engine=context.engine,
        project_name=_project_name(context),
        columns=ColumnChoice(**columns) if columns else None,
        file_name=params.get("file_name"),
        on_progress=lambda done, total: context.progress(done, total, "bringing tweets in"),
        should_stop=context.should_stop,
        annotator_id=params.get("annotator_id"),
        encoding=params.get("encoding"),
    )
    if path.parent == context.settings.uploads.resolve():
        path.unlink(missing_ok=True)
    ensure_classifier(context.engine, context.settings, context.project_id)
    return report.to_json()


def export_handler(context: JobContext) -> dict[str, Any]:
    """Write an export into the data directory, under a name made here.

    params: format, rows, raw, annotator_id or None. Returns {"rows", "path"}, the path relative
    to the data directory.
    """
    params = context.params
    format = params.get("format", "csv")
    exports = context.settings.exports
    exports.mkdir(parents=True, exist_ok=True)
    path = exports / f"{uuid.uuid4().hex}.{'jsonl' if format == 'jsonl' else 'csv'}"
    report = export(
        path,
        engine=context.engine,
        project_name=_project_name(context),
        format=format,
        rows=params.get("rows", "gold"),
        raw=bool(params.get("raw")),
        on_progress=lambda done, total: context.progress(done, total, "writing rows"),
        should_stop=context.should_stop,
        annotator_id=params.get("annotator_id"),
    )
    return {"rows": report.rows, "path": str(path.relative_to(context.settings.data))}


def order_handler(context: JobContext) -> dict[str, Any]:
    """Work out the order that params["order"] names; returns {"order", "tweets"}."""
    order = context.params["order"]
    tweets = work_out(
        context.engine,
        context.project_id,
        order,
        cache=context.settings.cache,
        on_progress=lambda done, total: context.progress(done, total, f"ordering: {order}"),
        should_stop=context.should_stop,
    )
    return {"order": order, "tweets": tweets}


HANDLERS = {"import": import_handler, "export": export_handler, "order": order_handler}


def _inside(data: Path, relative: str) -> Path:
    path = (data / relative).resolve()
    if not path.is_relative_to(data.resolve()):
        raise ImportRefused(f"{relative!r} lies outside the data directory; upload the file again")
    return path


def _project_name(context: JobContext) -> str:
    with reading(context.engine) as session:
        return session.get_one(Project, context.project_id).name


if __name__ == "__main__":
    log_to_stderr({"job": int(sys.argv[1])})
    state = run_job(int(sys.argv[1]), HANDLERS, expected=(LabelingError,))
    sys.exit(0 if state in {"succeeded", "cancelled"} else 1)
