"""Projects, their labels, and the people who work on them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.base import Base
from db.types import now


class Project(Base):
    """A label set, its guidelines and its tweets.

    settings: see db.project_settings; source_columns: the names that the first imported file
    used for text, id and label, so that an export loads where the original did.
    """

    __tablename__ = "project"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    template: Mapped[str | None] = mapped_column(Text)
    guidelines: Mapped[str] = mapped_column(Text, default="")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    source_columns: Mapped[dict[str, Any]] = mapped_column(default=dict)
    split_seed: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Label(Base):
    """One class. `value` is how it stands in files ("-1"); it is text everywhere.

    merged_into: the value of the label that its answers count for; such a label is not active.
    """

    __tablename__ = "label"
    __table_args__ = (UniqueConstraint("project_id", "value"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    value: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text, default="")
    hotkey: Mapped[str] = mapped_column(Text, default="")
    color: Mapped[str] = mapped_column(Text, default="#8C8C8C")
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)
    merged_into: Mapped[str | None] = mapped_column(Text)


class Annotator(Base):
    """A person. role: annotator, reviewer or admin."""

    __tablename__ = "annotator"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    email: Mapped[str | None] = mapped_column(Text, unique=True)
    role: Mapped[str] = mapped_column(Text, default="annotator")
    password_hash: Mapped[str | None] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class AuditEntry(Base):
    """Who did something that others may ask about: promotions, exports, label changes."""

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id", ondelete="SET NULL"))
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
