"""Tables as text, letter by letter."""

from __future__ import annotations

import pandas as pd

from rafair.blocks.block_types import Cells, Strong
from rafair.blocks.latex import as_latex, escape_latex
from rafair.study.config import Part, StudyConfig
from rafair.study.formats import frame_csv
from rafair.study.paper_tables import budgets, mean_rates, rates_latex, rates_markdown
from rafair.study.published import METRICS

CONFIG = StudyConfig(datasets=("affairs",), models=2)


def made_up() -> pd.DataFrame:
    """Two attacks, one of which the paper has; every rate is 0.5 or 0.25."""
    records = []
    for dataset in ("mean", "affairs"):
        for attack, value, paper in (("apgd", 0.5, 0.4), ("fgsm", 0.25, None)):
            for metric in METRICS:
                mean = dataset == "mean"
                of_paper = paper if mean else None
                records.append(
                    {
                        "dataset": dataset,
                        "attack": attack,
                        "metric": metric,
                        "value": value,
                        "sd": 0.0123,
                        "paper": of_paper,
                        "difference": None if of_paper is None else value - of_paper,
                        "n": 80,
                    }
                )
    return pd.DataFrame.from_records(records)


MARKDOWN_MEANS = """\
| attack |  | R-ACC | R-IF | R-AF | TFR | TBR | FFR | FBR |
| :-- | :-- | --: | --: | --: | --: | --: | --: | --: |
| APGD | here | 0.500 ± 0.012 | 0.500 ± 0.012 | 0.500 ± 0.012 | 0.500 ± 0.012 | 0.500 ± 0.012 | \
0.500 ± 0.012 | 0.500 ± 0.012 |
|  | paper | 0.400 | 0.400 | 0.400 | 0.400 | 0.400 | 0.400 | 0.400 |
|  | difference | +0.100 | +0.100 | +0.100 | +0.100 | +0.100 | +0.100 | +0.100 |
| FGSM | here | 0.250 ± 0.012 | 0.250 ± 0.012 | 0.250 ± 0.012 | 0.250 ± 0.012 | 0.250 ± 0.012 | \
0.250 ± 0.012 | 0.250 ± 0.012 |
"""

LATEX = r"""\begin{table}
  \centering
  \caption{50 \% of R\_AF \& more. A note.}
  \label{tab:t}
  \begin{tabular}{llr}
    \toprule
    attack &  & R-AF \\
    \midrule
    APGD & here & 0.500 $\pm$ 0.012 \\
     & difference & $-$0.100 \\
    \addlinespace
    FGSM & here & \textbf{0.250 $\pm$ 0.012} \\
    \bottomrule
  \end{tabular}
\end{table}"""


def test_the_means_in_markdown():
    page = rates_markdown(Part.TABLE3, made_up(), CONFIG)
    title = "# Table 3: clean seeds, and their rows under each attack"
    assert page.startswith(f"{title}\n\n### All data sets\n\n| attack")
    assert "|\n\nMeans over affairs" in page
    assert MARKDOWN_MEANS in page
    assert "2 networks each, ± the standard deviation from network to network" in page
    assert "they are shown, not compared" in page


def test_a_table_in_latex():
    rows = [
        ["APGD", "here", "0.500 ± 0.012"],
        ["", "difference", "−0.100"],
        ["FGSM", "here", Strong("0.250 ± 0.012")],
    ]
    cells = Cells("50 % of R_AF & more", ["attack", "", "R-AF"], rows, "A note.", names=2)
    assert as_latex(cells, "tab:t") == LATEX


def test_latex_has_as_many_cells_as_columns_and_nothing_it_cannot_read():
    text = rates_latex(Part.TABLE4, made_up(), CONFIG)
    assert text.isascii()
    tables = text.split(r"\begin{tabular}{")[1:]
    assert len(tables) == 2
    for table in tables:
        columns = len(table.partition("}")[0])
        lines = [line for line in table.splitlines() if line.endswith(r"\\")]
        assert {line.count(" & ") + 1 for line in lines} == {columns}
    assert text.count("{") == text.count("}")


def test_every_special_letter_is_escaped():
    assert escape_latex(r"a\b&c%d$e#f_g{h}i~j^k") == (
        r"a\textbackslash{}b\&c\%d\$e\#f\_g\{h\}i\textasciitilde{}j\textasciicircum{}k"
    )


def test_a_single_network_has_no_spread():
    table = made_up().assign(sd=float("nan"))
    assert mean_rates(table).rows[0][2] == "0.500"


def test_the_lowest_of_a_column_is_bold():
    table = pd.DataFrame(
        {
            "dataset": "mean",
            "kind": "outcome",
            "attack": ["rafair", "apgd"] * 2,
            "epsilon": [0.1, 0.1, 0.2, 0.2],
            "value": [0.5, 0.6, 0.4, 0.4],
            "sd": None,
        }
    )
    shown = budgets(table, "mean", "outcome")
    assert shown.headers == ["outcome", "0.1", "0.2"]
    assert shown.rows == [["RAFair", "0.500", "0.400"], ["APGD", "0.600", "0.400"]]
    strong = [[isinstance(cell, Strong) for cell in row] for row in shown.rows]
    assert strong == [[False, True, True], [False, False, True]]


def test_a_frame_keeps_all_its_digits():
    frame = pd.DataFrame(
        {"of": ["a,b", 'c"d'], "n": [3, 4], "value": [1 / 3, None], "lower": [True, False]}
    )
    assert frame_csv(frame) == frame.to_csv(index=False, lineterminator="\n")
