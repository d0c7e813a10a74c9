"""How alike texts find each other, and what the queue asks in an order worked out beforehand."""

from sqlalchemy import BigInteger, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.base import Base


class TextVariant(Base):
    """A text, by its key, that belongs to the group of another text that it is like.

    The group's own key is not here. tweet_id: the first tweet with this text.
    """

    __tablename__ = "text_variant"
    __table_args__ = (Index(None, "group_id"), {"sqlite_with_rowid": False})

    project_id: Mapped[int] = mapped_column(
        ForeignKey("project.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    group_id: Mapped[int]
    tweet_id: Mapped[int]


class TextBlock(Base):
    """A blocking key of a tweet's text: alike texts share one (labeling.likeness.blocks).

    One tweet a distinct text. No foreign key to the tweet: whoever looks a key up joins it.
    """

    __tablename__ = "text_block"
    __table_args__ = ({"sqlite_with_rowid": False},)

    project_id: Mapped[int] = mapped_column(
        ForeignKey("project.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tweet_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class QueueScore(Base):
    """A tweet's place in an order that is worked out ahead of asking; the lowest is asked first.

    kind: diverse or disagreement.
    """

    __tablename__ = "queue_score"
    __table_args__ = (
        Index(None, "project_id", "kind", "score", "tweet_id"),
        {"sqlite_with_rowid": False},
    )

    project_id: Mapped[int] = mapped_column(
        ForeignKey("project.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    tweet_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    score: Mapped[float]
