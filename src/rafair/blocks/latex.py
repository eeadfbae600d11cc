"""A table as LaTeX, with the package booktabs."""

from __future__ import annotations

from collections.abc import Sequence

from rafair.blocks.block_types import Cells, Strong

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "±": r"$\pm$",
    "–": "--",
}


def as_latex(cells: Cells, label: str) -> str:
    r"""A table with its title and note as its caption; a first cell that says something is a group.

    Example:
        >>> print(as_latex(Cells("5 %", ["attack", "R-AF"], [["a_b", "−0.2"]]), "tab:x"))
        \begin{table}
          \centering
          \caption{5 \%.}
          \label{tab:x}
          \begin{tabular}{lr}
            \toprule
            attack & R-AF \\
            \midrule
            a\_b & $-$0.2 \\
            \bottomrule
          \end{tabular}
        \end{table}
    """
    grouped = any(not row[0] for row in cells.rows)
    body = []
    for number, row in enumerate(cells.rows):
        if grouped and row[0] and number:
            body.append(r"    \addlinespace")
        body.append(_line(row))
    caption = f"{cells.title}. {cells.note}".strip()
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape_latex(caption)}}}",
        rf"  \label{{{label}}}",
        rf"  \begin{{tabular}}{{{'l' * cells.names + 'r' * (len(cells.headers) - cells.names)}}}",
        r"    \toprule",
        _line(cells.headers),
        r"    \midrule",
        *body,
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def escape_latex(text: str) -> str:
    r"""Text that LaTeX prints as it is.

    Example:
        >>> escape_latex("100 % of R_AF")
        '100 \\% of R\\_AF'
    """
    return "".join(SPECIAL.get(character, character) for character in text)


def _line(row: Sequence[str]) -> str:
    return f"    {' & '.join(map(_cell, row))} \\\\"


def _cell(cell: str) -> str:
    text = escape_latex(cell)
    return rf"\textbf{{{text}}}" if isinstance(cell, Strong) else text
