"""What do our PGD and APGD cost beside other libraries'? `python -m benchmarks.peers`.

The paper's network with random weights attacks random rows, all at once: same rows, same box, same
steps, in one process and in turn. Told is the time per instance and step, and the median over
rounds of the ratio to the fastest library's.

Libraries return the last iterate and know no counterparts. Ours finds all iterates first and then
judges these and their counterparts, all together: the search alone is compared with the libraries'
whole call, and what the judging costs beside it is told on its own.

- Labels are what the network predicts: torchattacks' and ART's APGD attack rows that are right
  only.
- Libraries compute on tensors and models made beforehand (ART takes arrays), and need not hold any
  feature at rest.
- In each round everyone, ours too, runs twice, with one thread and with all, and the faster counts:
  on a busy machine more threads may cost more than they win.
- All PGDs start at random points. Ours asks for the gradient at the clean rows too.
- foolbox has no APGD.
"""

from __future__ import annotations

import argparse
import logging
import math
import statistics
import warnings
from collections.abc import Callable

import foolbox
import numpy as np
import torch
import torchattacks
from art.attacks.evasion import AutoProjectedGradientDescent, ProjectedGradientDescent
from art.estimators.classification import PyTorchClassifier
from rich.console import Console
from rich.table import Table as RichTable
from torch import nn

from benchmarks.measuring import PRODUCT, Product, seconds
from benchmarks.printing import warn_if_busy
from rafair.attacks.apgd import APGD
from rafair.attacks.interface import Attack
from rafair.attacks.pgd import PGD
from rafair.engine.thread_pool import Workers, available_cores
from rafair.models.losses import CrossEntropy
from rafair.models.paper_network import fcnn
from rafair.models.torch_module import TorchClassifier
from rafair.search.counterpart_evaluator import CounterpartEvaluator
from rafair.search.loop import Problem
from rafair.search.search_budget import Budget
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet

FEATURES = 13
DOMAINS = {0: 6, 1: 4}
"""Position and number of values of the sensitive features: as many as in the embedded data."""
EPSILON, STEP, STEPS = 0.2, 0.01, 20

Call = Callable[[], object]


class Task:
    """One network and the rows to attack.

    Args:
        n: How many rows.
        threads: How many threads compute.
    """

    def __init__(self, n: int, threads: int) -> None:
        self.n, self.threads = n, threads
        self.network = fcnn(FEATURES).eval().requires_grad_(False)
        self.rows = np.random.default_rng(0).random((n, FEATURES), np.float32)
        for column, values in DOMAINS.items():
            self.rows[:, column] = np.floor(self.rows[:, column] * values) / (values - 1)
        self.tensor = torch.from_numpy(self.rows)
        self.classes = self.network(self.tensor).argmax(dim=1)
        self.labels = self.classes.numpy()
        domains = [np.linspace(0, 1, values, dtype=np.float32) for values in DOMAINS.values()]
        self.counterparts = Counterparts(list(DOMAINS), domains)
        self.classifier = TorchClassifier(self.network)
        epsilon = np.full(FEATURES, EPSILON, np.float32)
        epsilon[list(DOMAINS)] = 0
        size = np.full(FEATURES, STEP, np.float32)
        self.budget = Budget(STEPS, size, PerturbationSet(epsilon))

    def ours(self, attack: Attack, *, judged: bool) -> float:
        """Seconds of our attack, with one thread or all, whichever is faster."""
        found = []
        for threads in {1, self.threads}:
            with Workers(threads) as workers:
                sweep = CounterpartEvaluator(
                    self.classifier, self.counterparts, CrossEntropy(), workers
                )
                problem = Problem(sweep, self.rows, self.labels, self.budget, judged)
                found.append(seconds(lambda problem=problem: attack.solve(problem, None)))
        return min(found)

    def theirs(self, call: Call) -> float:
        """Seconds of a library's attack, with one thread or all, whichever is faster."""
        found = []
        for threads in {1, self.threads}:
            torch.set_num_threads(threads)
            found.append(seconds(call))
        return min(found)

    def pgds(self) -> dict[str, Call]:
        """The libraries' PGD."""
        torch_attack = torchattacks.PGD(self.network, EPSILON, STEP, STEPS, random_start=True)
        model = foolbox.PyTorchModel(self.network, bounds=(0, 1), device="cpu")
        fool = foolbox.attacks.LinfPGD(abs_stepsize=STEP, steps=STEPS, random_start=True)
        art = ProjectedGradientDescent(
            self._art_classifier(),
            eps=EPSILON,
            eps_step=STEP,
            max_iter=STEPS,
            num_random_init=1,
            batch_size=self.n,
            verbose=False,
        )
        return {
            "torchattacks": lambda: torch_attack(self.tensor, self.classes),
            "foolbox": lambda: fool.run(model, self.tensor, self.classes, epsilon=EPSILON),
            "ART": lambda: art.generate(self.rows, self.labels),
        }

    def apgds(self) -> dict[str, Call]:
        """The libraries' APGD."""
        flat = nn.Sequential(nn.Flatten(), *self.network)
        torch_attack = torchattacks.APGD(flat, "Linf", EPSILON, STEPS, n_restarts=1, loss="ce")
        images = self.tensor[:, :, None, None]
        art = AutoProjectedGradientDescent(
            self._art_classifier(),
            eps=EPSILON,
            eps_step=2 * EPSILON,
            max_iter=STEPS,
            nb_random_init=1,
            batch_size=self.n,
            loss_type="cross_entropy",
            verbose=False,
        )
        return {
            "torchattacks": lambda: torch_attack(images, self.classes),
            "ART": lambda: art.generate(self.rows, self.labels),
        }

    def _art_classifier(self) -> PyTorchClassifier:
        return PyTorchClassifier(
            self.network,
            loss=nn.CrossEntropyLoss(),
            input_shape=(FEATURES,),
            nb_classes=2,
            clip_values=(0.0, 1.0),
            device_type="cpu",
        )


