"""Errors of the machine, not of the user or of rafair, that end a command."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

NO_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|not enough memory|failed to map segment"
    r"|out of memory|can't start new thread|std::bad_alloc|malloc of size"
    r"|_find_and_load.* returned NULL",
    re.IGNORECASE,
)
"""How libraries say that there is too little memory, or room for a thread; the last is how Python
does where a module cannot be loaded."""

SAYING = RuntimeError, ImportError, OSError, SystemError

MEMORY = (
    "too little memory; what was done before is kept, and the same command again carries on, with "
    "more memory, or with fewer --threads or --instances"
)


def reason_of_machine(error: BaseException) -> str | None:
    """The line for a machine that lacks memory, or a file that went away; None for a bug.

    Example:
        >>> reason_of_machine(MemoryError())[:17]
        'too little memory'
        >>> reason_of_machine(FileNotFoundError(2, "No such file or directory", "run/a.parquet"))
        "'run/a.parquet': No such file or directory; was it removed while the command ran? What ..."
    """
    for one in _chain(error):
        lacking = isinstance(one, OSError) and one.errno == errno.ENOMEM
        said = isinstance(one, SAYING) and NO_MEMORY.search(str(one))
        if isinstance(one, MemoryError) or lacking or said:
            return MEMORY
    for one in _chain(error):
        if isinstance(one, OSError) and one.filename is not None:
            return (
                f"'{one.filename}': {one.strerror}; was it removed while the command ran? What was "
                "done before is kept where it still is, and the same command again carries on"
            )
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what is behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
