"""Attacks that run several times from different points, of which each instance keeps its best."""

from __future__ import annotations

from abc import abstractmethod

from rafair.attacks.interface import Attack
from rafair.search.best_of_restarts import best_of
from rafair.search.loop import Move, Problem, search
from rafair.search.observation import Observation
from rafair.search.trajectory import Trajectory


class Restarted(Attack):
    """An attack with an option `restarts`: how many runs it makes."""

    restarts: int

    @abstractmethod
    def moves(self, problem: Problem, number: int = 0) -> Move:
        """How rows go from one step to the next in one run, counted from 0."""

    def runs(self, problem: Problem, seen: Observation | None) -> list[Trajectory]:
        """Each of its runs."""
        found: list[Trajectory] = []
        for number in range(self.restarts):
            move = self.moves(problem, number)
            found.append(search(problem, look=self.look, move=move, seen=seen, aim=self.aim))
            seen = found[0].observations[0]
        return found

    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """Runs from each start; each instance keeps its best run."""
        return best_of(self.runs(problem, seen), self.sought)

    def most_rows(self, counterparts: int, steps: int) -> int:
        """Those of all runs."""
        return self.restarts * super().most_rows(counterparts, steps)

    def most_choices(self, steps: int) -> int:
        """Those of all runs."""
        return self.restarts * super().most_choices(steps)
