"""The tables of a result, as text cells that any format can lay out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from rafair.blocks.block_types import Cells
from rafair.metrics.group_gaps import LEAST_INSTANCES
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import Rate
from rafair.results.allowed_changes_text import move_in_words
from rafair.results.attack_runs import is_union, keeps_witnesses, twin
from rafair.results.audit_options import Perturbation
from rafair.results.audit_record import AttackRecord, AuditRecord, Group, Rates
from rafair.results.certified_table import certified_table
from rafair.results.epsilons import budgets_of, unit_of_epsilon
from rafair.results.headline_attacks import families, leading_first, most_telling
from rafair.results.rate_headers import COLUMNS
from rafair.results.run_facts import on_one_line
from rafair.sanitize import shortened

MOST_GROUPS = 12
"""Rows that the groups of one feature may take."""


def attacks_table(record: AuditRecord) -> Cells:
    """Clean rates, and those of each attack's outcome rows."""
    whole = record.whole
    rows = [["all rows", *_cells(whole.rates)]] if whole else []
    rows.append(["clean", *_cells(record.clean.rates)])
    if not record.attacks:
        return Cells("Clean rows", ["", *COLUMNS.values()], rows)
    rows += [
        [name, *_cells(attack.outcome)] for name, attack in record.attacks.items() if attack.outcome
    ]
    note = (
        "Attacked rows: each attack's outcome, the first step that reached its goal, else the last."
    )
    if whole:
        note = (
            f"All rows: verdicts of the file's {whole.rows:,} rows as they are; below, of the "
            f"sample. {note}"
        )
    if any(map(is_union, record.attacks)):
        note += (
            " A union counts an instance as accurate (fair) only if every attack left it so; its"
            " accuracy is therefore not the sum of two cells."
        )
    return Cells("Before and after perturbation", ["", *COLUMNS.values()], rows, note)


def robust_table(record: AuditRecord) -> Cells:
    """The shares of instances that held throughout, and those exposed at any step."""
    headers = ["", *(f"robust {name}" for name in list(COLUMNS.values())[:3])]
    headers += [f"ever {name}" for name in list(COLUMNS.values())[3:]]
    keys = list(COLUMNS)
    rows = [["clean", *_cells(record.clean.rates)]]
    for name in leading_first(record.attacks):
        attack = record.attacks[name]
        robust = [_rate(attack.robust[key]) for key in keys[:3]]
        ever = [_rate(attack.exposed[key]) if attack.exposed else "–" for key in keys[3:]]
        rows.append([name, *robust, *ever])
    note = (
        "Robust: no violation found within this budget, neither in the clean row nor at any step. "
        "Ever: at least one step in that cell."
    )
    if any(map(keeps_witnesses, record.attacks)):
        note += " Strongest: all attacks together, on what those before it left standing."
    note += "".join(_bits(name, attack) for name, attack in record.attacks.items())
    return Cells("Over all steps", headers, rows, note)


def budgets_table(record: AuditRecord) -> Cells:
    """Robust rates at each budget, of the attack that left fewest and of the paper's."""
    keys, unit = list(COLUMNS)[:3], unit_of_epsilon(record.dataset.schema)
    shown = [name for name in leading_first(record.attacks) if name in families(record.attacks)]
    rows = [["clean", *_cells(record.clean.rates)[:3]]]
    for name in shown:
        for epsilon, budget in budgets_of(record).items():
            rates = [_rate(budget.robust[name][key]) for key in keys]
            rows.append([f"{name} {epsilon}", *rates])
    note = (
        f"Epsilon: the most that a feature may move, as a share of its {unit}. What is broken at "
        "one epsilon is broken at every larger one."
    )
    if record.dataset.schema.own:
        note += (
            " At every epsilon, however small, whole numbers and levels in order may move one step"
        )
        note += "." if record.options.perturbation == Perturbation.PAPER else ", and categories "
        note += "" if note.endswith(".") else "change their level (--max-category-changes)."

    headers = ["", *(f"robust {COLUMNS[key]}" for key in keys)]
    return Cells("Over epsilon", headers, rows, note)


