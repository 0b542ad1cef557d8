"""Notices to other programs of the team, until they are delivered."""

import sqlalchemy as sa
from alembic import op

from instrument.store.instants import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("wave", sa.String(length=64), nullable=True),
        sa.Column("answers", sa.String(length=16), nullable=True),
        sa.Column("pseudonym", sa.String(length=64), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'sending')", name=op.f("ck_notice_state_known")),
        sa.CheckConstraint("kind IN ('completed', 'withdrawn')", name=op.f("ck_notice_kind_known")),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_notice_study_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_notice_participant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("code", name=op.f("uq_notice_code")),
    )
    op.create_index(op.f("ix_notice_study_id"), "notice", ["study_id"])
    op.create_index(op.f("ix_notice_participant_id"), "notice", ["participant_id"])


def downgrade() -> None:
    """Step back."""
    op.drop_table("notice")
