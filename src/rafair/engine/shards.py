"""Work cut into shards that are done and stored independently of each other.

A shard is a contiguous part of a list of instances. Its results depend on nothing but the plan and
the shard itself, so shards may be done in any order, by anyone, and need not be done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

Result = TypeVar("Result")

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


class Executor(Protocol):
    """Who does the shards: this process, or the workers of a cluster."""

    def map(self, function: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
        """Yields `function(shard)` for every shard, in any order."""


class SerialExecutor:
    """Does one shard after the other in this process.

    Example:
        >>> list(SerialExecutor().map(len, cut(250, 100)))
        [100, 100, 50]
    """

    def map(self, function: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
        """Yields `function(shard)` in the order of `shards`."""
        return map(function, shards)
