"""Messages to people, without their addresses; who wants none."""

import sqlalchemy as sa
from alembic import op

from instrument.store.instants import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("wave_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.CheckConstraint(
            "state IN ('sending', 'sent', 'failed', 'refused', 'skipped', 'unknown')",
            name=op.f("ck_message_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_message_participant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["wave_id"], ["wave.id"], name=op.f("fk_message_wave_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint(
            "participant_id", "wave_id", "kind", name=op.f("uq_message_participant_id_wave_id_kind")
        ),
    )
    op.create_index(op.f("ix_message_participant_id"), "message", ["participant_id"])
    op.create_index(op.f("ix_message_wave_id"), "message", ["wave_id"])
    op.add_column("participant", sa.Column("no_messages_at", Instant(), nullable=True))


def downgrade() -> None:
    """Step back."""
    op.drop_column("participant", "no_messages_at")
    op.drop_table("message")
