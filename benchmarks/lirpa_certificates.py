"""Certificates beside auto_LiRPA's: `python -m benchmarks.lirpa_certificates MODELS --python FILE`.

Both get the same networks, the same boxes (all perturbations of an instance with the hull of the
sensitive domains, whose values are cut between), and the same CPU seconds on one thread; neither
gets an attack. Ours is the search of `rafair certify`, with a budget of boxes. Around auto_LiRPA's
bounds stands a plain branch and bound (`benchmarks/lirpa_search.py`), in ways of which the best
counts. `MODELS` holds saved models, `<data set>-<variant>-…`; `FILE` is the Python of an
environment with what `lirpa_requirements.txt` lists.

Told are the shares certified and refuted after as many CPU seconds as ours took. Every witness of
either is looked at again, and nothing may be certified by one and refuted by the other. Bounds of
auto_LiRPA leave out rounding, ours do not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import rafair
from rafair.certify.network_prover import network_prover
from rafair.certify.prover_interface import Proof
from rafair.certify.region import Region, Surroundings
from rafair.engine.thread_pool import Workers
from rafair.models.model_folder import load_model
from rafair.models.read_layers import layers_of
from rafair.models.torch_module import TorchClassifier
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.perturbation import PerturbationSet
from rafair.tabular.schema import Schema

BUDGETS = (1000, 4000, 16000, 64000)
"""Boxes for an instance; a larger one is tried where the last left something open too soon."""

CROWN = {"batch": 256, "least_slope": 3.0}
ALPHA = CROWN | {"iterations": 4}
FORWARD = {"method": "Forward+Backward", "keep": False, "batch": 512, "least_slope": 3.0}
WAYS: dict[str, dict[str, Any]] = {
    "CROWN": CROWN,
    "alpha": ALPHA,
    "alpha, slopes from 0.3": ALPHA | {"least_slope": 0.3},
    "forward": FORWARD,
    "forward, slopes from 0.3": FORWARD | {"least_slope": 0.3},
}
"""Ways to use auto_LiRPA: hidden layers by CROWN or by its forward mode, which is looser and
faster; the margin by CROWN, with slopes as they are or optimised. Boxes are cut by smart branching;
with the authors' least slope, 0.001, fewer rows were decided."""


