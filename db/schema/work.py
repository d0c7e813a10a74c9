"""Background work."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.base import Base
from db.types import now

_RUNNING = text("state = 'running'")


class Job(Base):
    """Background work with a state.

    kind: train, prelabel, import or export.
    state: queued, running, succeeded, failed, cancelled or interrupted (its process vanished).
    owner: host and pid of the process; heartbeat_at/lease_until: it lives while it renews them.
    log: path of its log file, relative to the data directory. error: one line for people.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index(
            "uq_job_one_running",
            "project_id",
            "kind",
            unique=True,
            sqlite_where=_RUNNING,
            postgresql_where=_RUNNING,
        ),
        Index(None, "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default="queued")
    engine: Mapped[str] = mapped_column(Text, default="local")
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    result: Mapped[dict[str, Any] | None]
    owner: Mapped[str | None] = mapped_column(Text)
    pid: Mapped[int | None]
    heartbeat_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    attempt: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(Text, default="")
    eta_seconds: Mapped[float | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str | None] = mapped_column(Text)
    log: Mapped[str | None] = mapped_column(Text)
    requested_by: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Boot(Base):
    """When the machine was started, as the clock stood at the first use after; see db.clock."""

    __tablename__ = "boot"

    boot_id: Mapped[str] = mapped_column(Text, primary_key=True)
    started_at: Mapped[datetime]
