"""What the files of an audit's run folder are called, and their version."""

from __future__ import annotations

from rafair.verdicts import Verdict

SCHEMA_VERSION = 1
AUDIT = "audit.json"
ADVERSARIAL, REPAIRED = "adversarial.parquet", "repaired.parquet"
CURVE = "curve.parquet"
VERDICTS = "verdicts.parquet"
CERTIFICATES = "certificates.parquet"

CLEAN = "clean"
"""Stands in the column `attack` where no attack was asked for: clean rows only."""

VERDICT_NAMES = [str(verdict) for verdict in Verdict]
