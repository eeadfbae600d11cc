"""What ADF, EIDIG and DICE share as attacks: two phases, and biased cells to be after."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace

from rafair.arguments import check_whole
from rafair.attacks.interface import Attack
from rafair.search.category_changes import Aim
from rafair.search.disparity import Disparity, Farthest
from rafair.search.loop import Problem, search
from rafair.search.observation import Observation
from rafair.search.queries import Contrast, Query
from rafair.search.trajectory import Trajectory
from rafair.search.two_phase import Plan, TwoPhases, kept
from rafair.verdicts import BIASED, Verdict

MOST_LOCAL_STEPS = 100_000


@dataclass(frozen=True)
class FairnessTest(Attack):
    """A search for rows whose counterparts are treated differently; labels play no part.

    Args:
        local_steps: How many steps the local phase lasts; None fits it into the common number of
            steps. More are searched and counted, and the best of them are kept: those that treat
            counterparts differently.
        fine_steps: Whether global steps move one feature at a time once a step has carried a row
            and all its counterparts across the decision boundary together; False is as published,
            and jumps over thin bands.

    Raises:
        InputError: If `local_steps` is not a whole number from 1.
    """

    local_steps: int | None = None
    fine_steps: bool = True

    def __post_init__(self) -> None:
        if self.local_steps is not None:
            check_whole("local_steps", self.local_steps, 1, MOST_LOCAL_STEPS)

    @abstractmethod
    def plan(self, problem: Problem) -> Plan:
        """What kind of test this is."""

    @property
    def sought(self) -> frozenset[Verdict]:
        """The two biased cells."""
        return BIASED

    @property
    def aim(self) -> Aim:
        """Different predictions of the two counterparts that are treated most differently."""
        return Aim(apart=True)

    @property
    def look(self) -> Query:
        """All counterparts' predictions; gradients at two of them are asked for as needed."""
        return Contrast(self.spread(0))

    def spread(self, seed: int) -> Disparity:
        """How two counterparts are chosen: the row itself, and the one farthest from it."""
        return Farthest()

    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """Searches for all steps, and for further local ones if there are to be more."""
        budget, look = problem.budget, Contrast(self.spread(problem.budget.seed))
        steps = budget.steps + (self.local_steps or 0)
        longer = replace(problem, budget=replace(budget, steps=steps))
        moves = TwoPhases(longer, self.plan(longer))
        found = search(longer, look=look, move=moves, seen=seen, aim=self.aim)
        return kept(found, budget.steps)

    def most_rows(self, counterparts: int, steps: int) -> int:
        """All counterparts at every step and once more at the start, and two gradients each."""
        total = steps + (self.local_steps or 0)
        return (total + 1) * counterparts + 2 * total

    def most_choices(self, steps: int) -> int:
        """Those of local steps as well."""
        return super().most_choices(steps + (self.local_steps or 0))
