"""Correct, reopen and void with a reason; earlier answers and acts are kept by rules of the database."""

import sqlalchemy as sa
from alembic import op

from instrument.store.instants import Instant
from instrument.store.triggers import act_triggers, drop_act_triggers

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "administration_act",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("administration_id", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("n_answers", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "act IN ('correct', 'reopen', 'void')", name=op.f("ck_administration_act_act_known")
        ),
        sa.CheckConstraint("length(reason) > 0", name=op.f("ck_administration_act_reason_given")),
        sa.ForeignKeyConstraint(
            ["administration_id"],
            ["administration.id"],
            name=op.f("fk_administration_act_administration_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_administration_act")),
    )
    op.create_index(
        op.f("ix_administration_act_administration_id"), "administration_act", ["administration_id"]
    )
    dialect = op.get_bind().dialect.name
    for statement in drop_act_triggers(dialect, acts=False):
        op.execute(statement)
    for statement in act_triggers(dialect).values():
        op.execute(statement)


def downgrade() -> None:
    """Step back."""
    dialect = op.get_bind().dialect.name
    for statement in drop_act_triggers(dialect):
        op.execute(statement)
    for statement in act_triggers(dialect, acts=False).values():
        op.execute(statement)
    op.drop_table("administration_act")
