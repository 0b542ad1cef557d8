"""Counts of an open enrolment: places taken, and who did not suit or came too late."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "enrolment_count",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_enrolment_count_study_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("study_id", "name", name=op.f("pk_enrolment_count")),
    )


def downgrade() -> None:
    """Step back."""
    op.drop_table("enrolment_count")