def perturbations_table(record: AuditRecord) -> Cells:
    """The robust rates of attacks that were run under both perturbations, side by side."""
    keys = list(COLUMNS)[:3]
    headers = [""]
    for key in keys:
        headers += [f"robust {COLUMNS[key]}: paper", "feasible"]
    attacks = record.attacks
    rows = []
    for name, attack in attacks.items():
        if twin(name) not in attacks:
            continue
        pairs = zip(
            *([_rate(run.robust[key]) for key in keys] for run in (attack, attacks[twin(name)])),
            strict=True,
        )
        rows.append([name, *(cell for pair in pairs for cell in pair)])
    changes = record.options.max_category_changes
    categories = "1 category" if changes == 1 else f"{changes} categories"
    note = (
        "Paper: codes of all features move continuously. Feasible: only rows that could really "
        f"happen: whole numbers and real levels, at most {categories} changed, the schema's rules "
        "kept."
    )
    return Cells("Under the paper's perturbations and under feasible ones", headers, rows, note)


def _bits(name: str, attack: AttackRecord) -> str:
    """How much the sensitive values decide, where an attack measures it."""
    measured = attack.discrimination_bits
    if measured is None:
        return ""
    clean, largest = (bits.min_entropy for bits in (measured.clean, measured.largest))
    return (
        f" Discrimination by sensitive values as {name} measures it, log2 of how many bins of "
        f"{measured.bin_width:g} the counterparts' probabilities fall into: "
        f"{clean.value:.2f} bits in clean rows, {largest.value:.2f} in the worst step."
    )


def repairs_table(record: AuditRecord) -> Cells:
    """Rates after the repair of each attack's outcome rows."""
    rows = [
        [name, *_cells(repair.final), _rate(repair.corrected)]
        for name, repair in record.repairs.items()
    ]
    labels = record.options.labels
    note = (
        f"Benign perturbations of the outcome rows, guided by {labels} labels"
        + (" (not to be had where none are known)" if labels == "true" else "")
        + ". Corrected: of the rows that were not true fair, the share that became so."
    )
    if any(map(is_union, record.attacks)):
        note += " A union's rows are those of the first goal that was reached, not its worst."
    return Cells("After the repair", ["", *COLUMNS.values(), "corrected"], rows, note)


def groups_table(record: AuditRecord) -> Cells:
    """Clean and robust accurate fairness by the values of each sensitive feature."""
    attack = most_telling(record)
    headers = ["", "n", "clean accurate fairness"]
    headers += [] if attack is None else [f"robust, {attack}"]
    rows: list[list[str]] = []
    for feature, groups in _single_features(record).items():
        rows.append([with_unit(feature, record), *[""] * (len(headers) - 1)])
        rows += _rows_of_groups(groups, attack, len(headers))
    found = [_largest(record, None), *([] if attack is None else [_largest(record, attack)])]
    note = "By people's own values; pairs of features and other rates are in audit.json. "
    note += " ".join(found) if any(found) else NO_GAP
    return Cells("Accurate fairness by group", headers, rows, note, dense=True)


NO_GAP = f"No feature has two groups of at least {LEAST_INSTANCES} instances to be compared."


def _single_features(record: AuditRecord) -> dict[str, Mapping[str, Group]]:
    # they stand before all pairs, so no name of a pair can be theirs
    return dict(islice((record.groups or {}).items(), len(record.dataset.sensitive)))


def with_unit(feature: str, record: AuditRecord) -> str:
    """A feature's name as a heading: "age (years)"; a pair's is left as it is."""
    units = {f.name: f.unit for f in record.dataset.schema.features}
    shown = shortened(feature)
    return f"{shown} ({shortened(units[feature])})" if units.get(feature) else shown


