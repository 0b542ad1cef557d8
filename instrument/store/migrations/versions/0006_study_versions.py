"""Versions of a study that was amended, and under which of them each questionnaire was begun."""

import sqlalchemy as sa
from alembic import op

from instrument.store.instants import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "study_version",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("instrument_version_id", sa.Integer(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_version_id"],
            ["instrument_version.id"],
            name=op.f("fk_study_version_instrument_version_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_study_version_study_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_version")),
        sa.UniqueConstraint("study_id", "number", name=op.f("uq_study_version_study_id_number")),
    )
    op.create_index(op.f("ix_study_version_study_id"), "study_version", ["study_id"])
    op.create_index(
        op.f("ix_study_version_instrument_version_id"), "study_version", ["instrument_version_id"]
    )
    op.execute(
        "INSERT INTO study_version "
        "(study_id, number, instrument_version_id, definition, sha256, reason, made_by, at) "
        "SELECT id, 1, instrument_version_id, definition, sha256, '', '', created_at FROM study"
    )
    op.add_column(
        "administration", sa.Column("study_version", sa.Integer(), server_default="1", nullable=False)
    )


def downgrade() -> None:
    """Step back."""
    op.drop_column("administration", "study_version")
    op.drop_table("study_version")
