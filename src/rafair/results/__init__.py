"""Finished audits, read and verified: no model, no attack and no data frame is loaded for it."""
