"""What a saved model is wrapped in: the description, from which the wrapper is made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from rafair.arguments import check_real, check_whole

MOST_STEPS = 10_000


@dataclass(frozen=True)
class ConsensusWrapper:
    """The mean of the logits over the sensitive domain (`models/consensus.py`).

    Args:
        sample: Over how many combinations of sensitive values; None for all.
        seed: Decides which, of a sample.
        kind: "consensus".

    Raises:
        InputError: If a number is out of range.
    """

    sample: int | None = None
    seed: int = 0
    kind: Literal["consensus"] = "consensus"

    uses_sensitive_values: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if self.sample is not None:  # how many there are, the domain says
            check_whole("consensus sample", self.sample, 2, 100_000)
        check_whole("consensus seed", self.seed, 0, 2**32 - 1)


@dataclass(frozen=True)
class BenignWrapper:
    """The repair of every row before it is classified (`repairs/repaired.py`).

    Args:
        steps: How many steps each repair takes.
        step_size: Their length, as a share of a feature's range.
        epsilon: How far a repair may go; None for `steps × step_size`, at most 1.
        kind: "benign".

    Raises:
        InputError: If a number is out of range.
    """

    steps: int = 20
    step_size: float = 0.01
    epsilon: float | None = None
    kind: Literal["benign"] = "benign"

    uses_sensitive_values: ClassVar[bool] = True
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        check_whole("benign steps", self.steps, 1, MOST_STEPS)
        check_real("benign step_size", self.step_size, 0, 1)
        if self.epsilon is not None:
            check_real("benign epsilon", self.epsilon, 0, 1)

    @property
    def reach(self) -> float:
        """How far a repair may go."""
        return min(self.steps * self.step_size, 1.0) if self.epsilon is None else self.epsilon


Wrapper = Annotated[ConsensusWrapper | BenignWrapper, Field(discriminator="kind")]
