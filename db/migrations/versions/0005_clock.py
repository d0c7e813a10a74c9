"""clock: when the machine was started, so that leases do not follow a clock that is set."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "boot",
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("started_at", db.types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("boot_id", name=op.f("pk_boot")),
    )


def downgrade() -> None:
    op.drop_table("boot")
