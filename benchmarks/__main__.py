"""`make bench`: speed as ratios to a matrix product of the same run, beside the last release's."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import Progress

from benchmarks.alone import FailedError
from benchmarks.cases import Subject, choose, load
from benchmarks.comparing import Mark, compare
from benchmarks.measuring import Case, Measured, calls, measure_in_turn
from benchmarks.printing import print_run, print_stored, warn_if_busy
from benchmarks.storing import FIGURES, Stored
from rafair.arguments import check_whole
from rafair.engine.atomic_files import check_writable
from rafair.engine.option_groups import MOST_THREADS
from rafair.engine.thread_pool import available_cores
from rafair.errors import DataFileError, InputError, RafairError

SLOWER, INTERRUPTED = 1, 130
ROUNDS, QUICK_ROUNDS = 5, 2
DATASETS, QUICK_DATASETS = ("affairs", "adult", "compas", "credit"), ("affairs",)


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the program."""
        self.exit(2, f"benchmarks: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the suite; returns the exit code."""
    options = parse(arguments)
    try:
        return run(options)
    except RafairError as error:
        return complain(str(error), error.exit_code)
    except FailedError as error:
        return complain(f"an audit {error}", error.exit_code)
    except KeyboardInterrupt:
        return complain("interrupted; nothing was stored", INTERRUPTED)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="benchmarks by name or part of it, such as sweep, attack/pgd, training/adult",
    )
    parser.add_argument("--datasets", nargs="+", metavar="NAME", help=" ".join(DATASETS))
    parser.add_argument("--rounds", type=int, metavar="N", help=f"[default: {ROUNDS}]")
    parser.add_argument(
        "--threads", type=int, metavar="N", default=available_cores(), help="[default: all cores]"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"affairs alone, {QUICK_ROUNDS} rounds"
    )
    parser.add_argument("--store", action="store_true", help="keep the figures for later runs")
    parser.add_argument("--strict", action="store_true", help="exit 1 if something became worse")
    parser.add_argument(
        "--figures", type=Path, metavar="FILE", default=FIGURES, help="where figures are stored"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Measures, prints, and stores if asked to."""
    rounds = options.rounds
    if rounds is None:
        rounds = QUICK_ROUNDS if options.quick else ROUNDS
    check_whole("rounds", rounds, 1, 1000)
    check_whole("threads", options.threads, 1, MOST_THREADS)
    last = Stored.read(options.figures)
    if options.store:
        check_writable(options.figures)
    cases = wanted(options)
    console = Console(width=110, highlight=False)
    warn_if_busy(console)
    measured = measure(cases, options.threads, rounds)
    now = Stored.now(measured.figures, options.threads)
    changes = compare(now.figures, last.figures if last else {})
    print_run(console, measured, changes, now, last)
    if options.store:
        now.write(options.figures)
        print_stored(console, options.figures, now, last)
    slower = any(change.mark is Mark.WORSE for change in changes)
    return SLOWER if options.strict and slower else 0


def wanted(options: argparse.Namespace) -> list[Case]:
    """The cases that the options ask for."""
    names = options.datasets or (QUICK_DATASETS if options.quick else DATASETS)
    cases = [case for subject in subjects(names) for case in subject.cases()]
    if not cases:
        raise InputError("nothing to measure: expected a data set that is at hand, such as affairs")
    return choose(cases, options.only) if options.only else cases


def subjects(names: Sequence[str]) -> list[Subject]:
    """The data sets that are at hand; says why others are not."""
    found = []
    for name in dict.fromkeys(names):
        try:
            found.append(load(name))
        except DataFileError as error:
            print(f"{name} left out: {error}", file=sys.stderr)
    return found


def measure(cases: Sequence[Case], threads: int, rounds: int) -> Measured:
    """Measures, with a bar on stderr if that is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring", total=calls(cases, rounds))
        return measure_in_turn(cases, threads, rounds, lambda: progress.advance(task))


def complain(message: str, code: int) -> int:
    print(f"benchmarks: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
