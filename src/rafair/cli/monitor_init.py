"""`rafair monitor init`: freezes what a model was like, for a watch to compare with."""

from __future__ import annotations

from rafair.cli import shared_options
from rafair.cli.console import TerminalProgress, print_result
from rafair.cli.typer_options import grouped
from rafair.monitoring.option_groups import Freezing
from rafair.options import Given, group, option

EPILOG = "Example:  rafair monitor init runs/affairs-1"


@group
class Output(shared_options.Shown):
    """Where everything goes."""

    force: bool = option(False, "Move another reference aside, with what was watched by it.")


@grouped
def init(
    run: shared_options.FinishedRun,
    again: Given[shared_options.Again],
    asked: Given[Freezing],
    judging: shared_options.Judging,
    output: Output,
) -> None:
    """Freezes what a model was like on the whole test split of a finished audit.

    Of an audit of your own model or table, name them again.
    """
    from rafair.blocks.terminal import render
    from rafair.monitoring.history import reference_facts
    from rafair.monitoring.references.freezing import FreezeOptions, freeze
    from rafair.reports.monitor_text import reference_blocks

    output.spare(again)
    given = asked.values
    if given.get("probes") == ():
        shared_options.refuse_with(
            "`probes=none`", {name: given.get(name) for name in ("epsilon", "steps")}
        )
    reference = freeze(
        run,
        FreezeOptions(**given),
        shared_options.named(again, judging.device, max_queries=judging.max_queries),
        judging,
        force=output.force,
        progress=TerminalProgress(),
    )
    facts = reference_facts(reference)
    print_result(facts.to_dict(), render(reference_blocks(facts)), output.json)
