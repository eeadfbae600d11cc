"""The report as one page: a single file that opens offline and runs no script but its own.

Its policy (CSP) allows the inlined style and script by their hashes and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from rafair.engine.files import writing
from rafair.reports.case_data import case_data, data_block
from rafair.reports.charts import chart
from rafair.reports.contents import PARTS, Contents, Picture
from rafair.reports.first import flow_tables, found, met
from rafair.reports.flow_drawing import MARKS, class_of, drawing
from rafair.reports.page_parts import joined, policy, templates
from rafair.reports.static_cases import cards, static_cases
from rafair.results.first_screen import MEANING

REPORT = "report.html"
TEMPLATE = "report.html.jinja"
STYLES = ("report.css", "first.css", "pictures.css", "print.css")
SCRIPTS = ("cases.js", "case_view.js", "case_table.js")
OPEN_FEATURES = 4
"""How many pictures of other features are open from the start; the rest unfold."""


def write_page(contents: Contents, path: Path) -> None:
    """Writes the page, unless it lies there as it would be written.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder may not be written to.
    """
    page = render_page(contents).encode("utf-8", "replace")
    if path.is_file() and path.stat().st_size == len(page) and path.read_bytes() == page:
        return
    with writing(path) as temporary:
        temporary.write_bytes(page)


def render_page(contents: Contents) -> str:
    """The whole page as HTML."""
    style, script = joined(STYLES), _script()
    data, in_data = case_data(contents.cases)
    text: str = (
        templates()
        .get_template(TEMPLATE)
        .render(
            contents=contents,
            policy=policy(style, script),
            style=Markup(style),
            script=Markup(script),
            parts=PARTS,
            chart=_numbered_charts(),
            open_features=OPEN_FEATURES,
            static=static_cases(contents.cases),
            cards=cards(contents.cases),
            flow=drawing(contents.first.flows, "flow"),
            flow_tables=flow_tables(contents.first.flows),
            cells={
                cell: (class_of(cell), MARKS[cell], meaning) for cell, meaning in MEANING.items()
            },
            met=met,
            found=found,
            data=data_block(data),
            in_data=in_data,
        )
    )
    return text


def _numbered_charts() -> Any:
    count = 0

    def draw(picture: Picture) -> Any:
        nonlocal count
        count += 1
        return chart(picture, f"picture-{count}")

    return draw


def _script() -> str:
    """All parts in one scope of their own."""
    return f'"use strict";\n{{\n{joined(SCRIPTS)}\n}}'
