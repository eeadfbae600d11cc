"""`rafair certify`: what is proven of every perturbation, not only of those that were tried."""

from __future__ import annotations

from pathlib import Path

import typer

from rafair.cli import shared_options
from rafair.cli.console import print_result, say_where, show_audit
from rafair.cli.typer_options import grouped
from rafair.options import Given, group, option
from rafair.results.audit_option_groups import Certifying

EPILOG = "Example:  rafair certify runs/affairs-1 --epsilons .01,.02,.05"
DIFFERS = 1


@group
class Checked(shared_options.Output):
    """Where everything goes, or that nothing is written."""

    check: bool = option(
        False,
        "Prove the run's certificate again and compare every verdict: exit code 1 where one "
        "differs.",
    )


@grouped
def certify(
    run: shared_options.RunOrModel,
    again: Given[shared_options.Again],
    asked: Given[Certifying],
    running: shared_options.Running,
    output: Checked,
) -> None:
    """Proves for which instances decisions stay right and equal under every perturbation.

    An attack shows what it found; a certificate holds for all perturbations and counterparts. What
    is proven goes into the run's own folder; of a saved model a run is made.
    """
    from rafair.auditing.certify_finished_run import certify_saved, prove_again
    from rafair.auditing.certify_options import CertifyOptions

    output.spare(again)
    means = running.means(output)
    named = shared_options.named(again, running.device)
    given = asked.values
    if output.check:
        asked_before = {"out": output.out, "force": output.force or None, "json": output.json}
        shared_options.refuse_with(
            "`check`, which asks what the run was asked", given | asked_before
        )
        _check(run, prove_again(run, means, named))
        return
    wanted = CertifyOptions(**{n: given.pop(n) for n in ("boxes", "instances") if n in given})
    show_audit(certify_saved(run, given, wanted, means, named), output.json)


def _check(run: Path, difference: str | None) -> None:
    if difference is not None:
        say_where(f"{run}: {difference}", None, "Differs")
        raise typer.Exit(DIFFERS)
    print_result(None, "Every verdict was proven again.\n", None)
