"""Of each prediction also its prompt's hash, its seed, the service's own timings, and what kind of error it is."""

import sqlalchemy as sa

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COLUMNS = (
    ("prompt_sha256", sa.String(64)),
    ("seed", sa.BigInteger()),
    ("queue_ms", sa.Double()),
    ("ttft_ms", sa.Double()),
    ("engine_ms", sa.Double()),
    ("error_code", sa.String(64)),
)


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("prediction", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name, _ in COLUMNS:
        op.drop_column("prediction", name)
