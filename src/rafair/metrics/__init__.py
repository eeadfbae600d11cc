"""Rates and their intervals: pure functions of verdicts."""
