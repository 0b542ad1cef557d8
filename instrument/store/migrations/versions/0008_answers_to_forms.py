"""Answers to forms that a study asks beside its scale."""

import sqlalchemy as sa
from alembic import op

from instrument.store.instants import Instant
from instrument.store.triggers import form_triggers

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "form_answer",
        sa.Column("administration_id", sa.Integer(), nullable=False),
        sa.Column("form", sa.String(length=64), nullable=False),
        sa.Column("question", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("saved_at", Instant(), nullable=False),
        sa.CheckConstraint("state IN ('answered', 'skipped')", name=op.f("ck_form_answer_state_known")),
        sa.CheckConstraint(
            "(state = 'answered') = (value IS NOT NULL)", name=op.f("ck_form_answer_value_iff_answered")
        ),
        sa.ForeignKeyConstraint(
            ["administration_id"],
            ["administration.id"],
            name=op.f("fk_form_answer_administration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("administration_id", "form", "question", name=op.f("pk_form_answer")),
    )
    for statement in form_triggers(op.get_bind().dialect.name).values():
        op.execute(statement)


def downgrade() -> None:
    """Step back."""
    op.drop_table("form_answer")
