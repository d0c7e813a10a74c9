"""What people said (append-only), what stands now, and who is being asked what."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.base import Base
from db.types import now


class AnnotationEvent(Base):
    """One act of one person; never changed or deleted.

    idempotency_key: minted in the browser when the decision is made; a second arrival of the
    same key is answered with the first one's result.
    kind: label, skip, flag, comment or undo.  undoes_id: for an undo, the event taken back.
    suggested_*: what the model said; suggestion_shown: whether the person saw it.
    queue_reason / queue_probability: why the tweet was asked, and how likely that was.
    blind: whether it was asked without its suggestion on purpose (held-out split or coin).
    seconds: time the tweet was on screen.  conflict: answered from a stale page.
    """

    __tablename__ = "annotation_event"
    __table_args__ = (
        Index(None, "tweet_id", "annotator_id"),
        Index(None, "project_id", "annotator_id", "id"),
        Index(None, "project_id", "annotator_id", "created_at"),
        Index(None, "undoes_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(Text, unique=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweet.id", ondelete="CASCADE"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    kind: Mapped[str] = mapped_column(Text)
    label: Mapped[str | None] = mapped_column(Text)
    comment: Mapped[str | None] = mapped_column(Text)
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("annotation_event.id"))
    suggested_label: Mapped[str | None] = mapped_column(Text)
    suggested_confidence: Mapped[float | None]
    suggested_model_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id"))
    suggestion_shown: Mapped[bool] = mapped_column(default=False)
    blind: Mapped[bool] = mapped_column(default=False)
    queue_reason: Mapped[str] = mapped_column(Text, default="")
    queue_probability: Mapped[float | None]
    seconds: Mapped[float | None]
    lease_generation: Mapped[int | None]
    conflict: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Annotation(Base):
    """The current answer of one person on one tweet, rewritten with each event of theirs.

    label is None for a skip or a mere comment; `kind` is label, skip or none.
    """

    __tablename__ = "annotation"
    __table_args__ = (
        UniqueConstraint("tweet_id", "annotator_id"),
        Index(None, "project_id", "annotator_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweet.id", ondelete="CASCADE"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    kind: Mapped[str] = mapped_column(Text)
    label: Mapped[str | None] = mapped_column(Text)
    event_id: Mapped[int] = mapped_column(ForeignKey("annotation_event.id"))
    flagged: Mapped[bool] = mapped_column(default=False)
    comment: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class Gold(Base):
    """The resolved label of a tweet.

    source: imported, single, agreement, adjudicated, propagated or auto-accepted.
    origin_tweet_id: for propagated, the member of the group that a person answered.
    merged_from: the label it had before that one was merged into `label`.
    """

    __tablename__ = "gold"
    __table_args__ = (
        Index(None, "project_id", "source", "label"),
        Index(None, "origin_tweet_id"),
    )

    tweet_id: Mapped[int] = mapped_column(
        ForeignKey("tweet.id", ondelete="CASCADE"), primary_key=True
    )
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    label: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    model_version_id: Mapped[int | None] = mapped_column(ForeignKey("model_version.id"))
    origin_tweet_id: Mapped[int | None] = mapped_column(ForeignKey("tweet.id", ondelete="CASCADE"))
    note: Mapped[str] = mapped_column(Text, default="")
    merged_from: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)


class LabelExample(Base):
    """A tweet that the guidelines show as an example of a label."""

    __tablename__ = "label_example"
    __table_args__ = (UniqueConstraint("project_id", "tweet_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweet.id", ondelete="CASCADE"))
    label: Mapped[str] = mapped_column(Text)
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Lease(Base):
    """A claim of one person on one tweet until `expires_at`.

    id: never used twice, so it is the claim's generation (fencing): an answer that carries the
    number of a claim which somebody else took over is kept but marked as a conflict.
    slot: 0..overlap-1, so that a tweet can be with as many people as it needs answers; a hidden
    repeat takes a slot of its own per person, far above.
    reason, probability, blind: how the item was picked, so that a reload shows it in the same way.
    suggested_*, model_version_id: the suggestion as last served; the answer's event takes it from
    here, for predictions are pruned when another model is promoted.
    """

    __tablename__ = "lease"
    __table_args__ = (
        UniqueConstraint("tweet_id", "slot"),
        Index(None, "project_id", "annotator_id"),
        Index(None, "project_id", "expires_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    tweet_id: Mapped[int] = mapped_column(ForeignKey("tweet.id", ondelete="CASCADE"))
    slot: Mapped[int] = mapped_column(default=0)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    model_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("model_version.id", ondelete="SET NULL")
    )
    suggested_label: Mapped[str | None] = mapped_column(Text)
    suggested_confidence: Mapped[float | None]
    reason: Mapped[str] = mapped_column(Text)
    probability: Mapped[float | None]
    blind: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime]
