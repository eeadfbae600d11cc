"""How rates are written: one rule of rounding for every table, sentence and picture.

Halves are rounded away from zero, on the share itself and not on the binary number that stands for
it: 315 of 400 is 0.788, though its nearest binary number lies below 0.7875.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

EXACT = 12
"""Decimals in which a share of up to 10^8 instances is still told from a half."""


def as_fraction(value: float, decimals: int = 3, *, signed: bool = False) -> str:
    """A share, or a difference of shares, as a fraction.

    Args:
        value: The share.
        decimals: How many decimals.
        signed: Whether a plus stands before what is above 0, as in differences.

    Example:
        >>> as_fraction(315 / 400), as_fraction(0.0625, 2), as_fraction(-1e-9)
        ('0.788', '0.06', '0.000')
        >>> as_fraction(0.0125, signed=True), as_fraction(-0.0125, signed=True)
        ('+0.013', '-0.013')
    """
    exact = Decimal(repr(round(float(value), EXACT)))
    # adding 0 takes the sign off a zero
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) + 0
    return f"{rounded:{'+' if signed else ''}.{decimals}f}"


def as_per_cent(value: float, decimals: int = 0) -> str:
    """A share in per cent, without the sign.

    Example:
        >>> as_per_cent(69 / 200), as_per_cent(39 / 200), as_per_cent(315 / 400, 1)
        ('35', '20', '78.8')
    """
    return as_fraction(100 * round(float(value), EXACT), decimals)
