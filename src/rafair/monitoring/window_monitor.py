"""One monitor at work: what was gathered is judged, tested, and stored as a window."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rafair.engine.progress import SILENT, Progress
from rafair.errors import StorageError
from rafair.monitoring.alarm_rows import MOST_LOOKED_AT, cases_of, first_window
from rafair.monitoring.alarm_types import Alarm, Cases, Fall
from rafair.monitoring.evidence.alarm_levels import Standing, Tier, raised, standing, unjudged
from rafair.monitoring.evidence.drift_tests import by_name
from rafair.monitoring.evidence.running_tests import RunningTests
from rafair.monitoring.history import reference_facts
from rafair.monitoring.incoming.refusal_summary import summed
from rafair.monitoring.judged_rows import UNLABELLED, JudgedRows, joined
from rafair.monitoring.judged_window import NewRows, Window
from rafair.monitoring.open_window import Gathering
from rafair.monitoring.option_groups import LEAST_JUDGED
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.references.stream_judge import StreamJudge
from rafair.monitoring.store.stored_values import StoredRows
from rafair.monitoring.telling.alarm_sentences import alarm_message
from rafair.monitoring.watch_results import WindowResult, read_window
from rafair.monitoring.watched_rates import watched
from rafair.monitoring.window_rates import added, late_steps, rates, steps
from rafair.tabular.encoding import Rows

if TYPE_CHECKING:
    from rafair.monitoring.store.monitor_store import Store

Now = Callable[[], datetime.datetime]


def utc() -> datetime.datetime:
    """The time of day; it may jump, and decides nothing."""
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class Monitor:
    """A reference, the judge of further rows, and the store of what was judged.

    Whoever closes windows holds the store's lock.

    Args:
        reference: What the stream is compared with.
        judge: Judges rows as it did those of the reference.
        store: Where windows are kept.
        sends: Whether new alarms are kept as messages to be sent.
        least_judged: The least share of a window's rows, and of its labels that came alone, that
            has to be judged; with less an alarm of the kind "data" is raised.
        now: Tells the time.
        progress: Where a bar is shown while rows are judged.
    """

    reference: Reference
    judge: StreamJudge
    store: Store
    sends: bool = False
    least_judged: float = LEAST_JUDGED
    now: Now = utc
    progress: Progress = SILENT

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The rates that are tested."""
        return tuple(rate.name for rate in watched(self.reference.conditions))

    @cached_property
    def looks(self) -> RunningTests:
        """The tests."""
        of = reference_facts(self.reference)
        return RunningTests(by_name(of.rates), of.alpha, of.tolerance, self.store)

    def begin(self) -> Gathering:
        """An empty window."""
        return Gathering(self.now())

    def close(self, gathering: Gathering, key: str) -> WindowResult:
        """Judges, tests and stores what was gathered.

        Args:
            gathering: The open window.
            key: What tells it from any other.

        Returns:
            The window's result; that which was stored, where one has this key already.

        Raises:
            StorageError: If it cannot be stored; nothing of it is.
            ModelGoneError: If the model does not answer; nothing is stored.
        """
        number = self.store.last_number() + 1
        labels = gathering.label_array()
        judged = self._judged(gathering.rows(len(self.reference.schema)))
        late = self._late(gathering, number)
        counts = added(steps(judged, labels), late_steps(late.judged, late.labels))
        mine = _as_stored(gathering, number, labels, judged)
        before = self._standing(number - 1)
        fallen, evidence = self.looks.next(number, counts)
        refusals = summed(gathering.refused)
        alarms = [
            *self._alarms(number, fallen, mine, late, before),
            *unjudged(gathering.came, self.least_judged, number, before, refusals),
        ]
        closed = self.now()
        result = WindowResult(
            window=number,
            source=gathering.source,
            opened=gathering.opened.isoformat(timespec="seconds"),
            closed=closed.isoformat(timespec="seconds"),
            n=len(gathering.ids),
            labelled=int(np.count_nonzero(labels != UNLABELLED)),
            late_labels=len(gathering.late),
            waiting_labels=len(gathering.waiting),
            quarantined=len(gathering.refused),
            refusals=refusals,
            duplicates=gathering.duplicates,
            outside=dict(gathering.outside),
            rates=rates(judged, labels),
            alarms=alarms,
        )
        window = Window(
            number=number,
            key=key,
            source=gathering.source,
            opened=gathering.opened,
            closed=closed,
            rows=NewRows(
                gathering.ids, mine.keys, labels, np.array(gathering.outside_flags, bool), judged
            ),
            late_labels=gathering.late,
            waiting_labels=gathering.waiting,
            claimed_labels=gathering.claimed,
            refused=gathering.refused,
            duplicates=gathering.duplicates,
            outside=gathering.outside,
            positions=gathering.positions,
            counts=counts,
            evidence=evidence,
            document=result.to_dict(),
            deliveries=self._messages(number, alarms),
        )
        if not self.store.commit(window):
            stored = self.store.window(key)
            if stored is None:
                raise StorageError(
                    f"store {self.store.shown}: expected to write window {number:,} alone, found "
                    "it written by another process; nothing was counted"
                )
            return read_window(stored, self.store.shown)
        self.looks.took()
        return result

    def _judged(self, rows: Rows) -> JudgedRows:
        with self.progress.task("judging", self.judge.cost(len(rows)), "rows") as task:
            return self.judge(rows, task.advance)

    def _late(self, gathering: Gathering, number: int) -> StoredRows:
        """The rows of earlier windows whose labels have come now, with these."""
        rows = self.store.rows_of(list(gathering.late))
        labels = np.array([gathering.late[name] for name in rows.ids], np.int64)
        return replace(rows, labels=labels, label_windows=np.full(len(rows), number, np.int64))

    def _alarms(
        self,
        number: int,
        fallen: Sequence[Fall],
        mine: StoredRows,
        late: StoredRows,
        before: Standing,
    ) -> list[Alarm]:
        if not fallen:
            return []

        def cases(_: Tier, its: Sequence[Fall]) -> Cases:
            rates = [fall.rate for fall in its]
            earlier = self.store.violations(first_window(its), rates, MOST_LOOKED_AT)
            unseen = earlier.count - len(earlier.rows)
            return cases_of(its, _joined([mine, late, earlier.rows]), unseen, self.reference)

        return raised(fallen, number, before, cases)

    def _standing(self, number: int) -> dict[tuple[str, str], int]:
        """Since when alarms stand at a window."""
        newest = self.store.newest() if number else None
        return standing(read_window(newest, self.store.shown).alarms) if newest else {}

    def _messages(self, number: int, alarms: Sequence[Alarm]) -> list[Mapping[str, Any]]:
        if not self.sends:
            return []
        of = self.reference
        return [alarm_message(of.id, of.run.name, number, one) for one in alarms if one.new]


def _as_stored(
    gathering: Gathering, number: int, labels: NDArray[np.int64], judged: JudgedRows
) -> StoredRows:
    windows = np.full(len(gathering.ids), number, np.int64)
    keys = np.array(gathering.keys, np.int64)
    label_windows = np.where(labels == UNLABELLED, 0, windows)
    return StoredRows(gathering.ids, windows, keys, labels, label_windows, judged)


def _joined(parts: Sequence[StoredRows]) -> StoredRows:
    """Rows from several places; of a row that is in two of them, the first counts."""
    ids = [name for part in parts for name in part.ids]
    places = {name: place for place, name in reversed(list(enumerate(ids)))}
    chosen = np.array(sorted(places.values()), np.int64)
    judged = joined([part.judged for part in parts], parts[0].judged.conditions).take(chosen)
    return StoredRows(
        [ids[place] for place in chosen.tolist()],
        np.concatenate([part.windows for part in parts])[chosen],
        np.concatenate([part.keys for part in parts])[chosen],
        np.concatenate([part.labels for part in parts])[chosen],
        np.concatenate([part.label_windows for part in parts])[chosen],
        judged,
    )
