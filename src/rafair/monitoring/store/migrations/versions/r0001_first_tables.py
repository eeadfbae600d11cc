"""The first tables of a store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "monitors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reference", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_monitors"),
        sa.UniqueConstraint("hash", name="uq_monitors_hash"),
    )
    op.create_table(
        "windows",
        sa.Column("monitor", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("labelled", sa.Integer(), nullable=False),
        sa.Column("late_labels", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["monitor"], ["monitors.id"], name="fk_windows_monitors"),
        sa.PrimaryKeyConstraint("monitor", "number", name="pk_windows"),
    )
    op.create_index("uq_windows_monitor_key", "windows", ["monitor", "key"], unique=True)
    _of_window(
        "rows",
        ["monitor", "id"],
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("outside", sa.Boolean(), nullable=False),
        sa.Column("label", sa.Integer()),
        sa.Column("label_window", sa.Integer()),
        sa.Column("prediction", sa.Integer(), nullable=False),
        sa.Column("clean_fair", sa.Boolean(), nullable=False),
        sa.Column("noise_kept", sa.Boolean()),
        sa.Column("noise_fair", sa.Boolean()),
        sa.Column("rafair_kept", sa.Boolean()),
        sa.Column("rafair_fair", sa.Boolean()),
    )
    op.create_index("ix_rows_monitor_window_place", "rows", ["monitor", "window", "place"])
    _of_window(
        "counts",
        ["monitor", "window", "rate"],
        sa.Column("rate", sa.Text(), nullable=False),
        sa.Column("good", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
    )
    _of_window(
        "outside",
        ["monitor", "window", "column"],
        sa.Column("column", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
    )
    _of_window(
        "quarantine",
        ["monitor", "window", "place"],
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
    )
    _of_window(
        "waiting_labels",
        ["monitor", "id"],
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("label", sa.Integer(), nullable=False),
    )
    _of_window(
        "positions",
        ["monitor", "source"],
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
    )
    _of_window(
        "deliveries",
        ["monitor", "window", "place"],
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("message", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.DateTime(timezone=True)),
        sa.Column("problem", sa.Text()),
    )


def _of_window(name: str, key: list[str], *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("monitor", sa.Integer(), nullable=False),
        sa.Column("window", sa.Integer(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["monitor", "window"],
            ["windows.monitor", "windows.number"],
            name=f"fk_{name}_windows",
        ),
        sa.PrimaryKeyConstraint(*key, name=f"pk_{name}"),
    )
