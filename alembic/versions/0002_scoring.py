"""How the labels of a classification were compared."""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was logged before was compared by the sum.
    with op.batch_alter_table("classification") as table:
        table.add_column(sa.Column("scoring", sa.String(16), nullable=False, server_default="sum"))


def downgrade() -> None:
    with op.batch_alter_table("classification") as table:
        table.drop_column("scoring")
