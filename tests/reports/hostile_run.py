"""A real audit in which every name that a user can choose is hostile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import rafair
from rafair.tabular.schema import Feature, Schema
from rafair.tabular.table import Table

SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"
SUM = "@SUM(1)"
REORDERED = "a\u202eb"
PIPE = "x|y"
BROKEN = "two\r\nlines\x1b[31m"
LINK = "](javascript:alert(1))"
HIDDEN = "zero\u200bwidth"
PLUS, MINUS, WIDE = "+1+1", "-2+3", "\uff1d1+1"
CLASSES = (FORMULA, f"{SCRIPT}{REORDERED}")
LEVELS = (SUM, f"[click{LINK}", BROKEN, PLUS)
SENSITIVE_LEVELS = (f" {FORMULA}", WIDE, HIDDEN)
NAMES = (SCRIPT, PIPE, f"{MINUS} @user #1", f"{BROKEN}{REORDERED}", "`code` *bold*")


def hostile_table(n: int = 90) -> Table:
    """Numbers and levels, some of them missing; names that are code in some format."""
    number, integer, levels, sensitive, other = NAMES
    schema = Schema(
        features=(
            Feature(name=number, kind="numeric", minimum=-1, maximum=1, unit=FORMULA),
            Feature(name=integer, kind="integer", minimum=-50, maximum=50),
            Feature(name=levels, kind="categorical", levels=LEVELS, missing=True),
            Feature(
                name=sensitive,
                kind="categorical",
                levels=SENSITIVE_LEVELS,
                sensitive=True,
                domain=SENSITIVE_LEVELS,
            ),
            Feature(name=other, kind="numeric", minimum=0, maximum=1, missing=True),
        ),
        label=FORMULA,
        classes=CLASSES,
    )
    draws = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            number: draws.uniform(-1, 1, n),
            integer: draws.integers(-50, 51, n),
            levels: draws.choice(LEVELS, n),
            sensitive: draws.choice(SENSITIVE_LEVELS, n),
            other: draws.uniform(0, 1, n),
        }
    )
    frame.loc[draws.random(n) < 0.2, levels] = None
    frame.loc[draws.random(n) < 0.2, other] = np.nan
    return Table(frame, draws.integers(0, 2, n), schema, f"data {SCRIPT}|{FORMULA}")


def hostile_audit(folder: Path) -> rafair.Audit:
    """An audit of a function of all features on that table, kept in a folder."""

    def model(rows: np.ndarray) -> np.ndarray:
        score = rows @ np.array([1.5, 1.0, 0.7, 0.9, 1.2], np.float32) - 2.6
        return np.stack([np.zeros(len(rows), np.float32), score], axis=1)

    model.__name__ = f"{SUM}{LINK}"
    return rafair.audit(model, hostile_table(), steps=4, step_size=0.05, out=folder)
