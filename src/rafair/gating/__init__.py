"""Thresholds and results in, decisions out: gates, and what changed between two audits."""