def _rows_of_groups(
    groups: Mapping[str, Group], attack: str | None, width: int
) -> Iterator[list[str]]:
    """The groups with somebody in them; of many the largest, and the others in one line."""
    there = [name for name, group in groups.items() if group.n]
    shown = there
    if len(there) > MOST_GROUPS:
        shown = sorted(there, key=lambda name: -groups[name].n)[: MOST_GROUPS - 1]
    for name in there:
        if name in shown:
            group = groups[name]
            rates = [group.clean, *([group.robust[attack]] if attack else [])]
            cells = [on_one_line(rate["accurate_fairness"]) for rate in rates]
            yield [f"  {shortened(name)}", f"{group.n:,}", *cells]
    if len(there) > len(shown):
        others = sum(groups[name].n for name in there if name not in shown)
        row = [f"  {len(there) - len(shown):,} smaller groups", f"{others:,}"]
        yield [*row, *[""] * (width - len(row))]


def _largest(record: AuditRecord, attack: str | None) -> str:
    """The largest gap in accurate fairness between groups of one feature, in a sentence."""
    features, told = _single_features(record), record.gaps or {}
    found = {name: told[name].under(attack)["accurate_fairness"] for name in features}
    gaps = {name: gap for name, gap in found.items() if gap is not None}
    if not gaps:
        return ""
    feature = max(gaps, key=lambda name: gaps[name].value)
    gap, rates = gaps[feature], []
    for name in (gap.lowest, gap.highest):
        rate = features[feature][name].under(attack)["accurate_fairness"]
        assert rate is not None  # a gap is of groups that have a rate
        rates.append(f"{shortened(name)} has {as_fraction(rate.value)}")
    what = "Largest gap of clean rows" if attack is None else f"Under {attack}"
    return f"{what}: {on_one_line(gap)}, of {shortened(feature)}: {', '.join(rates)}."


def cost_table(record: AuditRecord) -> Cells:
    """What each attack asked the model, per instance."""
    n = max(record.clean.n, 1)
    rows = [
        [
            name,
            f"{attack.gradient_rows / n:,.1f}",
            f"{attack.prediction_rows / n:,.1f}",
            *([] if attack.queries is None else [f"{attack.queries / n:,.1f}"]),
            f"{attack.seconds:,.1f}",
        ]
        for name, attack in record.attacks.items()
    ]
    limit = record.options.max_gradient_rows
    note = "Rows asked for per instance; seconds for all. The clean rows are predicted once for all"
    note += " attacks, on the account of the first."
    if limit is not None:
        note += f" At most {limit:,} gradient rows were allowed for each instance and attack, of "
        note += "which a union has several."
    headers = ["", "gradient rows", "prediction rows", "seconds"]
    if record.options.black_box:
        headers.insert(-1, "queries")
        note += " Queries: distinct rows that the model was really asked about."
    return Cells("What it cost", headers, rows, note)


def moves_table(record: AuditRecord) -> Cells | None:
    """How far every feature may move at the largest budget; None of older runs."""
    if not record.moves:
        return None
    schema = record.dataset.schema
    rows = []
    for name, move in record.moves.items():
        feature = schema[name]
        scale = "" if feature.scale is None else f"{feature.scale:,.6g}"
        effect = "" if move.effect is None else as_fraction(move.effect)
        rows.append([shortened(name), move_in_words(move, feature), scale, effect])
    note = (
        "Scale: what epsilon is a share of; without one the range. Effect: by how much the "
        "probability of a class changes at the ends of the move, in the mean over some rows; the "
        "largest first."
    )
    headers = ["", "moves by at most", "scale", "effect"]
    return Cells("How far features may move", headers, rows, note, dense=True)


def tables(record: AuditRecord) -> list[Cells]:
    """All tables that have something to show."""
    both = record.options.perturbation == Perturbation.BOTH
    shown = [perturbations_table(record)] if both else []
    if certified := certified_table(record):
        shown.append(certified)
    if record.curve:
        shown.append(budgets_table(record))
    if record.attacks:
        shown.append(robust_table(record))
    shown.append(attacks_table(record))
    if record.groups is not None:
        shown.append(groups_table(record))
    if record.repairs:
        shown.append(repairs_table(record))
    if len(record.attacks) > 1:
        shown.append(cost_table(record))
    return shown


def _cells(rates: Rates) -> list[str]:
    return [_rate(rates[key]) for key in COLUMNS]


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "–"
    low, high = (as_fraction(end, 2) for end in (rate.low, rate.high))
    return f"{as_fraction(rate.value)}\n{low}–{high}"
