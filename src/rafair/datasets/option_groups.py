"""The options that name a data set."""

from __future__ import annotations

from rafair.options import group, option


@group
class OfDataset:
    """A data set."""

    dataset: str = option(
        "affairs", "The data set: affairs, adult, credit, bank or compas.", "NAME"
    )
    variant: str = option(
        "clean", "clean (no feature gives the label away) or paper (the paper's features).", "NAME"
    )
