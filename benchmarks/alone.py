"""Runs a program in a process of its own, and measures its peak memory.

The system counts what the starting process holds as the started one's until that has become
another program: a large process cannot measure a smaller one. So this file, run as a script, is
the small process in between; it imports nothing of ours.
"""

from __future__ import annotations

import resource
import subprocess
import sys

UNITS_PER_MIB = 2**20 if sys.platform == "darwin" else 2**10
"""Systems count memory in bytes or in KiB."""


class FailedError(RuntimeError):
    """A program failed; it has the exit code of that program."""

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def peak_memory(*program: str) -> float:
    """Runs a program; returns its peak memory in MiB.

    Raises:
        FailedError: If the program fails; with its last line on stderr.
    """
    command = [sys.executable, "-P", __file__, *program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise FailedError(done.returncode, f"ended with exit code {done.returncode}: {last}")
    return float(done.stdout)


def main() -> int:
    """Runs the program that the arguments name, without its output, and prints its peak memory."""
    code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=False).returncode
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / UNITS_PER_MIB)
    return code


if __name__ == "__main__":
    sys.exit(main())
