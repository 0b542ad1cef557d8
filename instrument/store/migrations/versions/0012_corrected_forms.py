"""What answers to forms were before the team corrected them."""

import sqlalchemy as sa
from alembic import op

from instrument.store.instants import Instant
from instrument.store.triggers import form_history_triggers

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "form_answer_history",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("administration_id", sa.Integer(), nullable=False),
        sa.Column("form", sa.String(length=64), nullable=False),
        sa.Column("question", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("saved_at", Instant(), nullable=True),
        sa.Column("replaced_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "state IN ('answered', 'skipped', 'not_seen')", name=op.f("ck_form_answer_history_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["administration_id"],
            ["administration.id"],
            name=op.f("fk_form_answer_history_administration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_answer_history")),
    )
    op.create_index(
        op.f("ix_form_answer_history_administration_id"), "form_answer_history", ["administration_id"]
    )
    for statement in form_history_triggers(op.get_bind().dialect.name).values():
        op.execute(statement)


def downgrade() -> None:
    """Step back."""
    op.drop_table("form_answer_history")
