"""A request to stop, which a loop looks at between two steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Stop:
    """Whether somebody wants a watch to end.

    Args:
        wished: Whether it is to end.
        interrupted: Whether that came from the keyboard.
    """

    wished: bool = False
    interrupted: bool = False
