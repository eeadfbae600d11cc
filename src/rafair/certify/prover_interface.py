"""The seam between kinds of models and certificates: regions in, verdicts and witnesses out."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rafair.certify.region import Region
from rafair.engine.thread_pool import Workers
from rafair.models.classifier import Labels, Rows

Indices = NDArray[np.int64]

Confirm = Callable[[Indices, Rows], NDArray[np.bool_]]
"""From instances and rows that may be theirs, shapes `(m,)` and `(m, d)`, to which of the rows are
really among what these instances may become, and are decided otherwise than wanted by the model's
own answer."""


class Proof(IntEnum):
    """What is known of one instance's region."""

    OPEN = 0
    """The budget ran out."""
    PROVEN = 1
    """Every row of it gets the class that is wanted."""
    REFUTED = 2
    """A row of it was confirmed to get another."""
    NEAR_TIE = 3
    """What is left lies so near to a tie that rounding decides."""


class Decided(NamedTuple):
    """What a search has decided of `n` instances.

    Args:
        proof: A `Proof` each; shape `(n,)`.
        witness: Where refuted, the row that is decided otherwise; shape `(n, d)`.
        boxes: How many boxes were looked at; shape `(n,)`.
    """

    proof: NDArray[np.int8]
    witness: Rows
    boxes: Indices


class Prover(Protocol):
    """Proves the classes of regions for a model of one kind; verdicts depend on nothing else."""

    @property
    def kind(self) -> str:
        """What kind of model it is, for reports, such as "ReLU network"."""

    @property
    def continuous(self) -> bool:
        """Whether scores change without jumps, as those of networks and linear models do.

        Then a class that is not constant over a connected region has counterparts that disagree.
        """

    @property
    def reads(self) -> frozenset[int] | None:
        """The columns that the class may depend on; None where that is not known.

        Where none of them is sensitive, all counterparts get one class by construction.
        """

    def decide(
        self,
        region: Region,
        wanted: Labels,
        chosen: Indices,
        budget: int,
        confirm: Confirm,
        workers: Workers,
    ) -> Decided:
        """Searches the regions of instances for rows of another class than is wanted.

        Args:
            region: Boxes of `n` instances.
            wanted: The class that each is to have everywhere; shape `(n,)`.
            chosen: Which instances to search; the others stay open.
            budget: An instance is left open after this many boxes.
            confirm: Says which rows count as witnesses.
            workers: The open pool of threads that may be used.
        """
