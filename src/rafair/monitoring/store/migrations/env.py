"""What Alembic runs to make migrations over the connection that it was given."""

from __future__ import annotations

from alembic import context

from rafair.monitoring.store.run_migrations import configure


def run() -> None:
    """Makes the migrations in the transaction that is open."""
    context.configure(**configure(context.config.attributes["connection"]))  # type: ignore[arg-type]
    context.run_migrations()


if __name__ == "env_py":  # as Alembic calls it; others only look at it
    run()
