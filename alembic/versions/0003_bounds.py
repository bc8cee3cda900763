"""Classifications of which only the best label was wanted: bounds instead of every label's probability."""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBERS = (("probabilities", sa.JSON()), ("label_mass", sa.Float()), ("margin", sa.Float()))


def upgrade() -> None:
    with op.batch_alter_table("classification") as table:
        table.add_column(sa.Column("bounds", sa.JSON(), nullable=True))
        for name, kind in NUMBERS:
            table.alter_column(name, existing_type=kind, nullable=True)


def downgrade() -> None:
    # The older tables cannot hold them.
    op.execute("DELETE FROM classification WHERE bounds IS NOT NULL")
    with op.batch_alter_table("classification") as table:
        for name, kind in NUMBERS:
            table.alter_column(name, existing_type=kind, nullable=False)
        table.drop_column("bounds")
