"""Chunks of one fixed shape, computed side by side by threads of one core each.

A row's result may depend on the shape of the batch it is computed in, and on how a matrix product
is split between cores. Here every chunk has the same number of rows (the last one is padded), and
each is computed by one thread: results are the same whatever the number of threads.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from threading import Event, local
from types import TracebackType
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNKS_AHEAD = 4
"""How many chunks per thread may wait or be done before they are taken: what bounds memory."""


class _OfThread(local):
    given_up: Event | None = None


_of_thread = _OfThread()


def given_up_here() -> Event:
    """What is set once nobody waits any more for what this thread of `Workers` computes.

    Ctrl-C reaches the main thread alone. Work that waits for others looks at this now and then, so
    that the main thread need not wait for it.
    """
    return _of_thread.given_up or Event()


class Workers:
    """A pool of threads, each of them computing on one core.

    While it is open, matrix products of this process run on one core each; closing it puts the
    former setting back.

    Args:
        threads: How many to use; None takes one per core this process may use.

    Example:
        >>> with Workers(2) as workers:
        ...     list(workers.map(lambda number: number * number, range(4)))
        [0, 1, 4, 9]
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or available_cores()
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Workers:
        self._torch_threads = torch.get_num_threads()
        self._limits = threadpool_limits(1)
        torch.set_num_threads(1)
        self._given_up = Event()
        if self.threads > 1:
            self._pool = ThreadPoolExecutor(self.threads, initializer=self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and not issubclass(kind, Exception):  # Ctrl-C, or the program's end
            self._given_up.set()
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._limits.restore_original_limits()
        torch.set_num_threads(self._torch_threads)

    def _begin(self) -> None:
        """Tells a new thread what is each thread's own."""
        torch.set_num_threads(1)
        _of_thread.given_up = self._given_up

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yields `function(item)` in the order of `items`, a bounded number of them ahead.

        A lone item is not worth the way to another thread and back.
        """
        source = iter(items)
        first = list(islice(source, 2))
        source = chain(first, source)
        if self._pool is None or len(first) < 2:
            yield from map(function, source)
            return
        waiting: deque[Future[Result]] = deque()
        ahead = self.threads * CHUNKS_AHEAD
        try:
            for item in islice(source, ahead):
                waiting.append(self._pool.submit(function, item))
            while waiting:
                yield waiting.popleft().result()
                for item in islice(source, 1):
                    waiting.append(self._pool.submit(function, item))
        finally:
            for future in waiting:
                future.cancel()


def available_cores() -> int:
    """The number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
