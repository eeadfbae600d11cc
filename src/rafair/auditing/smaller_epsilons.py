"""What attacks break at smaller budgets, before they get the largest: a curve instead of a point.

Boxes are nested, so a row that breaks a property at one epsilon breaks it at every larger one. Of
each attack the first row that breaks each property is kept, and what one has broken it does not try
again: robust rates fall with epsilon by construction, whatever a search finds or misses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from rafair.attacks.registry import WITNESSES
from rafair.auditing.evaluation import Attacked, Company, Inquiry, attacked
from rafair.errors import InputError
from rafair.models.classifier import Labels
from rafair.results.attack_runs import is_feasible, keeps_witnesses, own_name, sought_by
from rafair.results.run_files import CLEAN
from rafair.search.observation import Observation
from rafair.search.witnesses import Witnesses
from rafair.tabular.encoding import Rows

Key = TypeVar("Key", str, bool)


@dataclass
class Curve:
    """Goes through the smaller budgets of an audit, in ascending order.

    Args:
        inquiry: Who is asked, and how.
        rows: Encoded rows of shape `(n, d)`.
        labels: Their true classes; shape `(n,)`.
    """

    inquiry: Inquiry
    rows: Rows
    labels: Labels
    seen: Observation | None = None
    """What is known of the rows as they came, once an attack has looked at them."""
    found: dict[bool, Witnesses] = field(default_factory=dict)
    """All that was broken under the paper's (False) and feasible (True) perturbations."""
    _own: dict[str, Witnesses] = field(default_factory=dict)

    def go(self, attacks: Sequence[str], each: Callable[[float, Attacked], None]) -> None:
        """Runs all attacks at every smaller budget.

        Args:
            attacks: Names of single attacks, in the order they are run.
            each: Handed, with the budget, what each attack has broken up to then: the row as it
                came, and of each property the first row that breaks it.
        """
        for epsilon in self.inquiry.config.smaller:
            inquiry = replace(self.inquiry, config=self.inquiry.config.at(epsilon))
            for known in self.found.values():
                known.tried.clear()
            for name in attacks:
                each(epsilon, self._attack(inquiry, name))

    def _attack(self, inquiry: Inquiry, name: str) -> Attacked:
        kind, takes_over = is_feasible(name, inquiry.config), keeps_witnesses(name)
        where = np.arange(len(self.rows))
        if self.seen is not None and not takes_over:
            where = self._of(self._own, name).holding(sought_by(name))
        spent = inquiry.nothing
        if where.size:
            before = self.found.get(kind) if takes_over else None
            company = Company(self.rows, self.labels, self.seen).take(where)
            asked = name if _moves(inquiry, name) else CLEAN
            done = attacked(inquiry, asked, where, company, before)
            self.seen, spent = self.seen or done.trajectory.observations[0], done.spent
            for witnesses in (self._of(self._own, name), self._of(self.found, kind)):
                witnesses.add(where, done.trajectory)
        self._of(self.found, kind).tried.add(own_name(name))
        return Attacked.of(name, self._own[name].trajectory(WITNESSES), spent)

    def _of(self, known: dict[Key, Witnesses], key: Key) -> Witnesses:
        """What is known of an attack, or a kind of perturbations: nothing yet, to begin with."""
        assert self.seen is not None  # an attack has looked
        if key not in known:
            known[key] = Witnesses(self.rows, self.labels, self.seen)
        return known[key]


def _moves(inquiry: Inquiry, name: str) -> bool:
    """Whether anything can move within an attack's budget: what is on grids may need a larger."""
    try:
        inquiry.budget(name)
    except InputError:
        return False
    return True
