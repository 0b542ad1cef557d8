"""Marks of the keys that hashes were made with; who was erased is known again by name, under a key."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.create_table(
        "store_key",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("lost", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_store_key")),
    )
    op.add_column("erasure", sa.Column("person_hash", sa.String(length=160), nullable=True))


def downgrade() -> None:
    """Step back."""
    op.drop_column("erasure", "person_hash")
    op.drop_table("store_key")
