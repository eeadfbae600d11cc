"""The state of sequential tests from window to window, so that each window costs the same.

Kept are the ceilings of the evidence (`ceilings`). Only where they do not rule a fall out are all
looks counted, so that what is told is always the evidence itself.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rafair.metrics.rates import Rate
from rafair.monitoring.alarm_types import Fall
from rafair.monitoring.evidence.drift_tests import History, falls, share_of, tested_steps
from rafair.monitoring.evidence.evidence_ceilings import ALTERNATIVES, CLOSER, Ceilings
from rafair.monitoring.evidence.sequential_test import Numbers
from rafair.monitoring.window_rates import Counts

if TYPE_CHECKING:
    from rafair.monitoring.store.monitor_store import Store

FORMAT = "rafair evidence 1"
DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Kept:
    """What is kept after a look.

    Args:
        look: Its number; 0 before the first.
        sums: By rate, how many rows were good in all looks, of how many; shape `(rates, 2)`.
        state: That of the ceilings.
    """

    look: int
    sums: NDArray[np.int64]
    state: Numbers


class RunningTests:
    """The tests of one monitor.

    Args:
        reference: The reference's rates by name; None where no row was counted.
        alpha: The false-alarm rate of all tests together.
        tolerance: How far a rate may fall without being told.
        store: Where the looks are.
    """

    def __init__(
        self, reference: Mapping[str, Rate | None], alpha: float, tolerance: float, store: Store
    ) -> None:
        self._reference, self._alpha, self._tolerance = reference, alpha, tolerance
        self._store = store
        self._names = tuple(reference)
        tested = tested_steps(reference, alpha, tolerance)
        places = [(name, step) for name, limits in tested.items() for step in limits]
        self._rate_of = np.array([self._names.index(name) for name, _ in places], np.int64)
        self._log_factors = np.array([step.log_factor for _, step in places])
        bounds = [step.bound for _, step in places]
        self._ceilings = Ceilings(bounds)
        about = [FORMAT, self._names, bounds, ALTERNATIVES, CLOSER, store.monitor_id]
        self._about = json.dumps(about).encode()
        self._kept: Kept | None = None
        self._history: History | None = None
        self._next: tuple[Kept | None, History | None] = None, None

    def next(self, look: int, counts: Counts) -> tuple[list[Fall], bytes]:
        """What fell by the evidence up to a look, and what is to be stored with it.

        Once that is stored, `took` goes on from it.

        Args:
            look: Its number, one more than that of the store's last window.
            counts: Its counts.
        """
        self._kept = kept = self._before(look)
        steps = np.array([counts.get(name, (0, 0)) for name in self._names], np.int64)
        now = self._after(kept, steps.reshape(-1, 2))
        # what is ruled out against one of a rate's bounds has not fallen
        enough = -math.log(share_of(self._alpha, len(self._names)))
        out = self._ceilings.of(now.state, look) + self._log_factors < enough
        open_ = set(range(len(self._names))) - set(self._rate_of[out].tolist())
        names = {self._names[place] for place in open_ & set(self._rate_of.tolist())}
        found: list[Fall] = []
        history: History | None = None
        if names or self._history is not None:
            before = self.history(kept.look)
            history = {
                name: np.vstack([before[name], steps[place]])
                for place, name in enumerate(self._names)
            }
        if names and history is not None:
            found = falls(self._reference, history, self._alpha, self._tolerance, names)
        self._next = now, history
        return found, self._stored(now)

    def took(self) -> None:
        """Goes on from what `next` gave: it is stored."""
        self._kept, self._history = self._next

    def history(self, looks: int) -> History:
        """The counts of all looks so far; read from the store where they are not at hand."""
        if self._history is None or any(len(one) != looks for one in self._history.values()):
            self._history = self._store.history(self._names)
        return self._history

    def _before(self, look: int) -> Kept:
        """What is kept of the looks before; counted again where that does not fit them."""
        if self._kept is not None and self._kept.look == look - 1:
            return self._kept
        sums = self._store.sums()
        there = np.array([sums.get(name, (0, 0)) for name in self._names], np.int64).reshape(-1, 2)
        found = self._read(self._store.evidence())
        if found and found.look == look - 1 and np.array_equal(found.sums, there):
            return found
        kept = Kept(0, np.zeros_like(there), self._ceilings.nothing())
        history = self.history(look - 1)
        for step in zip(*(history[name] for name in self._names), strict=True):
            kept = self._after(kept, np.array(step, np.int64))
        return kept

    def _after(self, kept: Kept, steps: NDArray[np.int64]) -> Kept:
        look = kept.look + 1
        state = self._ceilings.after(kept.state, look, steps[self._rate_of])
        return Kept(look, kept.sums + steps, state)

    def _stored(self, kept: Kept) -> bytes:
        look = kept.look.to_bytes(8, "little")
        content = look + kept.sums.astype("<i8").tobytes() + kept.state.astype("<f8").tobytes()
        return self._digest(content) + content

    def _read(self, stored: bytes | None) -> Kept | None:
        """What `_stored` made; None if this is something else, or was altered."""
        nothing = self._ceilings.nothing()
        size = 16 * len(self._names)
        if stored is None or len(stored) != DIGEST + 8 + size + 8 * nothing.size:
            return None
        content = stored[DIGEST:]
        if self._digest(content) != stored[:DIGEST]:
            return None
        sums = np.frombuffer(content, "<i8", 2 * len(self._names), 8).reshape(-1, 2)
        state = np.frombuffer(content, "<f8", -1, 8 + size).reshape(nothing.shape)
        return Kept(int.from_bytes(content[:8], "little"), sums, state)

    def _digest(self, content: bytes) -> bytes:
        return hashlib.sha256(self._about + content).digest()
