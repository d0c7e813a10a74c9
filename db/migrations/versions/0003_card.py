"""labels that were merged, and tweets as examples in the guidelines."""

import sqlalchemy as sa
from alembic import op

import db.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the two columns and the table."""
    op.add_column("label", sa.Column("merged_into", sa.Text(), nullable=True))
    op.add_column("gold", sa.Column("merged_from", sa.Text(), nullable=True))
    op.create_table(
        "label_example",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=True),
        sa.Column("created_at", db.types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["project.id"],
            name=op.f("fk_label_example_project_id_project"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tweet_id"],
            ["tweet.id"],
            name=op.f("fk_label_example_tweet_id_tweet"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["annotator_id"],
            ["annotator.id"],
            name=op.f("fk_label_example_annotator_id_annotator"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_example")),
        sa.UniqueConstraint(
            "project_id", "tweet_id", name=op.f("uq_label_example_project_id_tweet_id")
        ),
    )


def downgrade() -> None:
    """Drop them; merged labels stay merged."""
    op.drop_table("label_example")
    with op.batch_alter_table("gold") as batch:
        batch.drop_column("merged_from")
    with op.batch_alter_table("label") as batch:
        batch.drop_column("merged_into")
