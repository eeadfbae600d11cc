"""Dies by SIGKILL before each statement of a commit in turn, and right before and after COMMIT.

    python dying_child.py PLACE

One line for each try: at what it died, its exit code, and what the store then holds: the last
window's number, and how many rows. The last try lived on.
"""

from __future__ import annotations

import os
import signal
import sys

from sqlalchemy import event

from made_windows import made_window
from rafair.monitoring.store.open_store import open_store


def commit_and_die(place: str, number: int, at: int) -> None:
    """Commits a window, but dies when so many things have been asked of the database."""
    left = at

    def one_more(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_store(place, "m", {}, patience_s=30) as store, store.hold(wait_s=20):
        event.listen(store._link.engine, "before_cursor_execute", one_more)
        event.listen(store._link.engine, "commit", one_more)
        assert store.commit(made_window(number))
        one_more()


def main() -> None:
    place, at, stored = sys.argv[1], 0, 0
    while True:
        at += 1
        child = os.fork()
        if not child:
            commit_and_die(place, stored + 1, at)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with open_store(place, "m", {}, patience_s=30) as store:
            stored = store.last_number()
            print(at, code, stored, store.totals().rows, flush=True)
        if not code:
            return


if __name__ == "__main__":
    main()
