"""Which features no perturbation of a run can move, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rafair.results.attack_runs import kind_of
from rafair.results.audit_options import Perturbation
from rafair.results.audit_record import AuditRecord
from rafair.sanitize import shortened
from rafair.tabular.schema import Feature
from rafair.wording import few

MOST_NAMED = 12
"""Features that are named of one kind."""


def still(record: AuditRecord) -> str:
    """The features at rest, by why they are; empty where all move or nothing was attacked.

    Args:
        record: The audit.
    """
    if not record.attacks:
        return ""
    both = record.options.perturbation == Perturbation.BOTH
    kinds = [Perturbation.FEASIBLE, Perturbation.PAPER] if both else [record.options.perturbation]
    reasons: dict[str, list[str]] = {}
    by_kind = [_at_rest(record, Perturbation(kind)) for kind in kinds]
    for found in by_kind:
        for why, names in found.items():
            alone = both and why not in by_kind[1]
            reasons[f"{why} (if feasible)" if alone else why] = names
    return "; ".join(f"{_few(names)}: {why}" for why, names in reasons.items() if names)


def resting(record: AuditRecord, attack: str) -> frozenset[str]:
    """The features that an attack could not move, by name; all others it could.

    Args:
        record: The audit.
        attack: An attack, or a union of some.
    """
    kind = Perturbation(kind_of(attack, record.options))
    return frozenset(name for names in _at_rest(record, kind).values() for name in names)


def _at_rest(record: AuditRecord, kind: Perturbation) -> dict[str, list[str]]:
    """The features that one kind of perturbations leaves where they are, by why it does."""
    options, schema = record.options, record.dataset.schema
    features = [feature for feature in schema.features if not feature.sensitive]
    fixed = [feature for feature in features if not feature.mutable]
    reasons: dict[str, list[str]] = {}
    free = {feature.name: feature for feature in features if feature.mutable}
    if isinstance(options.reach, Mapping):
        reasons["no epsilon is given"] = [name for name in free if name not in options.reach]
        free = {name: one for name, one in free.items() if name in options.reach}
    if kind == Perturbation.FEASIBLE:
        coarse = record.feasible.too_coarse if record.feasible else []
        why = "values lie further apart than epsilon"
        if schema.own:  # whose whole numbers may move one step however small it is
            why = "their range is so wide that single precision tells no near values apart; is "
            why += "there an outlier, or a code such as 999999?"
        reasons[why] = coarse
        alone = [name for name, one in free.items() if _has_one_value(one)]
        reasons["one value only"] = alone
        if not options.max_category_changes:
            levels = [name for name, one in free.items() if one.is_nominal and name not in alone]
            reasons["no category may change"] = levels
    reasons["immutable"] = [one.name for one in fixed if not (one.is_opaque or one.derive)]
    if kind == Perturbation.PAPER:
        derived = [one.name for one in fixed if one.derive]
        reasons["derived, at rest under the paper's perturbations"] = derived
    reasons["opaque"] = [feature.name for feature in fixed if feature.is_opaque]
    return reasons


def _has_one_value(feature: Feature) -> bool:
    """Whether there is no other value to move to, but of a part of a group."""
    if feature.kind.is_number:
        return feature.minimum == feature.maximum
    return feature.group is None and len(feature.levels or ()) < 2


def _few(names: Sequence[str]) -> str:
    return few([*map(shortened, names)], MOST_NAMED)
