"""The probes of a watch: under what rows may be looked at besides as they came."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """One probe; small and short, as `JudgeOptions` says.

    Args:
        said: Under what rows are looked at, in words.
        attack: The attack that searches, or a union; options may follow, as in `pgd:restarts=2`.
        follows: Whether it asks for gradients.
    """

    said: str
    attack: str
    follows: bool = True


NOISE, RAFAIR, STRONGEST = "noise", "rafair", "strongest"

# In the order they are run: what one has seen of rows as they came, those after it need not ask.
PROBES = {
    RAFAIR: Probe("under RAFair", "rafair"),
    STRONGEST: Probe("under the strongest search", "strongest"),
    NOISE: Probe("under noise", "noise", follows=False),
}
"""By the names that users, results and columns of the store call them by: words of a-z and _."""

DEFAULT = (NOISE, STRONGEST)
"""Those that a watch has unless others are named."""

SEARCHES = tuple(name for name, probe in PROBES.items() if probe.follows)
"""Those that search; the most thorough last."""
