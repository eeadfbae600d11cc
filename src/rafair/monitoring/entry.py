"""From what a user names to a monitor at work: checking and watching."""

from __future__ import annotations

import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rafair.engine.atomic_files import sha256_of
from rafair.engine.option_groups import Threaded
from rafair.engine.progress import SILENT, Progress
from rafair.engine.text_file import LONGEST_MARK
from rafair.errors import DataFileError, InputError, StoreBusyError
from rafair.monitoring.durations import seconds_of
from rafair.monitoring.finished_windows import Kept
from rafair.monitoring.history import reference_facts
from rafair.monitoring.incoming import file_records as source_file
from rafair.monitoring.incoming.columns import Columns
from rafair.monitoring.incoming.pipe_reader import Arriving
from rafair.monitoring.incoming.record_feeds import Feed, FolderFeed, PipeFeed
from rafair.monitoring.incoming.record_sorting import Sorted, sort_records
from rafair.monitoring.incoming.text_lines import unmarked
from rafair.monitoring.incoming.watched_folder import Folder
from rafair.monitoring.one_window import check_window
from rafair.monitoring.open_window import Sort
from rafair.monitoring.option_groups import LOCAL, Cutting, Taken
from rafair.monitoring.references.freezing import open_watched
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.references.stream_judge import StreamJudge
from rafair.monitoring.stop_request import Stop
from rafair.monitoring.stream_record import Record
from rafair.monitoring.telling.alarm_messages import Sending
from rafair.monitoring.telling.prometheus_metrics import start_metrics
from rafair.monitoring.telling.watch_snapshot import Snapshots
from rafair.monitoring.telling.webhook import Webhook
from rafair.monitoring.watch_loop import Watching
from rafair.monitoring.watch_results import ReferenceFacts, WindowResult
from rafair.monitoring.window_limits import Closing
from rafair.monitoring.window_monitor import Monitor
from rafair.options import check_options
from rafair.sanitize import visible
from rafair.sources.user_named import NOTHING_NAMED, Named

if TYPE_CHECKING:
    from rafair.monitoring.store.monitor_store import Store

STDIN = "-"
TURN_S = 60.0
"""How long a check waits for its turn while another process works on the monitor."""

BLOCK = 1 << 20

OF_A_HASH = 16
"""So many digits of a file's hash begin the names of its rows that have none."""


@dataclass(frozen=True, kw_only=True)
class Place(Taken, Threaded, Kept):
    """What is watched, and where results are kept.

    Args:
        named: A model that the folder does not hold.
        progress: Where a bar is shown while a check judges.

    Raises:
        InputError: If `least_judged` is no such share.
    """

    named: Named = NOTHING_NAMED
    progress: Progress = SILENT

    def __post_init__(self) -> None:
        check_options(self)

    def monitor(self, reference: Reference, judge: StreamJudge, store: Store) -> Monitor:
        """It at work."""
        return Monitor(
            reference,
            judge,
            store,
            sends=self.webhook is not None,
            least_judged=self.least_judged,
            progress=self.progress,
        )

    def sorter(self, reference: Reference, *, number_rows: bool, prefix: str | None) -> Sort:
        """Tells rows, labels and malformed records apart; says once what it ignores."""
        columns = Columns.of(reference.schema, id=self.id_column, label=self.label_column)
        told: set[str] = set()

        def sort(records: Sequence[Record]) -> Sorted:
            found = sort_records(
                records, reference.schema, columns, number_rows=number_rows, prefix=prefix
            )
            new = [name for name in found.ignored if name not in told]
            for record in records:
                if record.number == 0 and record.values is None:  # a whole file
                    self.say(f"{visible(record.source)}: refused: {visible(record.problem)}")
            if new:
                told.update(new)
                self.say(f"columns that are neither feature, id nor label: {', '.join(new)}")
            return found

        return sort


@dataclass(frozen=True)
class Stream(Cutting):
    """What is watched, and how windows are cut.

    Args:
        source: A folder, or "-" for standard input.
    """

    source: str

    @property
    def closing(self) -> Closing:
        """When windows are closed."""
        time = self.window_time
        return Closing(self.window_rows, None if time is None else seconds_of("window_time", time))

    def feed(self, store: Store, say: Callable[[str], None]) -> Feed:
        """Where records come from."""
        if self.source == STDIN:
            return PipeFeed(Arriving(_stdin().fileno()))
        folder = Folder(
            self.source,
            store.positions(),
            complete=self.once,
            settle_s=seconds_of("settle", self.settle),
            say=say,
        )
        return FolderFeed(folder, once=self.once, poll_s=seconds_of("poll", self.poll))


