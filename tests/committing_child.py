"""Commits made windows without end: a process for tests to kill.

    python committing_child.py PLACE ROWS

It tells the number of each window when `commit` has returned.
"""

from __future__ import annotations

import sys

from made_windows import made_window
from rafair.monitoring.store.open_store import open_store


def main() -> None:
    place, n = sys.argv[1], int(sys.argv[2])
    with open_store(place, "m", {}, patience_s=60) as store, store.hold(wait_s=20):
        number = store.last_number()
        while True:
            number += 1
            assert store.commit(made_window(number, n))
            print(number, flush=True)


if __name__ == "__main__":
    main()
