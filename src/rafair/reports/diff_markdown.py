"""A comparison of two audits in Markdown, as pull requests and job summaries show it."""

from __future__ import annotations

from itertools import groupby

from rafair.gating.difference_tables import CAUTION, asked_otherwise, facts, notes, tables
from rafair.gating.differences import Comparison
from rafair.results.cells import Cells


def as_markdown(comparison: Comparison, *, everything: bool = False) -> str:
    """What differs, then the rates; every rate where `everything` is set."""
    blocks = ["## What changed between two audits"]
    blocks.append("\n".join(f"- {name}: {verbatim(value)}" for name, value in facts(comparison)))
    if names := asked_otherwise(comparison):
        blocks.append(f"> {CAUTION} {', '.join(map(verbatim, names))}.")
    for cells in tables(comparison, everything=everything):
        blocks += [f"### {cells.title}", _table(cells)]
    blocks += [note.replace("*", r"\*") for note in notes(comparison, everything=everything)]
    return "\n\n".join(blocks) + "\n"


def verbatim(text: str) -> str:
    r"""A text of somebody else's as code, in which nothing is a link, a mention, or HTML.

    Example:
        >>> print(verbatim("<b> @all"), verbatim("a`b"))
        `<b> @all` ``a`b``
    """
    if not text:
        return ""
    longest = max((len(list(run)) for tick, run in groupby(text) if tick == "`"), default=0)
    fence, pad = "`" * (longest + 1), " " if "`" in (text[0], text[-1]) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _table(cells: Cells) -> str:
    rows = [cells.headers, ["---", *["---:"] * (len(cells.headers) - 1)]]
    for name, *figures in cells.rows:
        code = verbatim(name.strip()).replace("|", r"\|")
        # a heading has no figures
        rows.append([code if any(figures) else f"**{code}**", *(_figure(one) for one in figures)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figure(cell: str) -> str:
    return cell.strip().replace("*", r"\*")