@dataclass(frozen=True)
class Cell:
    """Rows of one data set, and a network."""

    name: str
    classifier: TorchClassifier
    schema: Schema
    rows: np.ndarray
    wanted: np.ndarray
    region: Region

    @classmethod
    def of(cls, folder: Path, epsilon: float, instances: int) -> Cell:
        """The cell of a saved model."""
        data, variant = folder.name.split("-")[:2]
        test, schema = (found := rafair.load_dataset(data, variant)).test, found.table.schema
        count = min(instances, len(test))
        rows = test.rows[np.sort(np.random.default_rng(0).choice(len(test), count, replace=False))]
        classifier = TorchClassifier(load_model(folder)[0])
        around = Surroundings(PerturbationSet.of(schema, epsilon), Counterparts.of(schema))
        wanted = classifier.logits(rows).argmax(axis=1)
        name = f"{folder.name} {epsilon:g}"
        return cls(name, classifier, schema, rows, wanted, around.joint(rows))

    def differ(self, owner: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Whether rows get other classes than their instances."""
        return np.asarray(self.classifier.logits(rows).argmax(axis=1) != self.wanted[owner])

    def ours(self, budget: int) -> tuple[float, np.ndarray]:
        """The CPU seconds of our search, and what it proves."""
        every = np.arange(len(self.rows))
        begun = time.process_time()
        prover = network_prover(self.classifier, self.schema)
        assert prover is not None
        found = prover.decide(self.region, self.wanted, every, budget, self.differ, Workers(1))
        taken = time.process_time() - begun
        self._check(found.proof == Proof.REFUTED, found.witness)
        return taken, found.proof

    def theirs(self, python: Path, way: dict[str, Any], seconds: float) -> dict[str, np.ndarray]:
        """What auto_LiRPA's bounds prove in so many CPU seconds, and when."""
        script = Path(__file__).with_name("lirpa_search.py")
        with tempfile.TemporaryDirectory() as folder:
            given, found = Path(folder, "given.npz"), Path(folder, "found.npz")
            np.savez(given, **self._as_arrays())
            options = ["--seconds", str(seconds), "--options", json.dumps(way)]
            command = [str(python), str(script), str(given), str(found), *options]
            subprocess.run(command, check=True, capture_output=True, env=_environment())
            with np.load(found) as arrays:
                result = dict(arrays)
        self._check(result["proof"] == Proof.REFUTED, result["witness"])
        return result

    def _as_arrays(self) -> dict[str, np.ndarray]:
        region = self.region
        if region.followers.derivations is not None:
            raise ValueError(f"{self.name}: expected no derived columns")
        arrays = {"owner": region.owner, "lower": region.lower, "upper": region.upper}
        arrays |= {"listed": region.listed, "wanted": self.wanted}
        for number, (weight, bias) in enumerate(layers_of(self.classifier.module) or []):
            assert bias is not None
            arrays[f"weight{number}"] = weight.detach().numpy()
            arrays[f"bias{number}"] = bias.detach().numpy()
        some = {f"values{i}": one for i, one in enumerate(region.values) if one is not None}
        return arrays | some

    def _check(self, refuted: np.ndarray, witness: np.ndarray) -> None:
        """Every witness lies in a box of its instance, on the lists, and gets another class."""
        for owner in np.flatnonzero(refuted):
            row, boxes = witness[owner], self.region.where(self.region.owner == owner)
            inside = ((row >= boxes.lower) & (row <= boxes.upper)).all(axis=1)
            for column, values in enumerate(boxes.values):
                if values is not None:
                    inside &= ~boxes.listed[:, column] | np.isin(row[column], values)
            assert inside.any(), self.name
            assert self.differ(np.array([owner]), row[None]).all(), self.name


def _environment() -> dict[str, str]:
    """The variables of this process, and on AMD's CPUs one that old releases of MKL need.

    Without it products of the old torch take three times as long as ours there.
    """
    about = Path("/proc/cpuinfo")
    amd = about.is_file() and "AuthenticAMD" in about.read_text()
    return os.environ | ({"MKL_DEBUG_CPU_TYPE": "5"} if amd else {})


def compare(cell: Cell, python: Path, least: float) -> None:
    """Prints what both decide of one cell."""
    ours = []
    for budget in BUDGETS:
        taken, proof = cell.ours(budget)
        ours.append((budget, taken, proof))
        if not (proof == Proof.OPEN).any() or taken >= least:
            break
    seconds = max(least, ours[-1][1])
    for budget, taken, proof in ours:
        print(f"{cell.name}: ours, {budget} boxes, {taken:.1f} s: {_shares(proof)}", flush=True)
    known = ours[-1][2]
    for name, options in WAYS.items():
        found = cell.theirs(python, options, seconds)
        either = {Proof.PROVEN, Proof.REFUTED}
        for a, b in zip(known, found["proof"], strict=True):
            assert a == b or not {a, b} <= either, f"{cell.name}: {name} contradicts ours"
        line = [
            f"{at:.1f} s: {_shares(np.where(found['at'] <= at, found['proof'], Proof.OPEN))}"
            for at in [*(taken for _, taken, _ in ours), seconds]
        ]
        last = found["at"][np.isin(found["proof"], list(either))].max(initial=0)
        boxes = f"{found['boxes'].sum()} boxes, last decided after {last:.1f} s"
        print(f"{cell.name}: auto_LiRPA, {name}: {'; '.join(line)} ({boxes})", flush=True)


def _shares(proof: np.ndarray) -> str:
    certified, refuted = (proof == Proof.PROVEN).mean(), (proof == Proof.REFUTED).mean()
    return f"{certified + refuted:.3f} = {certified:.3f} + {refuted:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, help="a folder of saved models")
    parser.add_argument("--python", type=Path, required=True, help="one that has auto_LiRPA")
    parser.add_argument(
        "--cells", nargs="+", required=True, help="as in adult-clean-plain:0.05 for a model's name"
    )
    parser.add_argument("--instances", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30, help="at least, for auto_LiRPA")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.cells:
        folder, epsilon = name.split(":")
        cell = Cell.of(options.models / folder, float(epsilon), options.instances)
        compare(cell, options.python, options.seconds)


if __name__ == "__main__":
    main()
