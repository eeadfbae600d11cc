"""Verdicts that are proven, not enumerated: bounds, boxes of counterparts, and their search."""
