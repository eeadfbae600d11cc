"""Attacks: one algorithm per file, listed in the registry."""
