"""Bits of a text that was read, beside the predictions that are answers."""

import sqlalchemy as sa

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prediction", sa.Column("bits", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("prediction", "bits")
