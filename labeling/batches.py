"""One batch per file brought in: which one a file goes on with, and the report of what it did."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.schema import ImportBatch, Project
from labeling.columns import ColumnChoice
from labeling.records import FileFacts


@dataclass(frozen=True)
class ImportReport:
    """What an import did. groups: duplicate groups that it added. rounded_ids: ids of 17 digits
    or more that end in 000, which a spreadsheet may have rounded. alike: texts that share the
    group of another, like text. kept_apart: texts that are also like a group of another split.
    merged: tweets whose label counts for the one that it was merged into.
    """

    rows: int
    accepted: int
    duplicates: int
    rejected: int
    groups: int
    rounded_ids: int
    batch_id: int
    alike: int = 0
    kept_apart: int = 0
    merged: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def batch_for(
    project: Project,
    facts: FileFacts,
    columns: ColumnChoice,
    file_name: str,
    annotator_id: int | None,
    *,
    session: Session,
) -> ImportBatch:
    """Return the batch of this file: the one to go on with, the complete one, or a new one.

    A complete import that refused rows is done again, because they may be in order by now, for
    instance since a label was added.
    """
    said = {**asdict(columns), "encoding": facts.encoding, "delimiter": facts.delimiter}
    earlier = session.scalars(
        select(ImportBatch)
        .where(ImportBatch.project_id == project.id, ImportBatch.sha256 == facts.sha256)
        .order_by(ImportBatch.id.desc())
    )
    for batch in earlier:
        if batch.columns == said and (
            batch.state == "running" or (batch.state == "done" and batch.rejected == 0)
        ):
            return batch
    batch = ImportBatch(
        project_id=project.id,
        file_name=file_name,
        sha256=facts.sha256,
        columns=said,
        header=facts.header,
        annotator_id=annotator_id,
    )
    session.add(batch)
    session.flush()
    return batch


def report_of(batch: ImportBatch) -> ImportReport:
    """Report what a batch has done so far, over all its attempts."""
    return ImportReport(
        rows=batch.rows,
        accepted=batch.accepted,
        duplicates=batch.duplicates,
        rejected=batch.rejected,
        groups=batch.groups,
        rounded_ids=batch.rounded_ids,
        batch_id=batch.id,
        alike=batch.alike,
        kept_apart=batch.kept_apart,
    )


def report_repeated(batch: ImportBatch) -> ImportReport:
    """Report a repeated import: all its rows are duplicates of what it brought in before."""
    done = report_of(batch)
    return replace(done, accepted=0, duplicates=done.rows, groups=0)
