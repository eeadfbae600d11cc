"""What all pages share: their policy, their templates, and how texts of others stand in them."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup

from rafair.blocks.markdown import LONGEST_LABEL
from rafair.sanitize import shortened, visible


@cache  # what it has compiled is kept in it
def templates() -> jinja2.Environment:
    """The templates, which escape all that is put into them."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rafair.reports"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters.update(seen=seen, name=name, whole=whole, kind=kind)
    return environment


def policy(style: str, script: str | None = None) -> str:
    """The content security policy of a page with this style and script; None allows no script.

    Example:
        >>> policy("")[:60]
        "default-src 'none'; style-src 'sha256-47DEQpj8HBSa+/TImW+5JC"
    """
    rules = {"default-src": "'none'", "style-src": _hashed(style)}
    if script is not None:
        rules["script-src"] = _hashed(script)
    rules |= {"base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def joined(names: tuple[str, ...]) -> str:
    """Files beside the templates, one after the other."""
    folder = resources.files("rafair.reports") / "templates"
    return "\n".join((folder / name).read_text(encoding="utf-8").strip() for name in names)


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


def kind(block: object) -> str:
    """What kind of block one is, by the name of its class."""
    return type(block).__name__


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
