"""Random draws around rows that no attack broke: where they break one, the search was too weak.

Draws follow nothing. Where so few break what a search left standing, the search was too weak, and
its robust rates say too much.
"""

from __future__ import annotations

from dataclasses import replace

from rafair.attacks.noise import Noise
from rafair.models.classifier import Labels
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.observation import Observation
from rafair.search.search_budget import Budget
from rafair.tabular.encoding import Rows
from rafair.verdicts import Verdict

DRAWS = 5
"""Of each instance."""

SEEDS = 2**32


def broken_by_draws(
    sweep: CounterpartEvaluator, rows: Rows, labels: Labels, budget: Budget, clean: Observation
) -> int:
    """How many instances random draws break that are right and equal as they are.

    The draws are others than those of the attack `noise` in the same audit.

    Args:
        sweep: How rows are looked at.
        rows: Encoded rows of shape `(n, d)`.
        labels: Their true classes; shape `(n,)`.
        budget: The box that draws stay in.
        clean: What is known of the rows.

    Raises:
        ModelError: If a logit is not finite.
    """
    others = replace(budget, steps=DRAWS, seed=(budget.seed + 1) % SEEDS)
    found = Noise().run(sweep, rows, labels, others, clean)
    return int((found.verdicts() != Verdict.TRUE_FAIR).any(axis=1).sum())


def most_rows(instances: int, counterparts: int) -> int:
    """The most rows that the model is asked about, of so many counterparts in all."""
    return DRAWS * (counterparts + instances)
