"""What was brought in: batches, rejects, duplicate groups and tweets."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.base import Base
from db.types import now

# SQLite uses a partial index only where a query says the same words: SQLAlchemy writes "= 1".
_OPEN_SQLITE, _OPEN = text("open = 1"), text("open")


class ImportBatch(Base):
    """One file brought in. state: running, done or failed. `columns`: which column was what.

    rows: records read so far, so that an import that was cut off goes on behind them.
    groups: duplicate groups that it added. rounded_ids: ids that look rounded by a spreadsheet.
    alike: texts that joined the group of another, like text. kept_apart: those that were also
    like the texts of a group in another split, with which theirs must not be merged.
    """

    __tablename__ = "import_batch"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(
        ForeignKey("project.id", ondelete="CASCADE"), index=True
    )
    file_name: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(Text)
    columns: Mapped[dict[str, Any]] = mapped_column(default=dict)
    header: Mapped[list[Any]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(Text, default="running")
    rows: Mapped[int] = mapped_column(default=0)
    accepted: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    groups: Mapped[int] = mapped_column(default=0)
    rounded_ids: Mapped[int] = mapped_column(default=0)
    alike: Mapped[int] = mapped_column(default=0, server_default="0")
    kept_apart: Mapped[int] = mapped_column(default=0, server_default="0")
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class ImportReject(Base):
    """A row that was refused: its line in the file (1 = header), the column, why, and itself."""

    __tablename__ = "import_reject"

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(
        ForeignKey("import_batch.id", ondelete="CASCADE"), index=True
    )
    line: Mapped[int]
    column: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(Text)
    raw: Mapped[str] = mapped_column(Text, default="")


class DuplicateGroup(Base):
    """Tweets whose texts are the same or alike. Holds the split of all of them.

    key: the digest of its first text when normalised; texts alike to it: see TextVariant.
    representative_id: the member that people are asked.
    own: a person split it off another group: neither imports nor regrouping put tweets into it
    or merge it. Its key is made up (labeling.grouping.own_key), so that no text has it.
    open: no member has a gold label yet; kept by labeling.resolving, so that the queue need not
    look through what is done. An open group that has gold after all costs the queue a look, no
    more: it checks, and closes it.
    """

    __tablename__ = "duplicate_group"
    __table_args__ = (
        UniqueConstraint("project_id", "key"),
        # Target of tweet's composite key: makes a group that straddles splits impossible.
        UniqueConstraint("id", "split"),
        Index(None, "project_id", "size", "id"),
        # Keys are digests, so this order is a random one: drawing from it is cheap and fair.
        Index(
            "ix_duplicate_group_open",
            "project_id",
            "split",
            "key",
            sqlite_where=_OPEN_SQLITE,
            postgresql_where=_OPEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Text)
    split: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(default=1)
    representative_id: Mapped[int | None]
    open: Mapped[bool] = mapped_column(default=True)
    own: Mapped[bool] = mapped_column(default=False, server_default=false())


class Tweet(Base):
    """One text. external_id is text, never a number. extra: the file's other columns."""

    __tablename__ = "tweet"
    __table_args__ = (
        UniqueConstraint("project_id", "external_id"),
        ForeignKeyConstraint(
            ["group_id", "split"], ["duplicate_group.id", "duplicate_group.split"]
        ),
        Index(None, "group_id"),
        # Numbers rise with each import, so this one is appended to: cheap, and it counts fast.
        Index(None, "project_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batch.id", ondelete="SET NULL"))
    external_id: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    text_key: Mapped[str] = mapped_column(Text)
    group_id: Mapped[int]
    split: Mapped[str] = mapped_column(Text)
    imported_label: Mapped[str | None] = mapped_column(Text)
    extra: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
