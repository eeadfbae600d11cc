"""The options of an audit that decide its figures, checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rafair.arguments import check_name, check_real, check_whole
from rafair.attacks.naming import expand
from rafair.attacks.registry import WITNESSES
from rafair.errors import InputError
from rafair.search.reach import following_step
from rafair.tabular.bands import check_edges, edges_of
from rafair.tabular.schema import Schema

if TYPE_CHECKING:
    from rafair.tabular.perturbation import PerFeature

DEFAULT_ATTACKS = ("rafair", "strongest")
"""The paper's attack in full, and all attacks together on what it left."""

DEFAULT_INSTANCES = 200
STEP_SIZE = 0.01
"""The paper's: 20 of them reach 0.2."""

OWN_EPSILONS = (0.01, 0.02, 0.05)
"""The budgets of one's own data, as shares of each feature's usual spread."""

MOST_EPSILONS = 20
MOST_STEPS = 10_000
MOST_CHUNK_ROWS = 1_000_000
MOST_GRADIENT_ROWS = 1_000_000_000_000
LARGEST_K = 1e6
LARGEST_SEED = 2**32 - 1
MOST_CATEGORY_CHANGES = 1_000
LOSSES = ("cross-entropy", "mse", "margin")
LABELS = ("true", "consensus")


class Perturbation(StrEnum):
    """Which rows an attack may try.

    `paper` moves codes continuously; `feasible` keeps to rows that could really happen
    (`FeasibleSet`); `both` runs every attack under either.
    """

    PAPER = "paper"
    FEASIBLE = "feasible"
    BOTH = "both"


