"""What a finished run's options may be is what an audit knows, though it loads none of it."""

from __future__ import annotations

from rafair.models.losses import LOSSES
from rafair.repairs.benign import LABELS
from rafair.results import options


def test_names_are_those_of_losses_and_of_repairs():
    assert list(options.LOSSES) == list(LOSSES)
    assert options.LABELS == LABELS
