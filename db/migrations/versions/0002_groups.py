"""Groups of alike texts, groups of their own, and orders worked out ahead."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain ADD COLUMN: rebuilding these tables would copy a million rows and their references.
    op.add_column(
        "duplicate_group",
        sa.Column("own", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    for name in ("alike", "kept_apart"):
        op.add_column(
            "import_batch", sa.Column(name, sa.Integer(), nullable=False, server_default="0")
        )
    op.create_table(
        "text_variant",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_text_variant_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "key", name=op.f("pk_text_variant")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_text_variant_group_id"), "text_variant", ["group_id"])
    op.create_table(
        "text_block",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tweet_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_text_block_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "key", "tweet_id", name=op.f("pk_text_block")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "queue_score",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tweet_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_queue_score_project_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "kind", "tweet_id", name=op.f("pk_queue_score")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_queue_score_project_id_kind_score_tweet_id"),
        "queue_score",
        ["project_id", "kind", "score", "tweet_id"],
    )


def downgrade() -> None:
    op.drop_table("queue_score")
    op.drop_table("text_block")
    op.drop_table("text_variant")
    op.drop_column("import_batch", "kept_apart")
    op.drop_column("import_batch", "alike")
    op.drop_column("duplicate_group", "own")
