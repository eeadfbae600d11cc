"""How to read the figures: terms and their meaning, short."""

from __future__ import annotations

from rafair.results.audit_record import AuditRecord

TERMS = (
    ("instance", "One audited row of the table, such as a person."),
    (
        "counterpart",
        "The same row with other values of the sensitive features. All combinations are asked.",
    ),
    ("accuracy", "The share of instances with the right prediction."),
    ("individual fairness", "The share of instances whose counterparts all get their prediction."),
    ("accurate fairness", "The share of instances that are true fair."),
)
ATTACKED = (
    (
        "perturbation",
        "A small change of features that are not sensitive, each by at most epsilon, a share of "
        "its range; of a table of one's own, of its usual spread, from the 5th to the 95th "
        "percentile.",
    ),
    ("attack", "A search for perturbations that make a model's answer wrong or unequal."),
    (
        "under an attack",
        "Of each instance one row counts: the first step that reached what the attack is after, "
        "else the last.",
    ),
    (
        "robust",
        "Neither the row as it was nor any step failed. It means that no violation was found "
        "within this budget, not that there is none.",
    ),
    ("ever (exposed)", "At least one step was in that cell."),
)
PROVEN = (
    (
        "certified",
        "Proven: every perturbation within epsilon, with all counterparts where fairness is meant. "
        "It speaks of the audited rows, one by one.",
    ),
    ("refuted", "A row was found that breaks it; it is kept with the run."),
    ("open", "Neither: what was looked at was not enough. Near a tie: rounding decides."),
)
REPAIRED = (
    (
        "repair",
        "A small change of a row under attack that makes it right and equal again. It mends "
        "rows; the model stays as it is.",
    ),
    (
        "corrected",
        "Of the rows under attack that failed, the share that the repair made true fair.",
    ),
)
INTERVALS = (
    (
        "interval",
        "The 95 % Wilson interval of a share: what sampling alone leaves open. It speaks of rows "
        "like the audited ones, not of those a model will meet elsewhere.",
    ),
)


def reading(record: AuditRecord) -> list[tuple[str, str]]:
    """The terms that this audit's figures need."""
    attacked = ATTACKED if record.attacks else ()
    proven = PROVEN if record.certified else ()
    return [*TERMS, *attacked, *proven, *(REPAIRED if record.repairs else ()), *INTERVALS]
