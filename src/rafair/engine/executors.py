"""Executors by name."""

from __future__ import annotations

import importlib.util

from rafair.arguments import check_name, check_whole
from rafair.engine.option_groups import MOST_WORKERS
from rafair.engine.shards import Executor, SerialExecutor
from rafair.errors import InputError

ENGINES = ("serial", "ray")


def engine_named(
    name: str, address: str | None = None, workers: int | None = None, device: str = "cpu"
) -> Executor:
    """The executor called `name`.

    Args:
        name: "serial" for this process, "ray" for a Ray cluster.
        address: Of a cluster that runs already; one is started on this machine if None.
        workers: How many workers to use.
        device: Where the model computes.

    Raises:
        UnknownNameError: If there is no such engine.
        InputError: If an option is out of range, or the engine is not installed.
        ClusterError: If no cluster answers at the address.

    Example:
        >>> engine_named("serial")
        SerialExecutor()
    """
    check_name("engine", name, ENGINES)
    if workers is not None:
        check_whole("workers", workers, 1, MOST_WORKERS)
    if name == "serial":
        for option, value in (("address", address), ("workers", workers)):
            if value is not None:
                raise InputError(f"{option}: expected only with `engine=ray`, got {value!r}")
        return SerialExecutor()
    if device != "cpu":
        raise InputError(f"device: expected cpu with `engine=ray`, got '{device}'")
    if importlib.util.find_spec("ray") is None:
        raise InputError("engine: Ray is not installed; pip install 'rafair[ray]' installs it")
    from rafair.engine.ray_executor import RayExecutor

    return RayExecutor(address, workers)
