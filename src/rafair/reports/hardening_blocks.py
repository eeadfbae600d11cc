"""A hardening as blocks: what was gained, and the table before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rafair.blocks.block_types import Block, Cells, Said, Tone, warnings
from rafair.hardening.gain_sentences import AF, summary
from rafair.results.hardening_record import Change, HardeningRecord, MeanRate
from rafair.results.run_facts import decision_in_words
from rafair.wording import joined

HEADERS = ("", "before", "after", "change")
CONSTANT = "AF, R-AF of the largest class"
"""What a model reaches that names it for every row."""

SHORT = {"accuracy": "R-ACC", "individual_fairness": "R-IF", "accurate_fairness": "R-AF"}
CLEAN = {"accuracy": "accuracy", "individual_fairness": "IF", "accurate_fairness": "AF"}


def blocks(record: HardeningRecord) -> list[Block]:
    """Everything a person wants to see first."""
    proven = _proven(record)
    return [
        Said(summary(record)),
        _table(record),
        *([proven] if proven else []),
        Said(list(_besides(record)), Tone.QUIET),
        warnings(record.warnings),
    ]


def _besides(record: HardeningRecord) -> Iterator[str]:
    """What it took, how the model decides, and where it is."""
    if spent := _spent(record):
        yield spent
    if model := record.model:
        yield f"The model decides {decision_in_words(model.decision, model.input)}."
    if saved := record.saved:
        needs = "; ".join(saved.needs)
        yield f"The hardened model is saved in {saved.folder}, for --model: {needs}."


def lines(record: HardeningRecord) -> list[tuple[str, MeanRate, MeanRate]]:
    """Every rate of the table: its name, before, after."""
    before, after = record.before, record.after
    where = "all rows" if record.dataset.file else "test split"
    found = [
        (f"{name} ({where})", before.test[key], after.test[key])
        for name, key in (("accuracy", "accuracy"), ("balanced acc.", "balanced_accuracy"))
    ]
    found += [(name, before.clean[key], after.clean[key]) for key, name in CLEAN.items()]
    for epsilon in before.robust:
        found += [
            (f"{name} at {epsilon}", before.robust[epsilon][key], after.robust[epsilon][key])
            for key, name in SHORT.items()
        ]
    return found


def _table(record: HardeningRecord) -> Cells:
    rows = []
    for name, before, after in lines(record):
        change = f"{after.value - before.value:+.3f}".replace("-", "−")
        rows.append([name, figure(before), figure(after), change])
    constant = f"{record.checks.majority.robust_accurate_fairness:.3f}"
    rows.append([CONSTANT, constant, constant, ""])
    strong = {f"R-AF at {record.at}": Tone.STRONG}
    return Cells("", HEADERS, rows, _note(record), dense=True, tones=strong)


def _proven(record: HardeningRecord) -> Cells | None:
    """Certified and not refuted accurate fairness at every epsilon, before and after."""
    found = record.certified
    if found is None or not (found.before or found.after):
        return None
    rows = []
    for epsilon in found.before or found.after or ():
        for kind, look in ENDS.items():
            cells = [
                figure(look(side[epsilon][AF])) if side else "–"
                for side in (found.before, found.after)
            ]
            change = _signed(found.change[epsilon][AF][kind]) if found.change else ""
            rows.append([f"{kind.replace('_', ' ')} AF at {epsilon}", *cells, change])
    note = (
        "Certified: proven for every perturbation, with every counterpart. Not refuted: no row was "
        "found that breaks it. The true robust rate of these instances lies between the two. At "
        f"most {found.boxes:,} boxes an instance; change with its 95 % interval, paired."
    )
    return Cells("What is proven", HEADERS, rows, note, dense=True)


def _not_refuted(verdicts: Mapping[str, MeanRate]) -> MeanRate:
    refuted = verdicts["refuted"]
    return MeanRate(1 - refuted.value, refuted.sd, 1 - refuted.high, 1 - refuted.low)


ENDS: dict[str, Callable[[Mapping[str, MeanRate]], MeanRate]] = {
    "certified": lambda verdicts: verdicts["certified"],
    "not_refuted": _not_refuted,
}
"""Both ends of a bracket."""


def _signed(change: Change) -> str:
    low, high = (f"{end:+.2f}" for end in (change.low, change.high))
    return f"{change.value:+.3f} [{low}, {high}]".replace("-", "−")


def figure(rate: MeanRate) -> str:
    """A rate with its spread between networks, or with its interval where there is one network.

    Example:
        >>> figure(MeanRate(value=0.5, sd=0.02, low=0.4, high=0.6))
        '0.500 ± 0.020'
    """
    if rate.sd is not None:
        return f"{rate.value:.3f} ± {rate.sd:.3f}"
    return f"{rate.value:.3f} [{rate.low:.2f}, {rate.high:.2f}]"


def _note(record: HardeningRecord) -> str:
    judges, method, networks = record.judges, record.method, len(record.seeds)
    spread = (
        f"means ± standard deviation of {networks} networks"
        if networks > 1
        else "one model, 95 % intervals over the instances"
    )
    at = f", epsilon {record.at}" if method.kind == "training" else ""
    return (
        f"Method {method.name}{at}: {method.says}. Judged on {judges.instances:,} instances by "
        f"{joined(judges.attacks)}, {judges.steps} steps each, all counterparts asked; "
        f"{spread}. A robust rate counts the instances of which no violation was found within "
        "this budget."
    )


def _spent(record: HardeningRecord) -> str:
    spent = [(one.seconds.ordinary, one.seconds.hardened) for one in record.each]
    trained = [(usual, longer) for usual, longer in spent if None not in (usual, longer)]
    if len(trained) < len(spent):
        return ""
    ordinary, hardened = (sum(seconds) for seconds in zip(*trained, strict=True))
    return (
        f"Training took {ordinary:.1f} s as usual, {hardened:.1f} s hardened "
        f"({hardened / max(ordinary, 1e-9):.1f} times)."
    )
