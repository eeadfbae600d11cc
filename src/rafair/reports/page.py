"""The report as one page: a single file that opens offline and runs no script but its own.

Its policy (CSP) allows the inlined style and script by their hashes and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from rafair.engine.files import writing
from rafair.reports.case_data import case_data, data_block
from rafair.reports.charts import chart
from rafair.reports.contents import LONGEST_LABEL, PARTS, Contents, Picture
from rafair.reports.static_cases import static_cases
from rafair.visible import shortened, visible

REPORT = "report.html"
TEMPLATE = "report.html.jinja"
STYLES = ("report.css", "pictures.css", "print.css")
SCRIPTS = ("cases.js", "case_view.js", "case_table.js")
OPEN_FEATURES = 4
"""How many pictures of other features are open from the start; the rest unfold."""


def write_page(contents: Contents, path: Path) -> None:
    """Writes the page.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder may not be written to.
    """
    page = render_page(contents).encode("utf-8", "replace")
    with writing(path) as temporary:
        temporary.write_bytes(page)


def render_page(contents: Contents) -> str:
    """The whole page as HTML."""
    style, script = _joined(STYLES), _script()
    data, in_data = case_data(contents.cases)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rafair.reports"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters["seen"] = seen
    environment.filters["name"] = name
    environment.filters["whole"] = whole
    text: str = environment.get_template(TEMPLATE).render(
        contents=contents,
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
        parts=PARTS,
        chart=_numbered_charts(),
        open_features=OPEN_FEATURES,
        static=static_cases(contents.cases),
        data=data_block(data),
        in_data=in_data,
    )
    return text


def policy(style: str, script: str) -> str:
    """The content security policy of a page with this style and script."""
    rules = {
        "default-src": "'none'",
        "style-src": _hashed(style),
        "script-src": _hashed(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def seen(text: object) -> str:
    """A text in which nothing is hidden; it is escaped when it is put into the page."""
    return visible(str(text))


def whole(text: object) -> Markup:
    """A user's name or value, set apart from the direction of the text around it."""
    return Markup("<bdi>{}</bdi>").format(visible(str(text)))


def name(text: object) -> Markup:
    """The same as a heading or label: cut if it is long, and then whole in its title."""
    shown, short = visible(str(text)), shortened(str(text), LONGEST_LABEL)
    if short == shown:
        return whole(text)
    return Markup('<bdi title="{}">{}</bdi>').format(shown, short)


def _numbered_charts() -> Any:
    count = 0

    def draw(picture: Picture) -> Any:
        nonlocal count
        count += 1
        return chart(picture, f"picture-{count}")

    return draw


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _joined(names: tuple[str, ...]) -> str:
    folder = resources.files("rafair.reports") / "templates"
    return "\n".join((folder / name).read_text(encoding="utf-8").strip() for name in names)


def _script() -> str:
    """All parts in one scope of their own."""
    return f'"use strict";\n{{\n{_joined(SCRIPTS)}\n}}'
