"""The verdict of an audit in words, for a person who decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rafair.metrics.rates import rate
from rafair.results.adversarial_rows import StoredRows
from rafair.results.attack_runs import FEASIBLE, keeps_witnesses
from rafair.results.audit_record import AuditRecord
from rafair.results.changed_features import Moved, moved_features
from rafair.results.hardest_hit_group import hit_hardest
from rafair.results.headline import bracketed, ends, headline
from rafair.results.headline_attacks import ACCURATE_FAIRNESS, leaders, most_telling, opening
from rafair.results.share_text import people, share_of, were
from rafair.sanitize import shortened
from rafair.wording import joined

CELLS = {
    "true_biased": "judged rightly, but otherwise with other values of {sensitive}",
    "false_fair": "judged wrongly, whatever the values of {sensitive}",
    "false_biased": "judged wrongly, and otherwise with other values of {sensitive}",
}
MOST_NAMED = 3

PAPER = "rafair"
"""The attack of the paper."""


def summary(record: AuditRecord, moved: Mapping[str, Sequence[Moved]] | None = None) -> list[str]:
    """A few sentences, the most important first.

    Args:
        record: The audit.
        moved: By attack what `moved_features` gives, at least of the `most_telling` one; without
            it nothing is said of features.

    Example:
        >>> import rafair
        >>> table = rafair.load_dataset("affairs").test
        >>> audit = rafair.audit(lambda rows: rows[:, :2], table, attacks=(), instances=50)
        >>> print(summary(audit.record)[-1])
        No attack was run: nothing is known of what happens once data are perturbed.
    """
    attacks = leaders(record)
    attack = most_telling(record)
    said = [*_first(record, attacks), *_proven(record, attacks)]
    said += [_failure(record, attack), *hit_hardest(record, attack)]
    if attack:
        said += _moved(attack, (moved or {}).get(attack, ()))
        said += repaired(record, attack)
    return [*said, *_independent(record), *_warned(record), _limit(record)]


def caveats(record: AuditRecord) -> list[str]:
    """What to know before any figure is believed; warnings are apart from these."""
    return [*_independent(record), _limit(record)]


def summary_of(record: AuditRecord, folder: Path) -> list[str]:
    """The same of a run folder, with the features that the most telling attack moved.

    Raises:
        RunFolderError: If the run's rows cannot be read.
    """
    attack = most_telling(record)
    if not attack:
        return summary(record)
    moved = moved_features(folder, StoredRows.read(folder), record.dataset.schema, attack)
    return summary(record, {attack: moved})


def _first(record: AuditRecord, attacks: Sequence[str]) -> Iterator[str]:
    """How many stayed right and equal, and how many were so as they came."""
    yield headline(record)
    clean, whole = record.clean.rates[ACCURATE_FAIRNESS], record.whole
    if attacks or record.certified:
        yield f"As they came, {share_of(clean)} {were(clean)}."
    if whole:
        all_rows = whole.rates[ACCURATE_FAIRNESS]
        yield f"Of all {all_rows.n:,} rows of the file, {share_of(all_rows)} {were(all_rows)}."
    yield from filter(None, (_alone(record, attack) for attack in attacks))


def _proven(record: AuditRecord, attacks: Sequence[str]) -> Iterator[str]:
    """Of how many it is proven at the largest certified epsilon, where that was not said yet."""
    if not attacks or any(bracketed(record, attack) for attack in attacks):
        return
    for epsilon, point in list((record.certified or {}).items())[-1:]:
        found = point.accurate_fairness
        left = found.open.count + found.near_tie.count
        rest = f"; of {left:,} neither is known" if left else ""
        yield (
            f"Certified at epsilon {epsilon}: of {people(found.n)} it is proven of "
            f"{share_of(found.certified)} that they are right and treated alike under every "
            f"perturbation; {share_of(found.refuted)} {were(found.refuted)} refuted{rest}."
        )


def _alone(record: AuditRecord, attack: str) -> str:
    """What the paper's attack would have said, beside the cascade that builds on it."""
    paper = (FEASIBLE if attack.startswith(FEASIBLE) else "") + PAPER
    if not keeps_witnesses(attack) or paper not in record.attacks:
        return ""
    left = record.attacks[paper].robust[ACCURATE_FAIRNESS]
    same = left.count == record.attacks[attack].robust[ACCURATE_FAIRNESS].count
    return (
        f"The paper's attack alone ({paper}) left {'the same number' if same else share_of(left)}."
    )


def _failure(record: AuditRecord, attack: str | None) -> str:
    """Which kind of failure is most frequent."""
    if attack:
        exposed = record.attacks[attack].exposed
        if exposed is None:
            return _lost(record, attack)
        found = exposed
        when, where = " at some step", "the rows as they were or at any step"
    else:
        found = record.clean.rates
        when, where = "", "the rows as they were"
    cell = max(CELLS, key=lambda name: found[name].count)
    if not found[cell].count:
        return _nothing_found(record, where)
    meaning = CELLS[cell].format(sensitive=sensitive_names(record))
    most = found[cell]
    return (
        f"{opening(record, attack)} most frequent failure was '{cell.replace('_', ' ')}': "
        f"{share_of(most)} {were(most)}{when} {meaning}{_so_before(record, cell, attack)}."
    )


