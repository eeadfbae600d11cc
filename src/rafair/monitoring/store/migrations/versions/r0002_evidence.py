"""What the tests keep from look to look; and refusals found by their number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table and the index."""
    op.create_table(
        "evidence",
        sa.Column("monitor", sa.Integer(), nullable=False),
        sa.Column("window", sa.Integer(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["monitor", "window"],
            ["windows.monitor", "windows.number"],
            name="fk_evidence_windows",
        ),
        sa.PrimaryKeyConstraint("monitor", name="pk_evidence"),
    )
    op.create_index("ix_quarantine_monitor_number", "quarantine", ["monitor", "number"])
