"""What an attack is: a name, the verdicts it is after, how much it looks at, and how it moves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from rafair.models.classifier import Labels
from rafair.search.category_changes import Aim, choices, rows_per_choice
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.loop import Move, Problem, search
from rafair.search.observation import Observation
from rafair.search.queries import Follow, Query
from rafair.search.search_budget import Budget
from rafair.search.trajectory import Trajectory
from rafair.search.witnesses import Witnesses
from rafair.tabular.encoding import Rows
from rafair.tabular.perturbation import PerturbationSet
from rafair.verdicts import FALSE, Verdict


class Attack(ABC):
    """One attack; each is a value that knows its name."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name in commands and files."""

    @property
    def sought(self) -> frozenset[Verdict]:
        """The verdicts that count as success; the two false cells by default."""
        return FALSE

    @property
    def needs_gradients(self) -> bool:
        """Whether it has nothing to go by where a model gives no gradients."""
        return True

    @property
    def look(self) -> Query:
        """How much it looks at before each step; the gradient at the row itself by default."""
        return Follow()

    @property
    def aim(self) -> Aim | None:
        """What it changes categories for, where there are any; a wrong prediction by default."""
        return Aim()

    @abstractmethod
    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """Searches; `seen` is what is known of the start."""

    def run(
        self,
        sweep: CounterpartEvaluator,
        rows: Rows,
        labels: Labels,
        budget: Budget,
        seen: Observation | None = None,
        found: Witnesses | None = None,
    ) -> Trajectory:
        """Perturbs instances.

        Args:
            sweep: How rows are looked at.
            rows: Encoded rows of shape `(n, d)`.
            labels: Their true classes; shape `(n,)`.
            budget: How many steps, and the box they stay in.
            seen: What is known of the rows already.
            found: What other attacks have found already, for one that goes on from there.

        Returns:
            The rows and exactly `budget.steps` iterates of each.

        Raises:
            ModelError: If the model has no gradients, or a logit is not finite.
        """
        return self.solve(Problem(sweep, rows, labels, budget, found=found), seen)

    def after(self, names: Iterable[str]) -> Attack:
        """The same where these attacks run before it on the same rows: only its costs differ."""
        return self

    def most_rows(self, counterparts: int, steps: int) -> int:
        """The most rows that an instance with so many counterparts can need.

        The verdict of the clean row is not among them: attacks share it.
        """
        own = steps if isinstance(self.look, Follow) else 0
        return steps * counterparts + own

    def most_choices(self, steps: int) -> int:
        """How many times it chooses the levels of categories, where there are any."""
        return choices(steps)

    def most_probes(self, features: int, steps: int) -> int:
        """The most further rows that it needs where a model gives no gradients.

        Args:
            features: How many features may move.
            steps: How many steps it takes.
        """
        return 0

    def most_queries(
        self, counterparts: int, features: int, steps: int, box: PerturbationSet | None
    ) -> int:
        """The most rows that a model without gradients is asked about, for an instance.

        Args:
            counterparts: How many counterparts it has, itself included.
            features: How many features may move.
            steps: How many steps the attack takes.
            box: Where categories may change; None where none does.
        """
        tried = 0 if box is None else rows_per_choice(box, self.aim)
        rows = self.most_rows(counterparts, steps) + self.most_probes(features, steps)
        return rows + self.most_choices(steps) * tried


class SingleSearch(Attack):
    """An attack that is one search, and supplies no more than how that moves."""

    @abstractmethod
    def moves(self, problem: Problem) -> Move:
        """How rows go from one step to the next."""

    def solve(self, problem: Problem, seen: Observation | None) -> Trajectory:
        """Searches once."""
        return search(problem, look=self.look, move=self.moves(problem), seen=seen, aim=self.aim)
