"""Datasets of other kinds than classification, and what was found in each."""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("kind", sa.String(32), nullable=False, server_default="classification"))
    op.add_column("dataset", sa.Column("sizes", sa.JSON(), nullable=True))
    op.add_column("dataset", sa.Column("report", sa.JSON(), nullable=True))


def downgrade() -> None:
    # The older tables hold labels only. No table is made anew: its rows would go with the old one.
    op.execute("DELETE FROM dataset_row WHERE dataset_id IN (SELECT id FROM dataset WHERE kind <> 'classification')")
    op.execute("DELETE FROM dataset WHERE kind <> 'classification'")
    for name in ("report", "sizes", "kind"):
        op.drop_column("dataset", name)
