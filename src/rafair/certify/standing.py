"""How each property of an instance stands once it was searched for a proof and for a witness."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Property(StrEnum):
    """What may hold of every perturbation of an instance.

    Example:
        >>> [str(one) for one in Property]
        ['accurate_fairness', 'individual_fairness', 'accuracy']
    """

    ACCURATE_FAIRNESS = "accurate_fairness"
    """The row and all its counterparts get the row's class."""
    INDIVIDUAL_FAIRNESS = "individual_fairness"
    """All counterparts get what the row gets."""
    ACCURACY = "accuracy"
    """The row, with its own sensitive values, gets its class."""


class Standing(IntEnum):
    """What is known of one property of one instance at one epsilon."""

    OPEN = 0
    """Neither: what was looked at was not enough."""
    CERTIFIED = 1
    """It is proven to hold."""
    REFUTED = 2
    """A row was found, and confirmed by the model's own answer, that breaks it."""
    NEAR_TIE = 3
    """What is left lies so near to a tie that rounding decides."""

    @property
    def key(self) -> str:
        """What it is called in files.

        Example:
            >>> [one.key for one in Standing]
            ['open', 'certified', 'refuted', 'near_tie']
        """
        return self.name.lower()
