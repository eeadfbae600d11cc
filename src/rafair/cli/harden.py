"""`rafair harden`: trains or wraps a model so that violations are harder to find, and judges it."""

from __future__ import annotations

from rafair.cli import shared_options
from rafair.cli.console import print_result, say_where
from rafair.cli.typer_options import grouped
from rafair.engine.option_groups import Threaded
from rafair.hardening.option_groups import Hardening
from rafair.models.train_options import Stepped
from rafair.options import Given, group, option

EPILOG = "Example:  rafair harden --dataset affairs --epsilon 0.05 --out runs/hardened"


@group
class Resumed(shared_options.Output):
    """Where everything goes, and whether something has to be there."""

    resume: bool = option(
        False,
        "Refuse to begin anew. Without it too, the same command carries on where it was "
        "interrupted.",
    )


@grouped
def harden(
    subject: Given[shared_options.Subject],
    asked: Given[Hardening],
    training: Given[Stepped],
    threaded: Threaded,
    output: Resumed,
) -> None:
    """Hardens a model against violations of accuracy and fairness, and judges what that brought.

    Without options it trains the paper's network on the affairs data as usual and hardened. The
    judges are attacks that training did not use; they ask all counterparts.
    """
    from rafair.blocks.terminal import render
    from rafair.hardening.config import HardenConfig
    from rafair.hardening.entry import pairs_of
    from rafair.hardening.hardening_run import run_hardening
    from rafair.reports.hardening_blocks import blocks
    from rafair.reports.tradeoff_plot import draw_tradeoff
    from rafair.results.hardening_record import hardening_of

    output.spare(subject)
    given = asked.values
    if "boxes" in given and "certify" not in given:
        shared_options.refuse_without("certify", {"boxes": given["boxes"]})
    if "data" in subject.values:
        given = {"instances": None} | given
    config = HardenConfig(**given)
    means = shared_options.means(output, threaded)
    if "model" in subject.values:
        shared_options.refuse_with("`model`, whose own training options are taken", training.values)
    named = shared_options.named(subject, threaded.device)
    pairs = pairs_of(named, training.values, config, means)
    done = run_hardening(pairs, config, means, draw_tradeoff, resume=output.resume)
    print_result(done.document, render(blocks(hardening_of(done.document))), output.json)
    say_where(done.folder, output.json)