def _lost(record: AuditRecord, attack: str) -> str:
    """How many lost each property, of an attack that keeps witnesses alone."""
    robust = record.attacks[attack].robust
    wrong, unlike = (
        rate(found.n - found.count, found.n)
        for found in (robust["accuracy"], robust["individual_fairness"])
    )
    assert wrong is not None  # an audit has instances
    assert unlike is not None
    if not wrong.count + unlike.count:
        return _nothing_found(record, "the rows as they were or in any that was tried")
    return (
        f"{opening(record, attack)} search found {share_of(wrong)} to be judged wrongly, and "
        f"{share_of(unlike)} to be judged otherwise with other values of "
        f"{sensitive_names(record)}, as they were or perturbed."
    )


def _so_before(record: AuditRecord, cell: str, attack: str | None) -> str:
    """How many were in that cell as they were, so that nobody takes them for newly found."""
    if not attack:
        return ""
    before = record.clean.rates[cell]
    if not before.count:
        return "; before any step nobody was"
    return f"; before any step {share_of(before)} {were(before)} so already"


def _nothing_found(record: AuditRecord, where: str) -> str:
    if record.clean.rates[ACCURATE_FAIRNESS].count < record.clean.n:
        return "The attack found no violation; those that there are were there before."
    return f"No violation was found in {where}, within this budget."


def sensitive_names(record: AuditRecord) -> str:
    """The sensitive features as they stand in a sentence; of many, how many there are."""
    names = [shortened(name) for name in record.dataset.sensitive]
    if len(names) > MOST_NAMED:
        return f"the {len(names)} sensitive features"
    return " or ".join(names) if names else "sensitive features (there are none)"


def _moved(attack: str, moved: Sequence[Moved]) -> Iterator[str]:
    """Which features the attack changed most often, as people see them."""
    first = moved[0] if moved else None
    if first is None or first.rate is None:
        return
    broken = f"the {people(first.rate.n)} whose right and equal judgement {attack} broke"
    if not first.rate.count:
        if any(one.unseen for one in moved):
            yield (
                f"In {broken}, no value is shown changed: codes were moved, by less than is shown "
                "or within a level, and no other level was reached."
            )
        return
    ties = [one for one in moved if one.rate and one.rate.count == first.rate.count]
    often = share_of(first.rate)
    if len(ties) == 1:
        yield (
            f"What was moved most often in {broken} was '{shortened(first.feature)}': in {often}, "
            f"{_how_far(first)}."
        )
        return
    named = [f"'{shortened(one.feature)}' ({_how_far(one)})" for one in ties[:MOST_NAMED]]
    others = len(ties) - len(named)
    more = [f"{others} more"] if others else []
    yield f"What was moved most often in {broken} were {joined([*named, *more])}: each in {often}."


def _how_far(moved: Moved) -> str:
    return f"{moved.size} at the median" if moved.size.startswith("by ") else moved.size


def repaired(record: AuditRecord, attack: str) -> Iterator[str]:
    """What the repair did."""
    repair = record.repairs.get(attack)
    if repair is None:
        if record.attacks and not record.repairs:
            yield "No repair was asked for."
        return
    corrected = repair.corrected
    if corrected is None:
        yield "There was no failing row to repair."
        return
    guide = (
        "guided by the true labels"
        if record.options.labels == "true"
        else "guided by the majority over counterparts"
    )
    yield (
        f"{opening(record, attack)} repair, {guide}, made {share_of(corrected)} of the "
        f"{corrected.n:,} failing rows right and equal again."
    )


def _independent(record: AuditRecord) -> Iterator[str]:
    """Says of a table of one's own that nothing was known of what its columns have in common."""
    schema = record.dataset.schema
    stated = schema.relations or any(feature.derive for feature in schema.features)
    if record.attacks and record.dataset.variant is None and not stated:
        yield (
            "No relation between features was stated: they were moved independently of each other."
        )


def _warned(record: AuditRecord) -> Iterator[str]:
    count = len(record.warnings)
    if count:
        which = "One warning says" if count == 1 else f"{count} warnings say"
        yield f"{which} what else to mind in these figures."


def _all_known(record: AuditRecord) -> bool:
    """Whether nobody is left between what is proven and what was broken."""

    def closed(attack: str) -> bool:
        least, most = ends(record, attack)
        return bracketed(record, attack) is not None and least.count == most.count

    return all(map(closed, leaders(record)))


def _limit(record: AuditRecord) -> str:
    if not record.attacks and record.certified:
        return "No attack was run: of perturbed data is known what was proven or refuted."
    if not record.attacks:
        return "No attack was run: nothing is known of what happens once data are perturbed."
    if _all_known(record):
        return (
            "Whether they stay right and treated alike is known of each of them: it was proven, or "
            "a violation was found."
        )
    blind = "It was given predictions alone, and no gradients. " if record.options.black_box else ""
    return (
        f"{blind}A search finds only what it finds: where it found no violation within this "
        "budget, there may still be one."
    )
