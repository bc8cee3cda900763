"""Tasks that users define, and columns that are kept beside a dataset's rows."""

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset", sa.Column("columns", sa.JSON(), nullable=True))
    op.add_column("dataset_row", sa.Column("columns", sa.JSON(), nullable=True))
    op.create_table(
        "benchmark_task",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_benchmark_task"),
        sa.UniqueConstraint("name", "version", name="uq_benchmark_task_name_version"),
    )
    op.create_index("ix_benchmark_task_name", "benchmark_task", ["name"])


def downgrade() -> None:
    op.drop_table("benchmark_task")
    op.drop_column("dataset_row", "columns")
    op.drop_column("dataset", "columns")
