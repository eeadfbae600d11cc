"""A section for a model card: each figure of a run beside the rules that ask for such evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rafair.blocks.markdown import block, escaped, table
from rafair.engine.files import writing
from rafair.engine.text_file import write_text
from rafair.reports.contents import Contents
from rafair.reports.frameworks import CLAUSES, FIGURES, FRAMEWORKS, NOT_SHOWN


def write_model_card(contents: Contents, path: Path) -> None:
    """Writes the section as Markdown.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder may not be written to.
    """
    with writing(path) as target:
        write_text(target, as_model_card(contents))


def as_model_card(contents: Contents) -> str:
    """The section's text."""
    return "\n\n".join(_parts(contents)) + "\n"


def _parts(contents: Contents) -> Iterator[str]:
    yield "## Robust accurate fairness"
    yield f"{escaped(contents.title)}, with rafair. {escaped(_measured())}"
    yield from map(escaped, contents.summary)
    yield "\n".join(f"- **{escaped(name)}**: {escaped(value)}" for name, value in contents.facts)
    yield "### Evidence, and which rules ask for its kind"
    yield (
        "Each figure is evidence to be weighed under the clauses beside it. None of them says that "
        "a clause is met."
    )
    yield table(
        ["figure", "in this run", *(framework.name for framework in FRAMEWORKS)],
        [
            [
                escaped(figure.name),
                escaped(contents.evidence.get(figure.key, "")),
                *("<br>".join(map(escaped, places)) for places in figure.clauses),
            ]
            for figure in FIGURES
        ],
        right=False,
    )
    yield "### What the figures do not show"
    yield "\n".join(f"- {escaped(text)}" for text in NOT_SHOWN)
    if contents.warnings:
        yield "### Warnings of the run"
        yield "\n".join(f"- {escaped(text)}" for text in contents.warnings)
    yield "### What the clauses ask for, in our words"
    for framework in FRAMEWORKS:
        yield f"**{escaped(framework.name)}**: {escaped(framework.citation)}. {framework.remark}"
        yield "\n".join(
            f"- {escaped(clause.place)}: {escaped(clause.asks)}"
            for clause in CLAUSES
            if clause.framework == framework.name
        )
    yield "### To repeat the run"
    yield block(contents.repeat)


def _measured() -> str:
    return (
        "Measured: whether decisions stay right, and equal for people who differ only in sensitive "
        "features, when inputs are perturbed."
    )
