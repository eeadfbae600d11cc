"""Alembic's scripts: how the tables of a store came to be what they are."""
