"""Links that ended because their person was given a new one."""

import sqlalchemy as sa
from alembic import op

from instrument.store.instants import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "former_link",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=160), nullable=False),
        sa.Column("ended_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["participant.id"],
            name=op.f("fk_former_link_participant_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_former_link_token_hash")),
    )
    op.create_index(op.f("ix_former_link_participant_id"), "former_link", ["participant_id"])


def downgrade() -> None:
    """Step back."""
    op.drop_table("former_link")
