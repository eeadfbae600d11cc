"""A monitor's finished windows: where they are stored and how they are read, without a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rafair.engine.run_folder import MONITOR
from rafair.monitoring.durations import patience_of
from rafair.monitoring.history import history_of, reference_facts
from rafair.monitoring.option_groups import Keeping
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.store.open_store import open_store
from rafair.monitoring.watch_results import History

if TYPE_CHECKING:
    from rafair.monitoring.store.monitor_store import Store

STORE = "watch.sqlite"


def _silent(line: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Kept(Keeping):
    """Where the results of a monitor are kept.

    Args:
        run: The run's folder, with a frozen reference.
        say: Takes one line about what goes on.
    """

    run: Path
    say: Callable[[str], None] = field(default=_silent, kw_only=True)

    def open_store(self, reference: Reference, *, existing: bool = False) -> Store:
        """The store of a reference's monitor; with `existing`, one that knows it already."""
        where = self.store or self.run / MONITOR / STORE
        patience_s = patience_of(self.patience)
        document = reference_facts(reference).to_dict()
        return open_store(
            where, reference.id, document, patience_s=patience_s, say=self.say, existing=existing
        )


def history_at(kept: Kept) -> History:
    """All that was watched so far.

    Raises:
        RunFolderError: If there is no reference, or it was altered.
        InputError: If the store cannot be opened.
        StorageError: If it is away.
    """
    reference = Reference.read(kept.run / MONITOR)
    with kept.open_store(reference, existing=True) as store:
        return history_of(reference, store)
