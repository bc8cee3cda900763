"""What a Brier score of whole likelihoods needs beside the probabilities: each label's tokens, and the fitted temperature."""

import sqlalchemy as sa

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("prediction", sa.Column("label_tokens", sa.JSON(), nullable=True))
    op.add_column("prediction", sa.Column("calibration_temperature", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("prediction", "calibration_temperature")
    op.drop_column("prediction", "label_tokens")
