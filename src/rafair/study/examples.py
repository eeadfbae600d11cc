"""Examples as in the paper's A.3: a true biased and a false fair case of each data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rafair.blocks.block_types import Block, Card, Heading, Said
from rafair.blocks.markdown import as_markdown
from rafair.results.case_details import Case, find_cases, show
from rafair.study.planned_runs import Done
from rafair.study.table_order import GOALS
from rafair.verdicts import Verdict

SHOWN = (Verdict.TRUE_BIASED, Verdict.FALSE_FAIR)


@dataclass(frozen=True)
class Example:
    """A case of one network.

    Args:
        dataset: The data set.
        seed: The network's seed.
        verdict: The cell it stands for.
        case: The case; None where none was found.
    """

    dataset: str
    seed: int
    verdict: Verdict
    case: Case | None

    def to_dict(self) -> dict[str, object]:
        """As plain values, in the data's own units."""
        head = {"dataset": self.dataset, "seed": self.seed, "verdict": str(self.verdict)}
        case = self.case
        if case is None:
            return head | {"found": False}
        return head | {
            "found": True,
            "instance": case.instance,
            "attack": case.attack,
            "step": case.step,
            "clean_verdict": str(case.clean_verdict),
            "label": case.label,
            "clean_prediction": case.clean_prediction,
            "prediction": case.prediction,
            "counterpart_prediction": case.counterpart_prediction,
            "clean": _plain(case.clean),
            "perturbed": _plain(case.perturbed),
            "counterpart": None if case.counterpart is None else _plain(case.counterpart),
        }


def find_examples(done: Sequence[Done]) -> list[Example]:
    """The most telling case of each cell that RAFair's goals found, on each set's first network."""
    first = {one.trial.dataset: one for one in reversed(done)}
    datasets = dict.fromkeys(one.trial.dataset for one in done)
    return [_example(first[dataset], verdict) for dataset in datasets for verdict in SHOWN]


def _example(one: Done, verdict: Verdict) -> Example:
    frame = one.audit.adversarial
    cases = find_cases(frame[frame["attack"].isin(GOALS)], one.audit.schema, verdict, limit=1)
    # the most telling comes first: where that was in the cell all along, no instance was driven in
    telling = [case for case in cases if case.clean_verdict != verdict]
    return Example(one.trial.dataset, one.trial.seed, verdict, telling[0] if telling else None)


def examples_markdown(examples: Sequence[Example]) -> str:
    """The examples as a Markdown page, all features in the data's own units."""
    blocks: list[Block] = [
        Heading("Examples (the paper's A.3)", 1),
        Said(
            [
                "One true biased and one false fair case of each data set: the most telling that "
                "RAFair found, which is one that was true fair as it was and needed the fewest "
                "steps. The counterpart is the first that disagrees."
            ]
        ),
    ]
    for example in examples:
        blocks.append(Heading(f"{example.dataset}: {example.verdict}"))
        nothing = Said([f"RAFair drove no instance into the cell {example.verdict} here."])
        blocks.append(nothing if example.case is None else _card(example.case))
    return as_markdown(blocks)


def _card(case: Case) -> Card:
    """A case with all its features."""
    headers = ["feature", "as it was", "perturbed"]
    if case.counterpart is not None:
        headers.append("counterpart")
    rows = []
    for feature in case.schema.features:
        name = feature.name
        before, after = show(feature, case.clean[name]), show(feature, case.perturbed[name])
        row = [f"{name} (sensitive)" if feature.sensitive else name, before, after]
        if case.counterpart is not None:
            row.append(show(feature, case.counterpart[name]) if feature.sensitive else after)
        rows.append(row)
    return Card(case.heading, headers, rows, case.summary)


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.item() if hasattr(value, "item") else value for name, value in values.items()
    }
