"""Audits classifiers for robust accurate fairness."""
