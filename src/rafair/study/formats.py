"""Tables as CSV, Markdown and LaTeX: text in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rafair.engine.files import writing
from rafair.engine.text_file import write_text

LATEX_SPECIAL = {
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


def write_whole(path: Path, text: str) -> Path:
    """Writes a whole file, or none."""
    with writing(path) as temporary:
        write_text(temporary, text)
    return path


def as_csv(frame: pd.DataFrame) -> str:
    r"""A frame with all its digits; what does not exist is empty.

    Example:
        >>> as_csv(pd.DataFrame({"attack": ["apgd"], "sd": [None]}))
        'attack,sd\napgd,\n'
    """
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text


def as_markdown(headers: Sequence[str], rows: Sequence[Sequence[str]], *, names: int = 1) -> str:
    r"""A table in GitHub's Markdown; the first `names` columns are text, the others figures.

    Example:
        >>> print(as_markdown(["attack", "R-AF"], [["a|b", "0.224"]]))
        | attack | R-AF |
        | --- | ---: |
        | a\|b | 0.224 |
    """
    ruler = ["---" if place < names else "---:" for place in range(len(headers))]
    lines = [headers, ruler, *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def as_latex(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str,
    label: str,
    names: int = 1,
) -> str:
    r"""A table for LaTeX with the package booktabs; a first cell that is not empty starts a group.

    Example:
        >>> print(as_latex(["attack", "R-AF"], [["a_b", "−0.2"]], caption="5 %", label="tab:x"))
        \begin{table}
          \centering
          \caption{5 \%}
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
    columns = "l" * names + "r" * (len(headers) - names)
    grouped = any(not row[0] for row in rows)
    body = []
    for number, row in enumerate(rows):
        if grouped and row[0] and number:
            body.append(r"    \addlinespace")
        body.append(_latex_line(row))
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escape_latex(caption)}}}",
        rf"  \label{{{label}}}",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        _latex_line(headers),
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
    return "".join(LATEX_SPECIAL.get(character, character) for character in text)


def _latex_line(cells: Sequence[str]) -> str:
    return f"    {' & '.join(map(escape_latex, cells))} \\\\"


ROUNDING = 1e-9
"""Means that differ by less are equal: sums of the same shares may be rounded differently."""


def is_known(value: float | None) -> bool:
    """Whether a figure exists; None and NaN say that it does not."""
    return value is not None and value == value


def figure(value: float | None, sd: float | None = None) -> str:
    """A share with three decimals, and its spread where there is one.

    Example:
        >>> figure(0.2236), figure(0.2236, 0.0124), figure(None)
        ('0.224', '0.224 ± 0.012', '–')
    """
    if not is_known(value):
        return "–"
    spread = f" ± {sd:.3f}" if is_known(sd) else ""
    return f"{value:.3f}{spread}"


def signed(value: float | None) -> str:
    """A difference, with its sign.

    Example:
        >>> signed(-0.0512), signed(0.1)
        ('−0.051', '+0.100')
    """
    if not is_known(value):
        return "–"
    return f"{value:+.3f}".replace("-", "−")
