"""Examples as in the paper's A.3: a true biased and a false fair case of each data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rafair.results.cases import Case, find_cases, show
from rafair.study.formats import as_markdown
from rafair.study.order import GOALS
from rafair.study.running import Done
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
    parts = [
        "# Examples (the paper's A.3)",
        "One true biased and one false fair case of each data set: the most telling that RAFair "
        "found, which is one that was true fair as it was and needed the fewest steps. The "
        "counterpart is the first that disagrees.",
    ]
    for example in examples:
        parts.append(f"## {example.dataset}: {example.verdict}")
        if example.case is None:
            parts.append(f"RAFair drove no instance into the cell {example.verdict} here.")
        else:
            parts += _sections(example.case)
    return "\n\n".join(parts) + "\n"


def _sections(case: Case) -> list[str]:
    headers = ["feature", "as it was", "perturbed"]
    if case.counterpart is not None:
        headers.append("counterpart")
    lines = []
    for feature in case.schema.features:
        name = feature.name
        before, after = show(feature, case.clean[name]), show(feature, case.perturbed[name])
        line = [
            f"{name} (sensitive)" if feature.sensitive else name,
            before,
            _marked(after, before),
        ]
        if case.counterpart is not None:
            other = show(feature, case.counterpart[name]) if feature.sensitive else after
            line.append(_marked(other, after))
        lines.append(line)
    return [f"{case.heading}. {case.summary}", as_markdown(headers, lines, names=len(headers))]


def _marked(text: str, before: str) -> str:
    return text if text == before else f"**{text}**"


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: value.item() if hasattr(value, "item") else value for name, value in values.items()
    }
