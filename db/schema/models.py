"""What was trained: runs, their epochs, the model versions they made, and predictions."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.base import Base
from db.types import now

_CURRENT = text("state = 'current'")


class Run(Base):
    """One training. config: the TrainConfig; snapshot: path and digest of ids and labels used.

    state: running, succeeded, failed, cancelled or interrupted.
    """

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(
        ForeignKey("project.id", ondelete="CASCADE"), index=True
    )
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id", ondelete="SET NULL"))
    kind: Mapped[str] = mapped_column(Text)
    base_model: Mapped[str] = mapped_column(Text)
    config: Mapped[dict[str, Any]] = mapped_column(default=dict)
    seed: Mapped[int] = mapped_column(default=0)
    snapshot: Mapped[dict[str, Any]] = mapped_column(default=dict)
    environment: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(Text, default="running")
    last_event_id: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float | None]
    tweets_per_second: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class Epoch(Base):
    """Validation after (part of) an epoch: mean training loss since the last one, all metrics."""

    __tablename__ = "epoch"
    __table_args__ = (UniqueConstraint("run_id", "step"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"))
    epoch: Mapped[float]
    step: Mapped[int]
    training_loss: Mapped[float | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    learning_rate: Mapped[float | None]
    seconds: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class TrainingStep(Base):
    """One point of the training-loss curve (sampled, about 200 a run)."""

    __tablename__ = "training_step"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[float]
    loss: Mapped[float]
    learning_rate: Mapped[float | None]


class ModelVersion(Base):
    """A trained classifier. state: candidate, current or retired; at most one is current.

    number: 1, 2, … within the project. directory: relative to the data directory.
    label_map: label values in the order of the probabilities.
    metrics: {"validation": {...}, "test": {...}} as in trainer.metrics.
    """

    __tablename__ = "model_version"
    __table_args__ = (
        UniqueConstraint("project_id", "number"),
        Index(
            "uq_model_version_one_current",
            "project_id",
            unique=True,
            sqlite_where=_CURRENT,
            postgresql_where=_CURRENT,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(Text)
    base_model: Mapped[str] = mapped_column(Text)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id", ondelete="SET NULL"))
    directory: Mapped[str] = mapped_column(Text)
    manifest_sha256: Mapped[str] = mapped_column(Text)
    label_map: Mapped[list[Any]] = mapped_column(default=list)
    temperature: Mapped[float] = mapped_column(default=1.0)
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    comparison: Mapped[dict[str, Any] | None]
    state: Mapped[str] = mapped_column(Text, default="candidate")
    created_at: Mapped[datetime] = mapped_column(default=now)
    promoted_at: Mapped[datetime | None]


class Prediction(Base):
    """What a model version says of a tweet: probabilities in the order of its label map."""

    __tablename__ = "prediction"
    __table_args__ = (
        # One index an order of the queue, and one for "least sure among those predicted X".
        Index(None, "model_version_id", "confidence", "tweet_id"),
        Index(None, "model_version_id", "margin", "tweet_id"),
        Index(None, "model_version_id", "entropy", "tweet_id"),
        Index(None, "model_version_id", "label", "confidence", "tweet_id"),
    )

    model_version_id: Mapped[int] = mapped_column(
        ForeignKey("model_version.id", ondelete="CASCADE"), primary_key=True
    )
    tweet_id: Mapped[int] = mapped_column(
        ForeignKey("tweet.id", ondelete="CASCADE"), primary_key=True
    )
    probabilities: Mapped[list[Any]]
    label: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float]
    margin: Mapped[float]
    entropy: Mapped[float]
