"""Pages that came from a browser's queue, and the seconds in which pages were seen."""

import sqlalchemy as sa
from alembic import op

from instrument.store.instants import Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "queued_page",
        sa.Column("administration_id", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=160), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["administration_id"],
            ["administration.id"],
            name=op.f("fk_queued_page_administration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("administration_id", "sheet", name=op.f("pk_queued_page")),
    )
    op.create_table(
        "page_time",
        sa.Column("administration_id", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(length=64), nullable=False),
        sa.Column("page", sa.String(length=96), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("saved_at", Instant(), nullable=False),
        sa.CheckConstraint("seconds >= 0", name=op.f("ck_page_time_not_negative")),
        sa.ForeignKeyConstraint(
            ["administration_id"],
            ["administration.id"],
            name=op.f("fk_page_time_administration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("administration_id", "sheet", name=op.f("pk_page_time")),
    )


def downgrade() -> None:
    """Step back."""
    op.drop_table("page_time")
    op.drop_table("queued_page")
