"""Which queues a worker takes jobs of, and the queue of a training run."""

import sqlalchemy as sa

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("worker", sa.Column("queues", sa.JSON(), nullable=True))
    op.add_column("training_run", sa.Column("queue", sa.String(32), nullable=False, server_default="training"))


def downgrade() -> None:
    op.drop_column("training_run", "queue")
    op.drop_column("worker", "queues")
