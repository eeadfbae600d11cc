"""`rafair attack`: attacks alone, on the model of a saved run."""

from __future__ import annotations

from rafair.cli import shared_options
from rafair.cli.console import show_audit
from rafair.cli.typer_options import grouped
from rafair.options import Given
from rafair.results.audit_option_groups import Attacking

EPILOG = "Example:  rafair attack runs/affairs-1 --attack rafair-ff --steps 50"


@grouped
def attack(
    run: shared_options.RunOrModel,
    again: Given[shared_options.Again],
    asked: Given[Attacking],
    running: shared_options.Running,
    output: shared_options.Output,
) -> None:
    """Attacks the model of a saved run, without training and without repair.

    Options that are not given are those of the run, where it is one.
    """
    from rafair.auditing.entry import attack_saved

    output.spare(again)
    means = running.means(output)
    named = shared_options.named(again, running.device)
    show_audit(attack_saved(run, asked.values, means, named), output.json)
