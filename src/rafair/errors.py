"""Every exception and warning of rafair, each class with the exit code of its command.

```
RafairError
├── InputError             2   what the user gave is wrong: an option, a file, a model
│   ├── UnknownNameError   2   a name that is not known; says the nearest one that is
│   ├── DataFileError      2   a data file is not what it should be
│   │   └── AlteredFileError 2 a file that was read in part is another one now
│   ├── ModelError         2   a model does not fit the data, or answers nonsense
│   └── RunFolderError     2   a run folder cannot be read or written as asked
└── IncompleteError        3   work that could not be finished; what was done is kept
    ├── ClusterError       3   a cluster cannot be reached, or has gone
    ├── DownloadError      3   a file could not be fetched
    ├── ModelGoneError     3   a model that is asked over a network does not answer
    ├── QueryBudgetError   3   a model may not be asked any more
    ├── StorageError       3   the disk is full or has gone
    ├── StoreBusyError     3   another process watches with this store
    └── UnfinishedRunError 3   a run folder whose audit was not carried to its end

RafairWarning                  the result stands, but a reader should know something
```

Messages are one line: what is wrong, where, and what was expected.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_NAMED = 20
"""How many known names an error lists; of more, those nearest to the one that was given."""


class RafairError(Exception):
    """Base of all errors that rafair raises on purpose; catch it to catch them all."""

    exit_code = 70


class InputError(RafairError, ValueError):
    """The caller's input is wrong; the message says what was expected."""

    exit_code = 2


class UnknownNameError(InputError):
    """A name that is not in the list of known ones.

    Args:
        what: The kind of thing that was named, such as `"data set"`.
        name: The name that was given.
        known: The names that exist.

    Example:
        >>> print(UnknownNameError("data set", "adlut", ["adult", "bank"]))
        unknown data set 'adlut': did you mean 'adult'? (known: adult, bank)
    """

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        known = list(known)
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.55)
        hint = f": did you mean '{near[0]}'?" if near else ""
        shown, more = known, ""
        if len(known) > MOST_NAMED:
            shown = difflib.get_close_matches(name.lower(), known, n=MOST_NAMED, cutoff=0)
            more = f" and {len(known) - MOST_NAMED:,} more"
        super().__init__(f"unknown {what} '{name}'{hint} (known: {', '.join(shown)}{more})")


class DataFileError(InputError):
    """A data file is missing, cut short, altered, or not in the expected format."""


class AlteredFileError(DataFileError):
    """What was read of a file before no longer stands in it; reading on might count rows twice."""


class ModelError(InputError):
    """A model does not fit the table, or its answers are not finite numbers."""


class RunFolderError(InputError):
    """A run folder cannot be read or written as asked."""


class IncompleteError(RafairError):
    """The work could not be finished, through no fault of the input; what was done is kept."""

    exit_code = 3


class ClusterError(IncompleteError):
    """A cluster cannot be reached, has gone, or lost the workers of one task again and again."""


class DownloadError(IncompleteError):
    """A file could not be fetched."""


class ModelGoneError(IncompleteError):
    """A model that is asked over a network does not answer, or no longer gives usable answers."""

    KEPT = "; what was done is kept, and the same command again carries on"

    def at_the_start(self) -> ModelGoneError:
        """The same where there is nothing to keep.

        Example:
            >>> str(ModelGoneError("model 'm': gone" + ModelGoneError.KEPT).at_the_start())
            "model 'm': gone; nothing was begun"
        """
        return ModelGoneError(str(self).removesuffix(self.KEPT) + "; nothing was begun")


class QueryBudgetError(IncompleteError):
    """The number of rows that a model may be asked about is spent."""

    KEPT = "; what was done is kept, and the same command with a larger `max_queries` carries on"

    def unkept(self) -> QueryBudgetError:
        """The same where no folder keeps anything, or nothing tells that a model is the same.

        Example:
            >>> str(QueryBudgetError("all are spent" + QueryBudgetError.KEPT).unkept())
            'all are spent; nothing is kept: that needs a folder (out=) and a model with a hash'
        """
        needs = "that needs a folder (out=) and a model with a hash"
        return QueryBudgetError(f"{str(self).removesuffix(self.KEPT)}; nothing is kept: {needs}")


class StorageError(IncompleteError):
    """Results could not be stored, for instance because the disk is full."""


class StoreBusyError(IncompleteError):
    """Another process watches the same monitor in the same store."""


class UnfinishedRunError(IncompleteError):
    """A run folder holds work in progress where a finished audit was expected."""


class RafairWarning(UserWarning):
    """The result stands, but its reader should know something."""
