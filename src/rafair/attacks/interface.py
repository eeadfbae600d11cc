"""What an attack is: a name, the verdicts it is after, and a run that leaves a trajectory."""

from __future__ import annotations

from typing import Protocol

from rafair.models.classifier import Labels
from rafair.search.budget import Budget
from rafair.search.looks import Look
from rafair.search.observation import Observation
from rafair.search.sweep import Sweep
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows
from rafair.verdicts import Verdict


class Attack(Protocol):
    """One attack; each is a value that knows its name."""

    @property
    def name(self) -> str:
        """Its name in commands and files."""

    @property
    def look(self) -> Look:
        """How much it looks at, which decides what it costs."""

    @property
    def sought(self) -> frozenset[Verdict]:
        """The verdicts that count as success."""

    def run(
        self,
        sweep: Sweep,
        rows: Rows,
        labels: Labels,
        budget: Budget,
        seen: Observation | None = None,
    ) -> Trajectory:
        """Perturbs rows of shape `(n, d)` with true classes `labels`; `seen` is what is known."""
