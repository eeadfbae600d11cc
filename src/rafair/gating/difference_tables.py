"""The facts and tables of a comparison, as text that any format can lay out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rafair.blocks.block_types import Block, Cells, Facts, Said, Tone
from rafair.gating.audit_conditions import Condition, Subject
from rafair.gating.rate_change import Change
from rafair.gating.run_differences import Comparison
from rafair.metrics.rate_format import as_fraction
from rafair.results.attack_runs import is_union, keeps_witnesses
from rafair.results.audit_result import Audit
from rafair.results.headline_attacks import ACCURATE_FAIRNESS
from rafair.results.rate_names import PROVEN
from rafair.sanitize import visible

HEADERS = ("", "first", "second", "difference", "better", "worse")
MAIN = ("clean", "robust", *PROVEN, "repaired")
"""Kinds of rates that are always shown."""

TWICE = "true_fair"
"""The same as accurate fairness, so that one line says both."""

CAUTION = "Not the same question, which alone may change rates: the audits differ in"
NOT_PAIRED = "–"
FEWEST = 30
"""The smallest group that is shown for having changed; what smaller ones do is mostly chance."""

MOST_OTHERS = 10
DIGITS_OF_HASH = 12
LONGEST_VALUE = 60


def facts(comparison: Comparison) -> list[tuple[str, str]]:
    """What was compared, and what differs apart from rates: a line each."""
    named = {
        "First": _audit(comparison.first),
        "Second": _audit(comparison.second),
        "Data": _unlike(comparison, Subject.DATA),
        "Model": _unlike(comparison, Subject.MODEL),
        "Options": _unlike(comparison, Subject.OPTIONS),
        "Versions": _unlike(comparison, Subject.VERSIONS),
        "Compared": str(comparison.pairing),
        "Attacks": _attacks(comparison),
    }
    return [(name, visible(text)) for name, text in named.items() if text]


def asked_otherwise(comparison: Comparison) -> list[str]:
    """The names of what makes the audits ask different questions."""
    names = [one.name for one in comparison.conditions if one.another_question]
    return [visible(name) for name in names]


def tables(comparison: Comparison, *, everything: bool = False) -> list[Cells]:
    """The rates that matter most, and those that changed; or every rate.

    A row whose other cells are empty is the heading of those below it.
    """
    main, others = _telling(comparison.changes)
    if everything:
        parts = {"Rates": list(comparison.changes), "Accurate fairness by group": comparison.groups}
    else:
        leading = _leading(comparison.changes)
        moved = [
            one
            for one in comparison.groups
            if one.beyond_interval and one.n >= FEWEST and one.name.attack in leading
        ]
        parts = {"Rates": main, "Also changed": others, "Changed in groups": moved}
    return [
        Cells(title, HEADERS, _rows(rates), dense=True) for title, rates in parts.items() if rates
    ]


def notes(comparison: Comparison, *, everything: bool = False) -> list[str]:
    """How to read the tables."""
    total = len(comparison.changes) + len(comparison.groups)
    found = [
        "Difference: the second's rate minus the first's, and its 95 % interval; * where that "
        "leaves out 0."
        + (
            " Better, worse: how many instances came to have what is wanted, or lost it."
            if comparison.pairing.paired
            else ""
        ),
        f"{total:,} rates are compared at once: about 1 interval in 20 leaves out 0 by chance, "
        "where nothing changed.",
    ]
    shown = [row for one in tables(comparison, everything=everything) for row in one.rows]
    if any(row[0].startswith("proven") for row in shown):
        found.append("Certified: proven to hold. Not refuted: no row was found that breaks it.")
    if any(" = " in row[0] and row[0].endswith(")") for row in shown):
        found.append("In brackets: how many instances of the group are compared.")
    if comparison.pairing.paired and any(row[-1] == NOT_PAIRED and row[1] for row in shown):
        found.append("– : not of the same rows in both audits; compared as of independent samples.")
    hidden = total - sum(_is_rate(row) for row in shown)
    if hidden:
        found.append(f"{hidden:,} more rates: --all (or --json) shows them.")
    return found


def blocks(comparison: Comparison, *, everything: bool = False) -> list[Block]:
    """What differs, then the rates; every rate where `everything` is set."""
    names = asked_otherwise(comparison)
    return [
        Facts(facts(comparison)),
        *([Said([f"{CAUTION} {', '.join(names)}."], Tone.WARNING)] if names else []),
        *tables(comparison, everything=everything),
        Said(notes(comparison, everything=everything), Tone.QUIET),
    ]


def _leading(changes: Sequence[Change]) -> set[str | None]:
    """The strongest and unions, or where there are none all attacks; and None, of no attack."""
    attacks = {one.name.attack for one in changes if one.name.attack is not None}
    leading = {attack for attack in attacks if is_union(attack) or keeps_witnesses(attack)}
    return {None, *(leading or attacks)}


def _telling(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """The main rates; and of the others that changed, those that changed most."""
    leading = _leading(changes)
    main, others = [], []
    for change in changes:
        name = change.name
        if name.metric == TWICE:
            continue
        told = name.epsilon is None or name.metric == ACCURATE_FAIRNESS
        if name.kind in MAIN and name.attack in leading and told:
            main.append(change)
        elif change.beyond_interval:
            others.append(change)
    most = sorted(others, key=lambda change: -abs(change.difference.value))[:MOST_OTHERS]
    return main, [change for change in others if any(change is one for one in most)]


def _rows(changes: Sequence[Change]) -> list[list[str]]:
    rows = []
    for heading, below in groupby(changes, key=_heading):
        rows.append([visible(heading), *[""] * (len(HEADERS) - 1)])
        rows += [_row(change) for change in below]
    return rows


def _heading(change: Change) -> str:
    name = change.name
    if name.kind in PROVEN:
        return f"proven, epsilon {name.epsilon:g}"
    at = "" if name.epsilon is None else f", epsilon {name.epsilon:g}"
    return f"{name.kind}, {name.attack}{at}" if name.attack else name.kind


def _row(change: Change) -> list[str]:
    name, gap = change.name, change.difference
    label = name.metric or name.kind
    if name.kind in PROVEN:
        label = f"{name.kind.replace('_', ' ')} {name.metric}"
    if change.group is not None:
        label = f"{' = '.join(change.group)} ({change.n:,})"
    mark = " *" if change.beyond_interval else "  "
    return [
        f"  {visible(label)}",
        as_fraction(change.first),
        as_fraction(change.second),
        f"{_signed(gap.value)} [{_signed(gap.low)}, {_signed(gap.high)}]{mark}",
        _count(change.better),
        _count(change.worse),
    ]


def _is_rate(row: Sequence[str]) -> bool:
    return any(row[1:])


def _signed(value: float) -> str:
    return as_fraction(value, signed=True)


def _count(number: int | None) -> str:
    return NOT_PAIRED if number is None else f"{number:,}"


def _audit(audit: Audit) -> str:
    model, n = audit.record.model, audit.record.clean.n
    sha256 = f" {model.sha256[:DIGITS_OF_HASH]}" if model.sha256 else ""
    return f"'{audit.folder}': {model.name}{sha256}, {n:,} instances"


def _unlike(comparison: Comparison, subject: Subject) -> str:
    told = [_told(one) for one in comparison.conditions if one.subject == subject]
    if subject == Subject.DATA:
        rows = f"{comparison.first.record.dataset.name}: the same rows"
        return "; ".join([rows, ", ".join(told)] if told else [rows])
    if subject == Subject.MODEL and not _known(comparison):
        told.append("without a hash in both audits nothing tells whether it is the same")
    return ", ".join(told) or "the same"


def _known(comparison: Comparison) -> bool:
    sides = comparison.first, comparison.second
    return all(side.record.model.sha256 for side in sides)


def _told(one: Condition) -> str:
    absent = "all" if one.name == "instances" else "none"
    return f"{one.name} {_value(one.first, absent)} → {_value(one.second, absent)}"


def _value(value: Any, absent: str = "none") -> str:
    if value is None:
        return absent
    if isinstance(value, Mapping):
        return _shortened(", ".join(f"{key} {_value(item)}" for key, item in value.items()))
    if isinstance(value, list):
        return _shortened(", ".join(map(_value, value)))
    return f"{value:g}" if isinstance(value, float) else _shortened(f"{value}")


def _shortened(text: str) -> str:
    is_hash = len(text) == 64 and set(text) <= set("0123456789abcdef")
    if is_hash:
        return text[:DIGITS_OF_HASH]
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def _attacks(comparison: Comparison) -> str:
    found = [
        f"only in the {which}: {', '.join(names)}"
        for which, names in (("first", comparison.only_first), ("second", comparison.only_second))
        if names
    ]
    return "; ".join(found)
