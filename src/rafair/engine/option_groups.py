"""The options of work of any kind: where it runs and goes, how long, and what is drawn."""

from __future__ import annotations

from pathlib import Path

from rafair.options import group, option

MOST_THREADS = 1024
MOST_WORKERS = 100_000
LARGEST_SEED = 2**32 - 1
MOST_BOXES = 1_000_000_000
BOXES = 50_000
"""After how many boxes an instance is left open, unless a caller says otherwise."""


@group
class Threaded:
    """Who computes in one process."""

    threads: int | None = option(
        None,
        "Threads that compute; never changes a figure.",
        "N",
        low=1,
        high=MOST_THREADS,
        said="cores",
    )
    device: str = option("cpu", "Where the model computes: cpu, cuda, mps.", "NAME")


@group
class Engined(Threaded):
    """Who computes, in this process or elsewhere."""

    engine: str = option(
        "serial",
        "Who computes: serial (this process) or ray (a Ray cluster); never changes a figure.",
        "NAME",
    )
    address: str | None = option(
        None, "With --engine ray: the head node, or auto.", "HOST:PORT", said="start a cluster here"
    )
    workers: int | None = option(
        None,
        "With --engine ray: how many workers, of one core each.",
        "N",
        low=1,
        high=MOST_WORKERS,
        said="all",
    )


@group
class Placed:
    """Where a run folder goes."""

    out: Path | None = option(None, "The run folder.", "DIR", said="the next free runs/NAME-N")
    force: bool = option(
        False, "Take the place of what stands at DIR.", None, "Replaces what stands at `out`."
    )


@group
class Seeded:
    """What is drawn at random."""

    seed: int = option(0, "Decides all that is drawn at random.", "N", low=0, high=LARGEST_SEED)


@group
class Boxed:
    """How long a proof goes on."""

    boxes: int = option(
        BOXES,
        "After how many boxes a proof of an instance is given up.",
        "N",
        low=1,
        high=MOST_BOXES,
    )
