"""The day on which answers were given, where it is not the day on which they were stored."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward."""
    op.add_column("administration", sa.Column("completed_on", sa.Date(), nullable=True))


def downgrade() -> None:
    """Step back."""
    op.drop_column("administration", "completed_on")
