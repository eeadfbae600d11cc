"""What a finished run's options may be is what an audit knows, though it loads none of it."""

from __future__ import annotations

from rafair.models.losses import LOSSES
from rafair.repairs.benign_perturbation import LABELS
from rafair.results import audit_options


def test_names_are_those_of_losses_and_of_repairs():
    assert list(audit_options.LOSSES) == list(LOSSES)
    assert audit_options.LABELS == LABELS