def check_file(place: Place, data: str) -> tuple[WindowResult, ReferenceFacts]:
    """Looks at one file, or all of standard input, as one window.

    Args:
        place: What is watched, and where results are kept.
        data: The file, or "-".

    Returns:
        The window's result, and what the history says of the reference.

    Raises:
        InputError: If something named is no good.
        IncompleteError: If the store or the model is gone, or the monitor busy; nothing is counted.
    """
    hook = Webhook(place.webhook) if place.webhook else None
    with ExitStack() as stack:
        path, source = stack.enter_context(_spooled(data))
        source_file.check_file(path)
        try:
            sha256 = sha256_of(path)
        except OSError as error:
            raise DataFileError(f"'{path}': cannot be read: {error.strerror}") from error
        records = list(source_file.read_records(path, complete=True))
        reference, judge = open_watched(
            place.run, place.named, threads=place.threads, device=place.device
        )
        sort = place.sorter(reference, number_rows=True, prefix=sha256[:OF_A_HASH])
        store = stack.enter_context(place.open_store(reference))
        stack.enter_context(_turn(store, place.say))
        monitor = place.monitor(reference, judge, store)
        result, again = check_window(monitor, records, sort, sha256, source)
        if again:
            place.say(
                f"window {result.window:,}: this very input was counted before; what follows "
                f"was its result then (the newest window is {store.last_number():,})"
            )
        elif records and not (result.n or result.late_labels or result.waiting_labels):
            place.say(f"warning: none of {len(records):,} records is a new row or label")
        if hook:
            Sending(store, hook, place.say).send_due()
        return result, reference_facts(reference)


def watch_stream(
    place: Place, stream: Stream, tell: Callable[[WindowResult], None], stop: Stop
) -> bool:
    """Watches until the stream ends or a stop is wished.

    Args:
        place: What is watched, and where results are kept.
        stream: Where rows come from, and how windows are cut.
        tell: Takes the result of each window.
        stop: Says when to stop.

    Returns:
        Whether a window of this run had an alarm.

    Raises:
        InputError: If something named is no good.
        IncompleteError: If the store or the model is gone, or the monitor busy; all windows before
            are stored.
    """
    hook = Webhook(place.webhook) if place.webhook else None
    closing = stream.closing
    _check_stream(stream)
    reference, judge = open_watched(
        place.run, place.named, threads=place.threads, device=place.device
    )
    numbered = stream.source != STDIN or stream.number_rows
    prefix = uuid.uuid4().hex[:16] if stream.source == STDIN else None
    sort = place.sorter(reference, number_rows=numbered, prefix=prefix)
    with ExitStack() as stack:
        store = stack.enter_context(place.open_store(reference))
        stack.enter_context(store.hold())
        monitor = place.monitor(reference, judge, store)
        snapshots = None if stream.metrics_port is None else Snapshots(monitor)
        if snapshots is not None and stream.metrics_port is not None:
            server = stack.enter_context(
                start_metrics(
                    stream.metrics_port,
                    stream.metrics_address,
                    snapshot_source=lambda: snapshots.newest,
                )
            )
            place.say(f"metrics on http://{stream.metrics_address}:{server.port}/metrics")

        def told(result: WindowResult) -> None:
            if snapshots is not None:
                snapshots.renew()
            tell(result)

        place.say(
            f"watching {_called(stream.source)}: windows of {closing.rows:,} rows or labels"
            + (f", or {stream.window_time}" if stream.window_time else "")
            + f"; {store.last_number():,} windows so far in {store.shown}"
        )
        sending = Sending(store, hook, place.say) if hook else None
        between = sending.send_due if sending else lambda: None
        feed = stream.feed(store, place.say)
        return Watching(monitor, feed, sort, closing, told, between, stop).run()


def _called(source: str) -> str:
    return "standard input" if source == STDIN else f"'{visible(source)}'"


def _check_stream(stream: Stream) -> None:
    """Refuses what nothing could be read from, and options without effect."""
    for name, text in (("poll", stream.poll), ("settle", stream.settle)):
        seconds_of(name, text)
    if stream.metrics_port is None and stream.metrics_address != LOCAL:
        raise InputError("metrics_address: expected with `metrics_port`, got it alone")
    if stream.source == STDIN:
        return
    if stream.number_rows:
        raise InputError("number_rows: expected with '-' alone; rows of files are numbered anyway")
    path = Path(stream.source)
    if not path.is_dir():
        found = "a file; `rafair monitor check --data` takes one" if path.exists() else "none"
        raise InputError(
            f"'{stream.source}': expected a folder, or - for standard input, found {found}"
        )


@contextmanager
def _turn(store: Store, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the store; says so where that has to be waited for."""
    with ExitStack() as stack:
        try:
            stack.enter_context(store.hold())
        except StoreBusyError as error:
            say(f"{error}; waiting for it, for {TURN_S:g} s")
            stack.enter_context(store.hold(TURN_S))
        yield


@contextmanager
def _spooled(data: str) -> Iterator[tuple[Path, str]]:
    """A file, or what standard input holds in one, and what it is called."""
    if data != STDIN:
        yield Path(data), Path(data).name
        return
    stream = _stdin()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stdin.jsonl"
        with path.open("w+b") as file:
            shutil.copyfileobj(stream, file, BLOCK)
            file.seek(0)
            unmarked(file.read(LONGEST_MARK), "standard input")
        yield path, STDIN


def _stdin() -> BinaryIO:
    """Standard input, which is not there where its descriptor was closed at the start."""
    if sys.stdin is None:
        raise DataFileError("standard input: cannot be read: it is closed")
    return sys.stdin.buffer