def measure(
    attack: Attack, task: Task, calls: dict[str, Call], rounds: int
) -> dict[str, list[float]]:
    """Seconds of everyone in turn, after one round that is not counted."""
    product = Product(task.threads)
    spent: dict[str, list[float]] = {name: [] for name in ("search", "judging", "product", *calls)}
    for number in range(rounds + 1):
        found = {"search": task.ours(attack, judged=False)}
        for name, call in calls.items():
            found[name] = task.theirs(call)
        found["product"] = product.seconds(repeats=3)
        found["judging"] = task.ours(attack, judged=True) - found["search"]
        if number:
            for name, value in found.items():
                spent[name].append(value)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", nargs="+", type=int, default=[200, 10_000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=available_cores())
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    console = Console(width=120, highlight=False)
    warn_if_busy(console)
    console.print(
        f"µs per instance and step: {STEPS} steps, {options.threads} threads or one, medians of "
        f"{options.rounds} rounds in turn. Ours is the search alone; libraries judge no "
        "counterparts."
    )
    columns = "attack", "n", "ours", "torchattacks", "foolbox", "ART", "ours / fastest"
    table = RichTable(*columns, "least", "GFLOP/s", "floor", "judging")
    for n in options.instances:
        task = Task(n, options.threads)
        for attack, calls in ((PGD(), task.pgds()), (APGD(), task.apgds())):
            table.add_row(attack.name, f"{n:,}", *figures(attack, task, calls, options.rounds))
    console.print(table)
    weights = operations(task.network) // 4
    console.print(
        "ours / fastest: the median of each round's ratio to the library of the least median; "
        "least: the same of everyone's best round.\n"
        f"floor: 4 operations for each of {weights:,} weights, at the rate of a float32 product "
        f"{PRODUCT}x{PRODUCT} of the same rounds.\n"
        f"judging: all iterates and their {math.prod(DOMAINS.values())} counterparts, which the "
        "search leaves out."
    )


def figures(attack: Attack, task: Task, calls: dict[str, Call], rounds: int) -> list[str]:
    """One line of the table."""
    spent = {name: np.array(s) for name, s in measure(attack, task, calls, rounds).items()}
    fastest = min(calls, key=lambda name: statistics.median(spent[name]))
    rate = Product.OPERATIONS / statistics.median(spent["product"])

    def each(name: str) -> str:
        if name not in spent:
            return "-"
        return f"{1e6 * statistics.median(spent[name]) / task.n / STEPS:.2f}"

    return [
        each("search"),
        *(each(name) for name in ("torchattacks", "foolbox", "ART")),
        f"{statistics.median(spent['search'] / spent[fastest]):.2f} ({fastest})",
        f"{min(spent['search']) / min(min(spent[name]) for name in calls):.2f}",
        f"{rate / 1e9:.0f}",
        f"{1e6 * operations(task.network) / rate:.2f}",
        each("judging"),
    ]


def operations(network: nn.Module) -> int:
    """Of one gradient row: a multiplication and an addition per weight, forward and backward."""
    return 4 * sum(layer.weight.numel() for layer in network if isinstance(layer, nn.Linear))


if __name__ == "__main__":
    main()
