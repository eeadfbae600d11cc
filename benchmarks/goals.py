"""Do the goals do what they are for? `python -m benchmarks.goals [--networks 10] [--seeds 3]`.

For the paper's four data sets (paper variant): mean clean accuracy of several networks, and, for
some of them audited with the default budget, how far each goal moves its own cell. Prints a line
per network, then means over the data sets.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections import defaultdict

import torch

import rafair

DATASETS = ("adult", "bank", "credit", "compas")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=DATASETS)
    parser.add_argument("--networks", type=int, default=10, help="trained per data set")
    parser.add_argument("--seeds", type=int, default=3, help="of them audited")
    options = parser.parse_args()
    warnings.simplefilter("ignore", rafair.RafairWarning)
    moved: dict[str, list[float]] = defaultdict(list)
    for name in options.datasets:
        data = rafair.load_dataset(name, "paper")
        accuracies = []
        for seed in range(options.networks):
            network = rafair.train(data.train, rafair.TrainConfig(seed=seed))
            accuracies.append(accuracy(network, data.test))
            if seed < options.seeds:
                for figure, value in figures(network, data.test, seed).items():
                    moved[figure].append(value)
                    print(f"{name:<7} seed {seed}  {figure:<52} {value:+.3f}", flush=True)
        spread = f"{min(accuracies):.3f} to {max(accuracies):.3f}"
        mean = statistics.mean(accuracies)
        print(f"{name:<7} clean accuracy of {len(accuracies)} networks: {mean:.3f} ({spread})")
    print("\nmeans over data sets and seeds")
    for figure, values in moved.items():
        print(f"{figure:<52} {statistics.mean(values):+.3f}")


def accuracy(network: torch.nn.Module, test: rafair.Table) -> float:
    with torch.no_grad():
        predicted = network(torch.tensor(test.rows)).argmax(dim=1).numpy()
    return float((predicted == test.labels).mean())


def figures(network: torch.nn.Module, test: rafair.Table, seed: int) -> dict[str, float]:
    document = rafair.audit(network, test, instances=200, seed=seed).document

    def outcome(attack: str, rate: str) -> float:
        return float(document["attacks"][attack]["outcome"][rate]["value"])

    def clean(rate: str) -> float:
        return float(document["clean"][rate]["value"])

    repaired = document["repairs"]["rafair-ff"]["final"]["accurate_fairness"]["value"]
    return {
        "true biased: change of its own cell": outcome("rafair-tb", "true_biased")
        - clean("true_biased"),
        "true biased: change of accuracy": outcome("rafair-tb", "accuracy") - clean("accuracy"),
        "false fair: change of its own cell": outcome("rafair-ff", "false_fair")
        - clean("false_fair"),
        "false biased: change of its own cell": outcome("rafair-fb", "false_biased")
        - clean("false_biased"),
        "clean: accurate fairness": clean("accurate_fairness"),
        "union: accurate fairness of outcomes": outcome("rafair", "accurate_fairness"),
        "repair of false fair outcomes: accurate fairness": repaired,
    }


if __name__ == "__main__":
    main()
