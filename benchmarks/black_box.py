"""How far does RAFair come without gradients? `python -m benchmarks.black_box --networks DIR`.

Networks: for the paper's four data sets (paper variant), `DIR/<name>-0` holds a network that
`rafair train` saved; robust accurate fairness under the union of RAFair's goals by gradients, and
by probes. Trees: gradient-boosted trees of three libraries, trained on the same data; RAFair by
probes, and random perturbations that ask the model about at least as many distinct rows of each
data set, in several boxes, since in the widest both may break all there is to break.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rafair
from rafair.attacks.attack_names import attack_named
from rafair.attacks.registry import UNIONS
from rafair.auditing.audit_setup import AuditConfig
from rafair.engine.thread_pool import Workers
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier
from rafair.models.function_classifier import FunctionClassifier
from rafair.models.model_folder import load_model
from rafair.models.torch_module import TorchClassifier
from rafair.search.observation import Observation
from rafair.tabular.sampling import sample_instances

DATASETS = ("adult", "bank", "credit", "compas")
TREES = ("xgboost", "lightgbm", "scikit-learn")

Broken = NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=DATASETS)
    parser.add_argument(
        "--networks", type=Path, help="folder of <name>-0; none are compared if not given"
    )
    parser.add_argument("--trees", nargs="*", default=TREES)
    parser.add_argument("--epsilons", nargs="+", type=float, default=[0.02, 0.05, 0.2])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--perturbation", choices=["paper", "feasible"], default="paper")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.datasets:
        data = rafair.load_dataset(name, "paper")
        with Workers(options.threads) as workers:
            bench = Bench(data.test, options.instances, options.steps, workers)
            bench.feasible = options.perturbation == "feasible"
            if options.networks:
                network = TorchClassifier(load_model(options.networks / f"{name}-0")[0])
                compare_with_gradients(name, bench, network)
            for kind in options.trees:
                for epsilon in options.epsilons:
                    compare_with_noise(f"{name} {kind}", bench, trees(kind, data.train), epsilon)


def compare_with_gradients(name: str, bench: Bench, network: Classifier) -> None:
    white = bench.union(network, 0.2)
    once = CachedClassifier(network)
    black = bench.union(once, 0.2)
    print(
        f"{name:<22} R-AF by gradients {1 - white.mean():.3f}, by probes {1 - black.mean():.3f}; "
        f"{once.asked / len(black):,.0f} queries per instance",
        flush=True,
    )


def compare_with_noise(name: str, bench: Bench, model: Classifier, epsilon: float) -> None:
    once, other = CachedClassifier(model), CachedClassifier(model)
    by_probes = bench.union(once, epsilon)
    by_noise, seed = np.zeros_like(by_probes), 0
    while other.asked < once.asked:
        seed += 1
        by_noise |= bench.noise(other, epsilon, seed)
    n = len(by_probes)
    print(
        f"{name:<22} epsilon {epsilon:<5g} not true fair: clean {bench.wrong(model).sum()}, by "
        f"noise {by_noise.sum()}, by probes {by_probes.sum()} of {n}; queries per instance: "
        f"{other.asked / n:,.0f}, {once.asked / n:,.0f}",
        flush=True,
    )


class Bench:
    """The instances of one data set, and attacks on them."""

    feasible = False
    """Whether perturbations are feasible; without, they are the paper's."""

    def __init__(self, table: rafair.Table, instances: int, steps: int, workers: Workers) -> None:
        chosen = sample_instances(table.rows, min(instances, len(table)), seed=0)
        self.rows, self.labels = table.rows[chosen], table.labels[chosen]
        self.schema, self.steps, self.workers = table.schema, steps, workers

    def union(self, model: Classifier, epsilon: float) -> Broken:
        """Which instances are not true fair at some iterate of RAFair's three goals."""
        seen, broken = None, np.zeros(len(self.rows), bool)
        for name in UNIONS["rafair"]:
            found, seen = self._run(name, model, epsilon, 0, seen)
            broken |= found
        return broken

    def noise(self, model: Classifier, epsilon: float, seed: int) -> Broken:
        """Which are so at some random perturbation."""
        return self._run("noise", model, epsilon, seed, None)[0]

    def wrong(self, model: Classifier) -> Broken:
        """Which are so as they are."""
        sweep = AuditConfig().sweep(CachedClassifier(model), self.schema, self.workers, _ignored)
        seen = sweep.judge(self.rows, self.labels)
        return ~(seen.fair & (seen.prediction == self.labels))

    def _run(
        self, name: str, model: Classifier, epsilon: float, seed: int, seen: Observation | None
    ) -> tuple[Broken, Observation]:
        config = AuditConfig(steps=self.steps, step_size=epsilon / self.steps, epsilon=epsilon)
        # one uniform and one normal draw at a time, so that it stops where the other stopped
        steps = self.steps if name != "noise" else 2
        sweep = config.sweep(model, self.schema, self.workers, _ignored)
        budget = config.budget(self.schema, feasible=self.feasible)
        budget = replace(budget, seed=seed, steps=steps)
        run = attack_named(name).run(sweep, self.rows, self.labels, budget, seen)
        return (run.verdicts() != 0).any(axis=1), seen or run.observations[0]


def _ignored(rows: int) -> None:
    pass


def trees(kind: str, table: rafair.Table) -> Classifier:
    """Gradient-boosted trees with their library's defaults, on encoded rows."""
    makers: dict[str, Callable[[], Any]] = {
        "xgboost": _xgboost,
        "lightgbm": _lightgbm,
        "scikit-learn": _sklearn,
    }
    model = makers[kind]().fit(table.rows, table.labels)
    return FunctionClassifier(model.predict_proba, outputs="probabilities", name=kind)


def _xgboost() -> Any:
    import xgboost

    return xgboost.XGBClassifier(n_jobs=1, random_state=0)


def _lightgbm() -> Any:
    import lightgbm

    return lightgbm.LGBMClassifier(n_jobs=1, random_state=0, verbose=-1)


def _sklearn() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=0)


if __name__ == "__main__":
    main()
