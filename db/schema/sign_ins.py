"""Who is signed in, and who tries too often."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.schema.base import Base
from db.types import now


class SignIn(Base):
    """One stay of one person, from signing in until it ends. Holds digests, never a token.

    way: password or oidc.
    ticket: digest of what the page hands to the server once, at once, for the browser's cookie.
    token: digest of the cookie; for oidc, of what names the provider's sign-in.
    seen_at: last act. expires_at: the latest end, whatever happens. why: what ended it earlier
    (signed out, password changed, disabled).
    """

    __tablename__ = "sign_in"

    id: Mapped[int] = mapped_column(primary_key=True)
    annotator_id: Mapped[int] = mapped_column(
        ForeignKey("annotator.id", ondelete="CASCADE"), index=True
    )
    way: Mapped[str] = mapped_column(Text)
    ticket: Mapped[str | None] = mapped_column(Text, unique=True)
    token: Mapped[str | None] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(Text, default="")


class SignInTries(Base):
    """Sign-ins that failed lately. key: digest of the name that was typed, or "all"."""

    __tablename__ = "sign_in_tries"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime] = mapped_column(default=now)
    wait_until: Mapped[datetime | None]
