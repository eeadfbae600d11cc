"""Shards done by the workers of a Ray cluster, one core each.

The work is shipped once to each worker process, a part with each shard. A bounded number of shards
is under way, so neither this process nor the cluster's object store holds more than their results.
A shard whose worker was lost is done by another.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import pickle
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from typing import Any

from rafair._version import __version__
from rafair.engine.ray_address import check_address
from rafair.engine.shards import Advance, Part, Result, Shard, Work
from rafair.engine.thread_pool import Workers, available_cores
from rafair.errors import ClusterError, InputError, RafairError

SHARDS_PER_CORE = 2
"""How many shards are under way for each core: one being done, one that is there already."""

RETRIES = 3
"""How often a shard is done again whose worker was lost."""

STORE_BYTES = 1_000_000_000
"""The most that results under way may take in a local cluster before they go to disk."""

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nobody is told that it was used
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of what it will do one day
}
"""Ray's own settings, for what the user has not set."""

DECIDING = ("numpy", "pyarrow", "scipy", "torch")
"""Packages whose version must be the same everywhere, because figures depend on it."""


@dataclass(frozen=True)
class _Refused:
    """An error of rafair on a worker; a class may need more than its message to be unpickled."""

    kind: type[RafairError]
    message: str

    def error(self) -> RafairError:
        error = self.kind.__new__(self.kind)
        Exception.__init__(error, self.message)
        return error


class RayExecutor:
    """Does shards on a Ray cluster; connects when it is first needed, until this process ends.

    Where this process is connected to a cluster already, that one is used.

    Args:
        address: The cluster's head node, `HOST:PORT`, or "auto" for the one this machine belongs
            to; None starts a cluster on this machine, which ends with this process.
        workers: How many workers a cluster on this machine has, or how many shards are under way at
            once on another; None takes all cores.

    Raises:
        InputError: If the address cannot be read.
        ClusterError: If nothing answers there.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self._address = address
        self._workers = workers
        if address is not None:
            check_address(address)

    def cores(self, workers: Workers) -> int:
        """How many cores compute at once."""
        ray = self._connected()
        there = int(ray.cluster_resources().get("CPU", 0))
        if not there:
            raise ClusterError("ray: the cluster has no cores to compute on")
        return min(there, self._workers or there)

    def map(
        self,
        work: Work[Part, Result],
        parts: Iterable[tuple[Shard, Part]],
        workers: Workers,
        advance: Advance,
    ) -> Iterator[tuple[Shard, Result]]:
        """Yields results as they are ready.

        Raises:
            ClusterError: If the cluster goes away, or the workers of one shard again and again.
        """
        ray = self._connected()
        held = _held(ray, work)
        source = iter(parts)
        waiting: dict[Any, Shard] = {}
        # Shards still under way when this ends early are left to themselves, as few as they are.
        # `ray.cancel` would end this process now and then: where an answer arrives just as its task
        # is cancelled, a check of Ray's own fails ("Tried to complete task that was not pending").
        while True:
            room = self._most_under_way(workers) - len(waiting)
            for shard, part in islice(source, max(room, 0)):
                waiting[_task().remote([held], part)] = shard
            if not waiting:
                return
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            shard = waiting.pop(ready)
            result, amount = _taken(ready, shard)
            del ready  # so that the object store may let it go
            advance(amount)
            yield shard, result
            del result

    def _most_under_way(self, workers: Workers) -> int:
        # asked again each time: nodes come and go
        cores = self.cores(workers)
        limited = self._address is not None and self._workers is not None
        return cores if limited else cores * SHARDS_PER_CORE

    def _connected(self) -> Any:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        import ray

        if ray.is_initialized():
            return ray
        begin = partial(ray.init, log_to_driver=False, logging_level=logging.ERROR)
        try:
            # "local": else a cluster named in the environment would be taken
            with _silent_stderr():
                if self._address is None:
                    begin(
                        "local",
                        num_cpus=self._workers or available_cores(),
                        object_store_memory=STORE_BYTES,
                        include_dashboard=False,
                    )
                else:
                    begin(self._address)
        except Exception as error:  # Ray raises many kinds, all of which mean that there is none
            raise ClusterError(f"ray: {_first_line(error)}{self._hint()}") from error
        return ray

    def _hint(self) -> str:
        if self._address is None or os.environ.get("RAY_AUTH_MODE") == "token":
            return ""
        return "; if the cluster asks for a token, set RAY_AUTH_MODE=token here as well"


def _held(ray: Any, work: Any) -> Any:
    """The work in the cluster's store.

    Raises:
        InputError: If it cannot be sent, as a model may hold what belongs to one process.
    """
    try:
        return ray.put((work, versions()))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise InputError(
            f"engine: expected a model that can be pickled, to be sent to workers: "
            f"{_first_line(error.__cause__ or error)}; `engine='serial'` takes it as it is"
        ) from error


@cache
def _task() -> Any:
    """The function as a task of Ray, made when Ray is loaded."""
    import ray

    return ray.remote(num_cpus=1, max_retries=RETRIES)(_do)


_kept: dict[str, tuple[Callable[..., Any], dict[str, str]]] = {}
"""In a worker process: the work that was shipped last."""


def _do(held: list[Any], part: Any) -> Any:
    """Does one shard in a worker process; returns its result and how far the bar moves."""
    import ray

    name = held[0].hex()
    if name not in _kept:
        _kept.clear()
        _kept[name] = ray.get(held[0])
    work, expected = _kept[name]
    done: list[int] = []
    try:
        _check_versions(expected)
        with Workers(1) as workers:
            return work(part, workers, done.append), sum(done)
    except RafairError as error:
        return _Refused(type(error), str(error))


def _taken(reference: Any, shard: Shard) -> tuple[Any, int]:
    import ray

    try:
        found = ray.get(reference)
    except ray.exceptions.RayTaskError:
        raise  # a bug; its text is the worker's traceback
    except ray.exceptions.RayError as error:
        raise ClusterError(
            f"ray: instances {shard.start:,} to {shard.stop - 1:,} could not be done: "
            f"{_first_line(error)}; what was done is kept, and the same command carries on"
        ) from error
    if isinstance(found, _Refused):
        raise found.error()
    result: tuple[Any, int] = found
    return result


def versions() -> dict[str, str]:
    """What must be the same in this process and in every worker."""
    found = {name: importlib.metadata.version(name) for name in DECIDING}
    return {"rafair": __version__, **found}


def _check_versions(expected: dict[str, str]) -> None:
    found = versions()
    for name, version in expected.items():
        if found[name] != version:
            raise InputError(
                f"ray: expected {name} {version} on every node, as where the command was given, "
                f"found {found[name]} on '{platform.node()}'"
            )


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keeps what Ray's own libraries write there, a line for each of many tries, from users."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
