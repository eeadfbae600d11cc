"""Every attack by name, and the unions that pool several of them.

What an attack seeks stands here too, so that a finished run can be read without loading any of
them; an attack itself is loaded when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from rafair.verdicts import BAD, BIASED, FALSE, Verdict

if TYPE_CHECKING:
    from rafair.attacks.interface import Attack


@dataclass(frozen=True)
class Entry:
    """An attack that is not loaded yet.

    Args:
        place: Its module in this package, and its class or an instance there.
        does: What it does, for those who do not know its name.
        sought: The verdicts that count as its success.
        width: The width of the bins of probability that it counts; None where it counts none.
        witnesses: Whether it keeps no more than the first row that breaks each property: then only
            what holds throughout can be told of it.
    """

    place: str
    does: str
    sought: frozenset[Verdict] = FALSE
    width: float | None = None
    witnesses: bool = False

    def load(self) -> Attack:
        """The attack, with its default options."""
        module, name = self.place.split(":")
        found = getattr(import_module(f"rafair.attacks.{module}"), name)
        attack: Attack = found() if isinstance(found, type) else found
        return attack


WITNESSES = 2
"""How many rows an attack that keeps witnesses keeps of an instance, besides the row as it came."""

BIN_WIDTH = 0.025
"""The width of DICE's bins, unless another one is asked for."""

# In the order they are run: what one has seen of the clean rows, those after it need not ask.
ATTACKS: dict[str, Entry] = {
    "rafair-tb": Entry(
        "rafair:TRUE_BIASED",
        "a search for right answers that a counterpart does not get",
        frozenset({Verdict.TRUE_BIASED}),
    ),
    "rafair-ff": Entry(
        "rafair:FALSE_FAIR",
        "a search for wrong answers that all counterparts get",
        frozenset({Verdict.FALSE_FAIR}),
    ),
    "rafair-fb": Entry(
        "rafair:FALSE_BIASED",
        "a search for wrong answers that a counterpart does not get",
        frozenset({Verdict.FALSE_BIASED}),
    ),
    "worst-counterpart": Entry(
        "worst_counterpart:WorstCounterpart",
        "a search along the counterpart that is nearest to a mistake",
        BAD,
    ),
    "fgsm": Entry("fgsm:FGSM", "one step towards mistakes"),
    "pgd": Entry("pgd:PGD", "steps towards mistakes"),
    "apgd": Entry("apgd:APGD", "steps of adapted size towards mistakes"),
    "acg": Entry("acg:ACG", "conjugate steps towards mistakes"),
    "adf": Entry("adf:ADF", "a search for counterparts treated otherwise", BIASED),
    "eidig": Entry(
        "eidig:EIDIG", "a search for counterparts treated otherwise, with momentum", BIASED
    ),
    "dice": Entry("dice:DICE", "a search for many different treatments", BIASED, width=BIN_WIDTH),
    "noise": Entry("noise:Noise", "random changes", BAD),
    "strongest": Entry("strongest:Strongest", "all attacks together", BAD, witnesses=True),
}

UNIONS: dict[str, tuple[str, ...]] = {"rafair": ("rafair-tb", "rafair-ff", "rafair-fb")}
THE_UNION = "all three searches of the paper"
"""What the only union does."""