@dataclass(frozen=True)
class AuditOptions:
    """The options of an audit that decide its figures.

    Args:
        attacks: Names of attacks and unions; none at all gives clean verdicts only. By default
            those of `DEFAULT_ATTACKS` that this many steps are enough for.
        instances: How many rows to sample; None takes all.
        steps: The number of iterates T of each attack and of the repair.
        step_size: The length of a step as a share of a feature's scale, or one by feature name. By
            default 2.5 / `steps` of `epsilon`, where that is given, else 0.01.
        epsilon: The largest change of a feature, or one by feature name; `steps × step_size` by
            default.
        epsilons: Several budgets, of which `epsilon` is the largest.
        k: The factor K of the fairness condition.
        loss: The loss that attacks follow.
        labels: What the repair follows: "true" labels, the counterparts' "consensus", or None for
            no repair.
        seed: Decides which rows are sampled, and bootstrap intervals.
        perturb_sensitive: Whether perturbations may move sensitive features as well.
        max_gradient_rows: The most gradient rows that an attack may ask for, for each instance;
            None sets no limit. An attack whose next look would cost more stays where it is.
        black_box: Whether a model that gives gradients is treated as if it gave none.
        max_queries: The most rows that a model without gradients may be asked about, by one call of
            a command; None sets no limit. It decides no figure.
        chunk_rows: Rows computed at once; None takes what suits the number of counterparts. Another
            shape may round results differently.
        perturbation: "paper" for continuous steps of all codes, "feasible" for rows that could
            really happen, "both" for each attack under either.
        max_category_changes: How many categories a feasible perturbation may change.
        bands: Ascending edges of the bands that rates by group are given by, by sensitive feature;
            a band holds its lower edge. Features that are not named have the schema's bands.

    Raises:
        InputError: If an option is out of range.
    """

    attacks: tuple[str, ...] = DEFAULT_ATTACKS
    instances: int | None = DEFAULT_INSTANCES
    steps: int = 20
    step_size: PerFeature = None  # type: ignore[assignment]  # filled in below
    epsilon: PerFeature | None = None
    epsilons: tuple[float, ...] | None = None
    k: float = 0.0
    loss: str = "cross-entropy"
    labels: str | None = "true"
    seed: int = 0
    perturb_sensitive: bool = False
    max_gradient_rows: int | None = None
    black_box: bool = False
    max_queries: int | None = None
    chunk_rows: int | None = None
    perturbation: str = Perturbation.PAPER
    max_category_changes: int = 1
    bands: Mapping[str, Sequence[float]] | None = None

    def __post_init__(self) -> None:
        check_whole("steps", self.steps, 1, MOST_STEPS)
        if self.attacks is DEFAULT_ATTACKS and self.steps < WITNESSES:  # nobody named them
            object.__setattr__(self, "attacks", DEFAULT_ATTACKS[:1])
        expand(self.attacks)
        if self.instances is not None:
            check_whole("instances", self.instances, 1, 1_000_000_000)
        if self.epsilons is not None:
            self._take_the_largest(self.epsilons)
        for name, value in (("step_size", self.step_size), ("epsilon", self.epsilon)):
            if value is not None and not isinstance(value, Mapping):
                check_real(name, value, 0, 1)
        if self.step_size is None:
            given = self.epsilon is not None
            object.__setattr__(self, "step_size", self.following if given else STEP_SIZE)
        check_real("k", self.k, 0, LARGEST_K, low_included=True)
        check_name("loss", self.loss, LOSSES)
        if self.labels is not None:
            check_name("kind of labels", self.labels, LABELS)
        check_whole("seed", self.seed, 0, LARGEST_SEED)
        if self.max_gradient_rows is not None:
            check_whole("budget gradient_rows", self.max_gradient_rows, 1, MOST_GRADIENT_ROWS)
        if self.max_queries is not None:
            check_whole("max_queries", self.max_queries, 1, MOST_GRADIENT_ROWS)
        if self.chunk_rows is not None:
            check_whole("chunk_rows", self.chunk_rows, 1, MOST_CHUNK_ROWS)
        check_name("perturbation", self.perturbation, list(Perturbation))
        check_whole("max_category_changes", self.max_category_changes, 0, MOST_CATEGORY_CHANGES)
        if self.bands is not None:
            _check_bands(self.bands)

    def _take_the_largest(self, given: Sequence[float]) -> None:
        """Lets `epsilon` be the largest of several budgets, which stand in order."""
        if isinstance(given, str) or not isinstance(given, Sequence) or not given:
            raise InputError(f"epsilons: expected numbers above 0 up to 1, got {given!r}")
        check_whole("number of epsilons", len(given), 1, MOST_EPSILONS)
        budgets = tuple(sorted(float(check_real("epsilons", one, 0, 1)) for one in given))
        if len(set(budgets)) < len(budgets):
            raise InputError(f"epsilons: expected each once, got {', '.join(map(str, given))}")
        if self.epsilon not in (None, budgets[-1]):
            raise InputError(
                f"epsilon: expected not beside epsilons, whose largest it is ({budgets[-1]:g}); "
                f"got {self.epsilon!r}"
            )
        object.__setattr__(self, "epsilons", budgets)
        object.__setattr__(self, "epsilon", budgets[-1])

    def bands_of(self, schema: Schema) -> dict[str, tuple[float, ...]]:
        """The edges of the bands of every sensitive number that has bands, in column order.

        Args:
            schema: The features of the rows.

        Raises:
            InputError: If bands are given of a feature that is unknown, not sensitive or not a
                number, or edges outside its range.
        """
        given = self.bands or {}
        for name in given:
            feature, where = schema[name], f"bands of '{name}'"
            if not feature.sensitive:
                raise InputError(
                    f"{where}: expected a sensitive feature ({', '.join(schema.sensitive)}), got "
                    "one that is not"
                )
            if not feature.kind.is_number:
                raise InputError(
                    f"{where}: expected a feature that is a number, got kind '{feature.kind}', "
                    "whose levels are groups by themselves"
                )
            check_edges(where, given[name], feature)
        numbers = [f for f in map(schema.__getitem__, schema.sensitive) if f.kind.is_number]
        edges = {f.name: given[f.name] if f.name in given else edges_of(f) for f in numbers}
        return {name: tuple(map(float, found)) for name, found in edges.items() if found}

    @property
    def default_epsilon(self) -> PerFeature:
        """`steps × step_size`, and never beyond a feature's range."""
        if isinstance(self.step_size, Mapping):
            return {name: _product(self.steps, size) for name, size in self.step_size.items()}
        return _product(self.steps, self.step_size)

    @property
    def reach(self) -> PerFeature:
        """`epsilon`, by default `default_epsilon`."""
        return self.default_epsilon if self.epsilon is None else self.epsilon

    @property
    def smaller(self) -> tuple[float, ...]:
        """The budgets below `epsilon`, ascending."""
        return (self.epsilons or ())[:-1]

    @property
    def following(self) -> PerFeature:
        """The step that follows from `epsilon`: so many of them cross its box."""
        if isinstance(self.reach, Mapping):
            return {name: following_step(size, self.steps) for name, size in self.reach.items()}
        return following_step(self.reach, self.steps)

    @property
    def widest(self) -> float:
        """The largest of `reach`."""
        return max(self.reach.values()) if isinstance(self.reach, Mapping) else float(self.reach)

    def to_dict(self) -> dict[str, object]:
        """As plain values, with the default of `epsilon` filled in."""
        return {
            "attacks": list(self.attacks),
            "instances": self.instances,
            "steps": self.steps,
            "step_size": _plain(self.step_size),
            "epsilon": _plain(self.reach),
            "epsilons": None if self.epsilons is None else list(self.epsilons),
            "k": self.k,
            "loss": self.loss,
            "labels": self.labels,
            "seed": self.seed,
            "perturb_sensitive": self.perturb_sensitive,
            "max_gradient_rows": self.max_gradient_rows,
            "black_box": self.black_box,
            "max_queries": self.max_queries,
            "chunk_rows": self.chunk_rows,
            "perturbation": str(self.perturbation),
            "max_category_changes": self.max_category_changes,
            "bands": {
                name: [float(e) for e in edges] for name, edges in (self.bands or {}).items()
            },
        }


def _check_bands(bands: Any) -> None:
    if not isinstance(bands, Mapping):
        raise InputError(
            f"bands: expected edges by the name of a feature, got {type(bands).__name__}"
        )
    for name, edges in bands.items():
        check_edges(f"bands of '{name}'", edges)


def _product(steps: int, size: float) -> float:
    # 12 digits, so that 3 steps of 0.1 are 0.3 and not 0.30000000000000004
    return min(float(f"{steps * size:.12g}"), 1.0)


def _plain(value: PerFeature) -> Any:
    return dict(value) if isinstance(value, Mapping) else float(value)
