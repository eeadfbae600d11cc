"""DICE: a search guided by how many different treatments the sensitive values lead to.

Source: V. Monjezi et al., "Information-Theoretic Testing and Debugging of Fairness Defects in Deep
Neural Networks", ICSE 2023. The probabilities of all counterparts are put into bins; their number k
tells how much a sensitive value decides: log2 k bits (min-entropy), or the Shannon entropy of the
bins' shares. *Global*: draw two counterparts from the fullest bin, and step uphill where the slopes
of both losses agree. It does not stop at the first row found. *Local*, where k is at least 2: from
the row with the widest range of bins, basin-hopping that widens the range, one feature at a time,
drawn by 1 / (|g| + |g'|) of two counterparts from the lowest and the highest bin.

Departures from the authors' code: bins are of the true class's probability, which for two classes
are the same bins; a row counts as found where predictions differ, as everywhere in this library;
steps, box, seeds, lengths and batches are those of the audit, half of the steps for each phase. The
repair of single neurons, their other half, is no attack and not here.
"""

from __future__ import annotations

from dataclasses import dataclass

from rafair.attacks.registry import BIN_WIDTH
from rafair.attacks.two_phase_attack import FairnessTest
from rafair.search.disparity import Bins, Disparity
from rafair.search.loop import Problem
from rafair.search.two_phase import Plan

DRAWS = 2_000_003


@dataclass(frozen=True)
class DICE(FairnessTest):
    """The information-theoretic discrimination search.

    Args:
        width: The width of a bin of probability.

    Raises:
        InputError: If an option is out of range.

    Example:
        >>> DICE(width=0.01).name
        'dice'
    """

    width: float = BIN_WIDTH
    name: str = "dice"

    def __post_init__(self) -> None:
        super().__post_init__()
        Bins(self.width)

    def spread(self, seed: int) -> Disparity:
        """Counts per bin, with two counterparts of the fullest and one of each end."""
        return Bins(self.width, seed)

    def plan(self, problem: Problem) -> Plan:
        """Half of the steps towards the boundary; then basin-hopping for the widest range."""
        all_steps = problem.budget.steps - (self.local_steps or 0)
        return Plan(
            loss=problem.sweep.loss,
            global_steps=(all_steps + 1) // 2,
            give_up=all_steps,
            local_steps=self.local_steps,
            fine_steps=self.fine_steps,
            draws=DRAWS,
        )
