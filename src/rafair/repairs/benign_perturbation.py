"""Benign perturbations (Algorithm 2): lower the loss of an instance and of its counterpart.

The mirror image of RAFair's false-fair attack, started from adversarial rows. It needs their true
classes; where no label exists, the majority prediction among the counterparts stands in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rafair.arguments import check_name
from rafair.models.classifier import Labels
from rafair.search.category_changes import Aim
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.finite_differences import steering
from rafair.search.goals import Goal
from rafair.search.loop import Problem, search
from rafair.search.observation import NONE, Observation
from rafair.search.search_budget import Budget
from rafair.search.trajectory import Trajectory
from rafair.tabular.encoding import Rows

LABELS = ("true", "consensus")


@dataclass(frozen=True)
class BenignPerturbation:
    """The repair.

    Args:
        labels: "true" to follow the true classes, "consensus" to follow the majority prediction
            over the counterparts of each adversarial row.

    Raises:
        UnknownNameError: If `labels` is neither.
    """

    labels: str = "true"

    def __post_init__(self) -> None:
        check_name("kind of labels", self.labels, LABELS)

    def run(
        self,
        sweep: CounterpartEvaluator,
        rows: Rows,
        labels: Labels,
        budget: Budget,
        seen: Observation | None = None,
    ) -> Trajectory:
        """Perturbs adversarial rows of shape `(n, d)`; verdicts are by the true `labels`.

        The perturbation set is centred on each adversarial row. A limit of gradient rows is one for
        attacks, and does not count here.
        """
        targets = labels
        if self.labels == "consensus":
            # verdicts that were proven leave the consensus open
            if seen is None or (seen.consensus == NONE).any():
                seen = sweep.judge(rows, labels, consensus=True)
            else:
                seen = seen.copy()
            targets = seen.consensus
            # what was differentiated against another class says nothing about this one
            seen.compared &= targets == labels
            seen.differentiated &= targets == labels
        problem = Problem(sweep, rows, targets, replace(budget, gradient_rows=None))
        look, move = steering(problem, Goal.TRUE_FAIR)
        aim = Aim.of(Goal.TRUE_FAIR)
        return search(problem, look=look, move=move, true_labels=labels, seen=seen, aim=aim)
