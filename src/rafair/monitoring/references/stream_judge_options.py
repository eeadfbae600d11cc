"""How rows are judged: as the audit did, and under probes that are small and short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, StrictBool, StrictFloat, StrictInt

from rafair.arguments import check_name, check_real, check_whole
from rafair.errors import InputError
from rafair.monitoring.option_groups import EPSILON, STEPS
from rafair.monitoring.probes import DEFAULT, PROBES
from rafair.monitoring.watched_rates import CLEAN
from rafair.results.audit_options import AuditOptions, Perturbation
from rafair.search.step_length import following_step

if TYPE_CHECKING:
    from rafair.tabular.perturbation import PerFeature

MOST_STEPS = 100
FROM_AUDIT = (
    "seed",
    "k",
    "loss",
    "perturb_sensitive",
    "max_category_changes",
    "black_box",
    "chunk_rows",
)
"""What a judge takes over from the audit."""


@dataclass(frozen=True)
class StreamJudgeOptions:
    """What decides every answer of a judge, besides the model.

    Args:
        probes: Under what rows are judged besides as they came: names of `PROBES`, or none.
        epsilon: The largest change of a feature by a probe, or one by feature name.
        steps: How many iterates noise and each search have.
        perturbation: "paper" or "feasible".
        seed: Of noise.
        k: The factor K of the fairness condition.
        loss: The loss that searches follow.
        perturb_sensitive: Whether probes may move sensitive features as well.
        max_category_changes: How many categories a feasible probe may change.
        black_box: Whether a model that gives gradients is treated as if it gave none.
        chunk_rows: Rows computed at once.

    Raises:
        InputError: If an option is out of range.

    Example:
        >>> StreamJudgeOptions(steps=4).config.step_size, StreamJudgeOptions(probes=()).conditions
        (0.0125, ('clean',))
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    probes: tuple[str, ...] = DEFAULT
    epsilon: StrictFloat | Mapping[str, StrictFloat] = EPSILON
    steps: StrictInt = STEPS
    perturbation: str = Perturbation.PAPER
    seed: StrictInt = 0
    k: StrictFloat = 0.0
    loss: str = "cross-entropy"
    perturb_sensitive: StrictBool = False
    max_category_changes: StrictInt = 1
    black_box: StrictBool = False
    chunk_rows: StrictInt | None = None

    def __post_init__(self) -> None:
        for probe in self.probes:
            check_name("probe", probe, PROBES)
        if len(set(self.probes)) < len(self.probes):
            raise InputError(f"probes: expected each once, got {', '.join(self.probes)}")
        check_whole("steps", self.steps, 1, MOST_STEPS)
        given = self.epsilon if isinstance(self.epsilon, Mapping) else {"": self.epsilon}
        for name, value in given.items():
            check_real("epsilon" + (f" of '{name}'" if name else ""), value, 0, 1)
        check_name("perturbation", self.perturbation, (Perturbation.PAPER, Perturbation.FEASIBLE))
        _ = self.config

    @classmethod
    def of(
        cls,
        audited: AuditOptions,
        probes: Sequence[str] = DEFAULT,
        epsilon: PerFeature = EPSILON,
        steps: int = STEPS,
    ) -> StreamJudgeOptions:
        """Those that go with an audit.

        Where it tried both kinds of perturbations, probes are the feasible ones: rows that could
        really happen.

        Args:
            audited: The options of the audit, with `chunk_rows` filled in.
            probes: Names of `PROBES`, or none.
            epsilon: The largest change of a feature, or one by feature name.
            steps: How many iterates.
        """
        paper = audited.perturbation == Perturbation.PAPER
        named = sorted(check_name("probe", probe, PROBES) for probe in probes)
        return cls(
            probes=tuple(named),
            epsilon=epsilon,
            steps=steps,
            perturbation=str(Perturbation.PAPER if paper else Perturbation.FEASIBLE),
            **{name: getattr(audited, name) for name in FROM_AUDIT},
        )

    @property
    def conditions(self) -> tuple[str, ...]:
        """Under what rows are looked at, as they came first."""
        return (CLEAN, *self.probes)

    @property
    def config(self) -> AuditOptions:
        """The same as the options of an audit."""
        return AuditOptions(
            attacks=tuple(PROBES[name].attack for name in self.probes),
            instances=None,
            steps=self.steps,
            step_size=self._step_size,
            epsilon=self.epsilon,
            labels=None,
            perturbation=self.perturbation,
            **{name: getattr(self, name) for name in FROM_AUDIT},
        )

    @property
    def _step_size(self) -> PerFeature:
        if isinstance(self.epsilon, Mapping):
            return {name: following_step(value, self.steps) for name, value in self.epsilon.items()}
        return following_step(self.epsilon, self.steps)
