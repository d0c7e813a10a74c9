"""accounts: who is signed in, and who tries too often."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("created_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("seen_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("ended_at", db.types.UtcDateTime(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotator.id"],
            name=op.f("fk_sign_in_annotator_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("ticket", name=op.f("uq_sign_in_ticket")),
        sa.UniqueConstraint("token", name=op.f("uq_sign_in_token")),
    )
    op.create_index(op.f("ix_sign_in_annotator_id"), "sign_in", ["annotator_id"])
    op.create_table(
        "sign_in_tries",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", db.types.UtcDateTime(), nullable=False),
        sa.Column("wait_until", db.types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_tries")),
    )


def downgrade() -> None:
    op.drop_table("sign_in_tries")
    op.drop_index(op.f("ix_sign_in_annotator_id"), table_name="sign_in")
    op.drop_table("sign_in")
