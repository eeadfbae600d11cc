"""What the run says of each figure that a model card lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rafair.metrics.group_gaps import LEAST_INSTANCES
from rafair.reports.report_contents import CaseTable
from rafair.results.audit_record import AuditRecord
from rafair.results.hardest_hit_group import hit_hardest, not_compared
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, leaders, most_telling
from rafair.results.share_text import share_of
from rafair.results.verdict_text import repaired
from rafair.sanitize import shortened

NOT_MEASURED = "Not measured in this run."
RATES = {
    "accuracy": "accuracy",
    "individual_fairness": "individual fairness",
    ACCURATE_FAIRNESS: "accurate fairness",
}


def evidence(
    record: AuditRecord, cases: CaseTable, features: Sequence[str], missing: str
) -> dict[str, str]:
    """A text for each key of `frameworks.FIGURES`.

    Args:
        record: The audit.
        cases: All cases.
        features: The features by which violations concentrate, the first most.
        missing: Which features could not be compared, or why there are none.
    """
    attacks = leaders(record)
    lead = most_telling(record)
    tested, n, clean = record.model.test_accuracy, record.clean.n, record.clean.rates
    rows = record.whole.rows if record.whole else record.dataset.audited_rows
    return {
        "accuracy": (
            f"Right: {share_of(tested)} of {tested.n:,} rows; {share_of(clean['accuracy'])} of "
            f"the {n:,} audited."
        ),
        "fairness": (
            f"Individual fairness: {share_of(clean['individual_fairness'])} of {n:,}; "
            f"accurate fairness: {share_of(clean[ACCURATE_FAIRNESS])}."
        ),
        "robust": " ".join([*(_robust(record, attack) for attack in attacks), *_proven(record)])
        or NOT_MEASURED,
        "groups": _groups(record, lead),
        "cases": f"{cases.counted}; each with the row as it was, perturbed, and its counterpart.",
        "features": _features(features, missing),
        "repair": " ".join(repaired(record, lead)) if lead else NOT_MEASURED,
        "sample": (
            f"{_sample(n, rows, record.seed)}; every rate has its count and a 95 % interval."
        ),
        "limits": _limits(record),
        "manifest": (
            f"Command, seed, options, versions of {len(record.environment.packages)} "
            f"packages, and SHA-256 of the data, the model and {len(record.files)} files."
        ),
    }


def _robust(record: AuditRecord, attack: str) -> str:
    robust = record.attacks[attack].robust
    rates = "; ".join(f"robust {name}: {share_of(robust[key])}" for key, name in RATES.items())
    return f"Against {attack}, of {record.clean.n:,}: {rates}."


def _proven(record: AuditRecord) -> Iterator[str]:
    """The bracket of accurate fairness at each epsilon."""
    for epsilon, point in (record.certified or {}).items():
        found = point.accurate_fairness
        yield (
            f"At epsilon {epsilon}, of {found.n:,}: certified accurate fairness "
            f"{share_of(found.certified)}; not refuted {share_of(found.not_refuted)}."
        )


def _groups(record: AuditRecord, attack: str | None) -> str:
    """Who is hit hardest, and what was not compared: nothing unmeasured is called equal."""
    if not record.gaps:
        return NOT_MEASURED
    without = not_compared(record, attack)
    if without.startswith("Not measured: "):
        return without
    equal = f"No two groups of at least {LEAST_INSTANCES} instances differ."
    said = list(hit_hardest(record, attack)) or [equal]
    return " ".join(said if without in ("", *said) else [*said, without])


def _sample(n: int, rows: int, seed: int) -> str:
    return f"All {n:,} rows" if n == rows else f"{n:,} of {rows:,} rows, drawn with seed {seed}"


def _features(features: Sequence[str], missing: str) -> str:
    if not features:
        return missing
    named = ", ".join(map(shortened, features[:3]))
    return f"Violations concentrate most by {named}. {missing}".strip()


def _limits(record: AuditRecord) -> str:
    count = len(record.warnings)
    said = "no warning" if not count else "1 warning" if count == 1 else f"{count} warnings"
    return f"The run gave {said}; what its figures do not show is listed below."
