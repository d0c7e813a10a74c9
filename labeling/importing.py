"""Bring a file in: streamed in chunks, each one transaction, resumed where it was cut off.

The file's digest names the batch. An import that was killed goes on, in the same batch, behind
the last chunk that was committed; one that is complete adds nothing when it is repeated.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from db.projects import get_project, labels_of, settings_of
from db.schema import AuditEntry, ImportBatch, Project
from db.sessions import reading, writing
from db.types import now
from labeling.ahead import chunks_of, rare_collections
from labeling.batches import ImportReport, batch_for, report_of, report_repeated
from labeling.chunks import Source
from labeling.columns import (
    ColumnChoice,
    ColumnWish,
    choose,
    extra_columns,
    guess,
    is_own_export,
    source_columns,
)
from labeling.errors import EncodingRefused, ImportRefused
from labeling.file_reading import inspect, open_records
from labeling.merged import imported_under_merged
from labeling.permissions import allow
from labeling.records import FileFacts
from labeling.regrouping import index_texts
from labeling.rejects import first_rejects
from labeling.row_checks import RowCheck
from labeling.storing import make_drawer, store_chunk
from trainer.errors import Cancelled
from trainer.splits import SplitDrawer, SplitShares

CHUNK = 2_000
_PREVIEW_ROWS = 5


@dataclass(frozen=True)
class Preview:
    """What a file looks like before it is brought in.

    rows: the first records. guessed: {"text", "id", "label"} -> column or None. records: how
    many there are. problems: why the file cannot be brought in; then the rest may be empty.
    asks_encoding: whether saying another encoding may help.
    """

    header: list[str]
    rows: list[list[str]]
    guessed: dict[str, str | None]
    encoding: str
    format: str
    records: int
    own_export: bool
    problems: list[str]
    asks_encoding: bool = False


@dataclass(frozen=True)
class _Plan:
    """One file on its way into one project."""

    path: Path
    facts: FileFacts
    project_id: int
    batch_id: int
    rows_before: int
    check: RowCheck
    drawer: SplitDrawer


def preview(
    path: Path, *, encoding: str | None = None, known: dict[str, Any] | None = None
) -> Preview:
    """Look at a file without storing anything; problems are told, not raised.

    known: the project's `source_columns`, which help to guess the columns.
    """
    try:
        facts = inspect(path, encoding=encoding)
    except ImportRefused as refused:
        asks = isinstance(refused, EncodingRefused)
        return Preview([], [], guess([]), encoding or "", "csv", 0, False, [str(refused)], asks)
    with open_records(path, facts) as records:
        width = len(facts.header)  # a record that is none has fewer fields, or more
        rows = [(record.fields + [""] * width)[:width] for record in islice(records, _PREVIEW_ROWS)]
    return Preview(
        header=facts.header,
        rows=rows,
        guessed=guess(facts.header, known),
        encoding=facts.encoding,
        format=facts.format,
        records=facts.records,
        own_export=is_own_export(facts.header),
        problems=[],
    )


def import_file(
    path: Path,
    *,
    engine: Engine,
    project_name: str,
    columns: ColumnChoice | ColumnWish | None = None,
    file_name: str | None = None,
    on_progress: Callable[[int, int], object] | None = None,
    should_stop: Callable[[], bool] | None = None,
    annotator_id: int | None = None,
    encoding: str | None = None,
) -> ImportReport:
    """Bring a file into a project and report what became of its rows.

    columns: what is not said is guessed from the header. file_name: the name to remember, the
    path's own by default. on_progress(bytes done, bytes in all).
    Raises ImportRefused, with nothing stored, when the file as such or every single row of it is
    unusable; PermissionRefused; NotFoundError for an unknown project; Cancelled when
    `should_stop` said so: then the chunks so far stay, and the same call goes on behind them.
    """
    with reading(engine) as session:
        allow(annotator_id, "import", session=session)
        known = dict(get_project(project_name, session=session).source_columns)
    facts = inspect(path, encoding=encoding)
    if isinstance(columns, ColumnChoice):
        columns.check(facts.header)
        chosen = columns
    else:
        chosen = choose(facts.header, columns or ColumnWish(), known)
    name = (file_name or path.name).encode(errors="replace").decode()
    with writing(engine) as session:
        project = get_project(project_name, session=session)
        batch = batch_for(project, facts, chosen, name, annotator_id, session=session)
        if batch.state == "done":
            return report_repeated(batch)
        plan = _plan(path, facts, chosen, project, batch, session=session)
    index_texts(engine, plan.project_id)
    _run(plan, engine, on_progress or _ignore, should_stop)
    return _finish(plan, engine)


def _run(
    plan: _Plan,
    engine: Engine,
    on_progress: Callable[[int, int], object],
    should_stop: Callable[[], bool] | None,
) -> None:
    facts = plan.facts
    source = Source(plan.path, facts, plan.check, CHUNK)
    read = chunks_of(source, plan.rows_before, facts.records)
    with closing(read), rare_collections():
        for chunk in read:
            if should_stop is not None and should_stop():
                raise Cancelled(f"stopped after {chunk.rows_before:,} of {facts.records:,} rows")
            with writing(engine) as session:
                store_chunk(
                    chunk,
                    batch_id=plan.batch_id,
                    project_id=plan.project_id,
                    drawer=plan.drawer,
                    session=session,
                )
            on_progress(chunk.done, facts.size)
    on_progress(facts.size, facts.size)


def _plan(
    path: Path,
    facts: FileFacts,
    columns: ColumnChoice,
    project: Project,
    batch: ImportBatch,
    *,
    session: Session,
) -> _Plan:
    settings = settings_of(project)
    # Our own export may carry labels that were retired since; other files may not. A merged
    # label's tweets count for the label that it was merged into, whatever the file.
    every = is_own_export(facts.header)
    labels = [
        label
        for label in labels_of(project, session=session, active=False)
        if every or label.active or label.merged_into is not None
    ]
    labels.sort(key=lambda label: label.active)  # of two with one name, the one that stands
    check = RowCheck(
        header=facts.header,
        columns=columns,
        labels={label.value: label.name for label in labels},
        extras=extra_columns(facts.header, columns, project.source_columns),
        sparse=facts.format == "jsonl",
    )
    shares = SplitShares(validation=settings.validation_share, test=settings.test_share)
    drawer = make_drawer(project.id, seed=project.split_seed, shares=shares, session=session)
    return _Plan(path, facts, project.id, batch.id, batch.rows, check, drawer)


def _finish(plan: _Plan, engine: Engine) -> ImportReport:
    with writing(engine) as session:
        batch = session.get_one(ImportBatch, plan.batch_id)
        usable = batch.rejected < batch.rows
        session.execute(
            update(ImportBatch)
            .where(ImportBatch.id == batch.id)
            .values(state="done" if usable else "failed", finished_at=now())
        )
        project = session.get_one(Project, plan.project_id)
        if usable:
            project.source_columns = source_columns(
                plan.facts.header, plan.check.columns, project.source_columns
            )
        session.add(
            AuditEntry(
                project_id=project.id,
                annotator_id=batch.annotator_id,
                action="import",
                subject=batch.file_name,
                detail={"accepted": batch.accepted, "rejected": batch.rejected},
            )
        )
        merged = imported_under_merged(batch.id, project.id, session=session)
        report = replace(report_of(batch), merged=merged)
        first = None if usable else first_rejects(batch.id, session=session, limit=1)[0]
    if first is not None:
        column = f", column {first.column!r}" if first.column else ""
        raise ImportRefused(
            f"none of the {report.rows:,} rows can be brought in. The first: line {first.line}"
            f"{column}: {first.reason}",
            line=first.line,
            column=first.column or None,
        )
    return report


def _ignore(_done: int, _total: int) -> None:
    """Nobody watches."""
