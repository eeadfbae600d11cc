"""The report as one page: a single file that opens offline and runs no script but its own.

Its policy (CSP) allows the inlined style and script by their hashes and nothing else.
"""

from __future__ import annotations

from markupsafe import Markup

from rafair.blocks.block_types import Picture
from rafair.reports.case_data import case_data, data_block
from rafair.reports.first_half_page import found, met
from rafair.reports.flow_drawing import MARKS, class_of
from rafair.reports.page_parts import joined, policy, templates
from rafair.reports.report_contents import PARTS, Contents
from rafair.reports.report_sections import sections
from rafair.reports.static_cases import cards, static_cases
from rafair.results.first_screen import MEANING

TEMPLATE = "report.html.jinja"
STYLES = ("report.css", "first.css", "pictures.css", "print.css")
SCRIPTS = ("cases.js", "case_view.js", "case_table.js")


def render_page(contents: Contents) -> str:
    """The whole page as HTML."""
    style, script = joined(STYLES), _script()
    data, in_data = case_data(contents.cases)
    parts = sections(contents)
    text: str = (
        templates()
        .get_template(TEMPLATE)
        .render(
            contents=contents,
            policy=policy(style, script),
            style=Markup(style),
            script=Markup(script),
            sections=parts,
            parts=PARTS,
            static=static_cases(contents.cases),
            cards=cards(contents.cases),
            flow=next(one for one in parts[0].blocks if isinstance(one, Picture)),
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


def _script() -> str:
    """All parts in one scope of their own."""
    return f'"use strict";\n{{\n{joined(SCRIPTS)}\n}}'
