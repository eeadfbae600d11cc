"""Work cut into shards that are done and stored independently of each other.

A shard is a contiguous part of a list of instances. Its results depend on nothing but the plan and
the shard itself, so shards may be done in any order, by anyone, and need not be done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from rafair.engine.thread_pool import Workers

Part_contra = TypeVar("Part_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)
Part = TypeVar("Part")
Result = TypeVar("Result")

Advance = Callable[[int], None]
"""Told how much more of the work is done, in units that the work counts by."""

INSTANCES_PER_SHARD = 100


@dataclass(frozen=True)
class Shard:
    """The part `[start, stop)` of a list of instances.

    Args:
        number: Its place among the shards, from 0.
        start: The first instance.
        stop: Behind the last instance.
    """

    number: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def cut(n_instances: int, size: int = INSTANCES_PER_SHARD) -> list[Shard]:
    """Cuts `n_instances` into shards of `size`; the last may be smaller.

    Example:
        >>> [(shard.start, shard.stop) for shard in cut(250, 100)]
        [(0, 100), (100, 200), (200, 250)]
    """
    starts = range(0, n_instances, size)
    return [Shard(i, start, min(start + size, n_instances)) for i, start in enumerate(starts)]


class Work(Protocol[Part_contra, Result_co]):
    """What is done with each shard's part; pickled where other processes do it.

    It holds what all shards need, such as a model; what one shard needs alone is in its part.
    """

    def __call__(self, part: Part_contra, workers: Workers, advance: Advance) -> Result_co:
        """The result of one part, computed with the open `workers`."""


class Executor(Protocol):
    """Who does the shards: this process, or the workers of a cluster."""

    def cores(self, workers: Workers) -> int:
        """How many cores compute at once, where this process has `workers`."""

    def map(
        self,
        work: Work[Part, Result],
        parts: Iterable[tuple[Shard, Part]],
        workers: Workers,
        advance: Advance,
    ) -> Iterator[tuple[Shard, Result]]:
        """Yields each shard with what `work` gives for its part, as they are ready, in any order.

        Args:
            work: What is done.
            parts: The shards and what each needs, made as they are asked for.
            workers: The open pool of this process; others open their own.
            advance: Told how far the work is.
        """


@dataclass(frozen=True)
class SerialExecutor:
    """Does one shard after the other in this process, in order.

    A result is taken before the next shard is begun.

    Example:
        >>> parts = [(shard, len(shard)) for shard in cut(250, 100)]
        >>> def double(part, workers, advance):
        ...     return 2 * part
        >>> from rafair.engine.thread_pool import Workers
        >>> with Workers(1) as workers:
        ...     results = list(SerialExecutor().map(double, parts, workers, lambda amount: None))
        >>> [result for shard, result in results]
        [200, 200, 100]
    """

    def cores(self, workers: Workers) -> int:
        """As many as this process has threads."""
        return workers.threads

    def map(
        self,
        work: Work[Part, Result],
        parts: Iterable[tuple[Shard, Part]],
        workers: Workers,
        advance: Advance,
    ) -> Iterator[tuple[Shard, Result]]:
        """Yields the results in the order of `parts`."""
        for shard, part in parts:
            yield shard, work(part, workers, advance)
