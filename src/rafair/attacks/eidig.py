"""EIDIG: ADF with the gradient of the output, momentum, and fewer gradients in the local phase.

Source: L. Zhang, Y. Zhang, M. Zhang, "Efficient White-Box Fairness Testing through Gradient
Search", ISSTA 2021. *Global*: the gradients of the predicted class's probability, at the row and at
the counterpart whose output lies farthest, each carry momentum (G ← .5·G + g); where their signs
agree, step against them, which makes the model doubt both predictions. *Local*: one feature up or
down, drawn with probability proportional to 1 / (|g| + |g'|); these weights are computed anew only
after several successes, and a failure goes back to where the phase began.

Departures from the authors' code: steps, box, seeds, the length of the phases and the batches are
those of this library, as in ADF. For more than two classes the distance of outputs is that of the
true class's probability.
"""

from __future__ import annotations

from dataclasses import dataclass

from rafair.arguments import check_real, check_whole
from rafair.attacks.two_phase_attack import MOST_LOCAL_STEPS, FairnessTest
from rafair.models.losses import Doubt
from rafair.search.loop import Problem
from rafair.search.two_phase import Plan

DRAWS = 2_000_002


@dataclass(frozen=True)
class EIDIG(FairnessTest):
    """The efficient individual discriminatory instance generator.

    Args:
        momentum: The share of the last gradient that is added to the next.
        update_interval: After how many local successes the features' weights are computed anew.

    Raises:
        InputError: If an option is out of range.

    Example:
        >>> EIDIG().update_interval
        5
    """

    momentum: float = 0.5
    update_interval: int = 5
    name: str = "eidig"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("momentum", self.momentum, 0, 1, low_included=True)
        check_whole("update_interval", self.update_interval, 1, MOST_LOCAL_STEPS)

    def plan(self, problem: Problem) -> Plan:
        """Until found; then single features, back to the found row after each failure."""
        return Plan(
            loss=Doubt(),
            momentum=self.momentum,
            give_up=problem.budget.steps - (self.local_steps or 0),
            local_steps=self.local_steps,
            refresh=self.update_interval,
            back_to_seed=True,
            fine_steps=self.fine_steps,
            draws=DRAWS,
        )
