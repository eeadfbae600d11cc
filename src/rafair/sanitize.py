"""Texts of others made visible: nothing in them can reorder, hide or break the text around them."""

from __future__ import annotations

import re
import unicodedata

HIDDEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Controls, formats (bidi controls, zero-width characters, tags), lone surrogates, separators."""

INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufdd0-\ufdef\ufffe\uffff"
    "\ufe00-\ufe0d\U000e0100-\U000e01ef]"
)
"""Letters and marks that show nothing: fillers, joiners, variation selectors but those of emoji."""

COMMAND = re.compile(
    r":(?=:(?:add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|notice|remove-matcher"
    r"|save-state|set-env|set-output|stop-commands|warning)\b)|#(?=#(?:\[|vso\[|teamcity\[))",
    re.IGNORECASE,
)
"""How a line begins, once it is broken somewhere, that a CI server takes for a command."""

LONGEST_NAME = 60
"""A name of more characters spoils a table, a sentence or a heading."""


def visible(text: str) -> str:
    r"""The text with every character that would act unseen spelt out.

    Args:
        text: A text that others wrote, such as a feature's name.

    Returns:
        One line; what a reader sees of it is what is in it.

    Example:
        >>> print(visible("a\u202eb\nc"), visible("::error::d"))
        a⟨U+202E⟩b⟨U+000A⟩c ⟨U+003A⟩:error::d
    """
    if "::" in text or "##" in text:
        text = COMMAND.sub(lambda found: _spelt_out(found[0]), text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelt_out(character) if _hidden(character) else character for character in text)


def shortened(text: str, most: int = LONGEST_NAME) -> str:
    """The text, visible, and cut where it is so long that it would spoil what is around it.

    Example:
        >>> shortened("age"), shortened("a" * 800, most=5)
        ('age', 'aaaa…')
    """
    shown = visible(text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _hidden(character: str) -> bool:
    hidden = unicodedata.category(character) in HIDDEN_CATEGORIES
    return hidden or INVISIBLE.match(character) is not None


def _spelt_out(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
