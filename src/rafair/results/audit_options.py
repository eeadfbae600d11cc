"""The options of an audit that decide its figures, checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from rafair.arguments import check_name, check_real, check_whole
from rafair.attacks.attack_names import expand
from rafair.attacks.registry import WITNESSES
from rafair.errors import InputError
from rafair.options import check_options
from rafair.results.audit_option_groups import DEFAULT_ATTACKS, STEP_SIZE, Auditing
from rafair.search.step_length import following_step
from rafair.tabular.bands import check_edges, edges_of
from rafair.tabular.schema import Schema

if TYPE_CHECKING:
    from rafair.tabular.perturbation import PerFeature

MOST_EPSILONS = 20
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


@dataclass(frozen=True, kw_only=True)
class AuditOptions(Auditing):
    """The options of an audit that decide its figures.

    Ranges, defaults and meanings of the others stand in `option_groups.py`.

    Args:
        attacks: By default those of `DEFAULT_ATTACKS` that this many steps are enough for.
        step_size: By default 2.5 / `steps` of `epsilon`, where that is given, else 0.01.
        epsilons: Several budgets, of which `epsilon` is the largest.
        perturbation: "paper", "feasible" or "both".

    Raises:
        InputError: If an option is out of range.
    """

    attacks: tuple[str, ...] = DEFAULT_ATTACKS
    step_size: PerFeature = None  # type: ignore[assignment]  # filled in below
    epsilons: tuple[float, ...] | None = None
    perturbation: str = Perturbation.PAPER

    def __post_init__(self) -> None:
        check_options(self)
        if self.attacks is DEFAULT_ATTACKS and self.steps < WITNESSES:  # nobody named them
            object.__setattr__(self, "attacks", DEFAULT_ATTACKS[:1])
        expand(self.attacks)
        if self.epsilons is not None:
            self._take_the_largest(self.epsilons)
        if self.step_size is None:
            given = self.epsilon is not None
            object.__setattr__(self, "step_size", self.following if given else STEP_SIZE)
        elif not isinstance(self.step_size, Mapping):
            check_real("step_size", self.step_size, 0, 1)
        check_name("loss", self.loss, LOSSES)
        if self.labels is not None:
            check_name("kind of labels", self.labels, LABELS)
        check_name("perturbation", self.perturbation, list(Perturbation))
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
