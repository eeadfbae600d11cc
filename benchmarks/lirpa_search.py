"""Branch and bound with auto_LiRPA's bounds: a script that `benchmarks.lirpa_certificates` runs.

It imports nothing of ours, since auto_LiRPA needs an older Python and an older torch: boxes and a
network come in one file of numpy, verdicts and their CPU times go into another.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import auto_LiRPA
import numpy as np
import torch
from auto_LiRPA import BoundedModule, BoundedTensor
from auto_LiRPA.perturbations import PerturbationLpNorm

OPEN, PROVEN, REFUTED = range(3)


@dataclass(frozen=True)
class Options:
    """How boxes are bounded and chosen.

    Args:
        method: The library's name of the bounds.
        relu: Its lines below a ReLU.
        batch: Boxes bounded at once.
        of_one: Boxes of one instance among these, unless few instances are left.
        keep: Whether a box keeps what is known of the hidden layers of the box it was cut from.
        iterations: Passes of alpha-CROWN; none for plain bounds.
        rate: Their length.
        least_slope: A box is cut where width times slope is largest, and no slope counts as less
            than this: large, and the widest feature is cut.
    """

    method: str = "CROWN"
    relu: str = "adaptive"
    batch: int = 128
    of_one: int = 64
    keep: bool = True
    iterations: int = 0
    rate: float = 0.5
    least_slope: float = 1e-3


@dataclass(frozen=True)
class Boxes:
    """Boxes of one instance or several, and known bounds of hidden layers: lower beside upper."""

    owner: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    listed: np.ndarray
    hidden: np.ndarray

    def where(self, chosen: np.ndarray | slice) -> Boxes:
        """Those that a mask, places or a slice choose."""
        return Boxes(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.owner)

    @staticmethod
    def joined(parts: list[Boxes]) -> Boxes:
        """All parts, one after the other."""
        names = Boxes.__dataclass_fields__
        return Boxes(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


class Bounds:
    """The library's bounds of a network's margins."""

    def __init__(self, weights: list[np.ndarray], biases: list[np.ndarray], options: Options):
        self.options, layers = options, list[torch.nn.Module]()
        for weight, bias in zip(weights, biases, strict=True):
            linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
            linear.weight.data, linear.bias.data = torch.tensor(weight), torch.tensor(bias)
            layers += [linear, torch.nn.ReLU()]
        self.network = torch.nn.Sequential(*layers[:-1]).requires_grad_(False)
        steps = {
            "iteration": options.iterations,
            "lr_alpha": options.rate,
            "early_stop_patience": 10,
            "stop_criterion_func": lambda least: least > 0,
            "init_alpha": False,
        }
        self.module = BoundedModule(
            self.network,
            torch.zeros(1, weights[0].shape[1]),
            bound_opts={
                "relu": options.relu,
                # release 0.3 fails with these where nearly all units of a layer may switch
                "sparse_features_alpha": False,
                "sparse_spec_alpha": False,
                "optimize_bound_args": steps,
            },
        )
        self._names = [relu.inputs[0].name for relu in self.module.relus]
        self._widths = [len(bias) for bias in biases[:-1]]
        self.units = sum(self._widths)

    def least(self, boxes: Boxes, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lower bounds of margins, their slopes by feature, and bounds of the hidden layers."""
        lower, upper = torch.from_numpy(boxes.lower), torch.from_numpy(boxes.upper)
        sign = torch.from_numpy(np.where(wanted == 1, 1, -1).astype(np.float32))
        margins = torch.stack([-sign, sign], dim=1)[:, None]
        around = PerturbationLpNorm(norm=np.inf, x_L=lower, x_U=upper)
        given = BoundedTensor((lower + upper) / 2, around)
        begin, end = self.module.input_name[0], self.module.output_name[0]
        known = {}
        if self.options.keep and np.isfinite(boxes.hidden).all():
            parts = torch.from_numpy(boxes.hidden).split(self._widths * 2, dim=1)
            half = len(self._widths)
            known = {n: [parts[i], parts[half + i]] for i, n in enumerate(self._names)}
        asked = {
            "x": (given,),
            "C": margins,
            "bound_upper": False,
            "return_A": True,
            "needed_A_dict": {end: [begin]},
        }
        if known:
            asked |= {"reference_bounds": known, "aux_reference_bounds": dict(known)}
        with torch.no_grad():
            found = self.module.compute_bounds(method=self.options.method, **asked)
        if self.options.iterations:
            found = self._optimised(asked)
        slopes = found[2][end][begin]["lA"].detach()[:, 0]
        inner = [relu.inputs[0] for relu in self.module.relus]
        hidden = [one.lower for one in inner] + [one.upper for one in inner]
        return (
            found[0].detach()[:, 0].numpy(),
            slopes.numpy(),
            torch.cat(hidden, dim=1).numpy() if self.options.keep else boxes.hidden,
        )

    def _optimised(self, asked: dict) -> tuple:
        """The margins' bounds with slopes that are optimised; the hidden layers stay as they are.

        So only the last backward pass is repeated: what the authors do where inputs are cut.
        """
        inner = [relu.inputs[0] for relu in self.module.relus]
        fixed = {one.name: [one.lower.detach(), one.upper.detach()] for one in inner}
        self.module.init_slope(
            asked["x"], c=asked["C"], bound_upper=False, intermediate_layer_bounds=fixed
        )
        asked = {name: value for name, value in asked.items() if "reference" not in name}
        return self.module.compute_bounds(
            method="CROWN-Optimized", intermediate_layer_bounds=fixed, **asked
        )

    def margins(self, rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """By how much the class wanted exceeds the other at rows."""
        with torch.no_grad():
            logits = self.network(torch.from_numpy(rows)).numpy()
        each = np.arange(len(rows))
        return logits[each, wanted] - logits[each, 1 - wanted]


class Search:
    """Looks at the newest boxes of all open instances in turn, for some CPU seconds."""

    def __init__(self, bounds: Bounds, boxes: Boxes, values: list, wanted: np.ndarray):
        self._bounds, self._values, self._wanted = bounds, values, wanted
        n = len(wanted)
        self.proof, self.at = np.full(n, OPEN), np.full(n, np.inf)
        self.boxes = np.zeros(n, np.int64)
        self.witness = np.full((n, boxes.lower.shape[1]), np.nan, np.float32)
        self._stuck = np.zeros(n, bool)
        self._open = [[boxes.where(boxes.owner == owner)] for owner in range(n)]

    def run(self, seconds: float) -> None:
        """Searches until all is decided, or for so many CPU seconds."""
        options, turn = self._bounds.options, deque(range(len(self._wanted)))
        begun = time.process_time()
        while turn and time.process_time() - begun < seconds:
            most = max(options.of_one, -(-options.batch // len(turn)))
            parts, owners, count = list[Boxes](), list[int](), 0
            while turn and count < options.batch:
                owner = turn.popleft()
                parts.append(self._newest(owner, min(most, options.batch - count)))
                owners.append(owner)
                count += len(parts[-1])
            self._look(Boxes.joined(parts))
            now = time.process_time() - begun
            for owner in owners:
                if self.proof[owner] == REFUTED:
                    self._open[owner] = []
                elif self._open[owner]:
                    turn.append(owner)
                    continue
                elif not self._stuck[owner]:
                    self.proof[owner] = PROVEN
                self.at[owner] = now

    def _newest(self, owner: int, most: int) -> Boxes:
        """Takes an instance's newest boxes."""
        held, taken, count = self._open[owner], list[Boxes](), 0
        while held and count < most:
            part = held.pop()
            if len(part) > most - count:
                rest = len(part) - (most - count)
                held.append(part.where(slice(rest)))
                part = part.where(slice(rest, None))
            taken.append(part)
            count += len(part)
        return Boxes.joined(taken)

    def _look(self, boxes: Boxes) -> None:
        wanted = self._wanted[boxes.owner]
        np.add.at(self.boxes, boxes.owner, 1)
        least, slopes, hidden = self._bounds.least(boxes, wanted)
        end, begin = self._middles(boxes)
        middle = np.where(boxes.listed, end, (boxes.lower + boxes.upper) / 2).astype(np.float32)
        corner = np.where(slopes > 0, boxes.lower, boxes.upper)
        for rows in (corner, middle):
            there = self._bounds.margins(rows, wanted) < 0
            self.proof[boxes.owner[there]] = REFUTED
            self.witness[boxes.owner[there]] = rows[there]
        left = ~(least > 0) & (self.proof[boxes.owner] != REFUTED)
        boxes = Boxes(boxes.owner, boxes.lower, boxes.upper, boxes.listed, hidden)
        self._cut(boxes.where(left), slopes[left], end[left], begin[left])

    def _cut(self, boxes: Boxes, slopes: np.ndarray, end: np.ndarray, begin: np.ndarray) -> None:
        """Cuts boxes in the feature whose width times slope is largest ("smart branching")."""
        can = (end < boxes.upper) & (begin > boxes.lower)
        slopes = np.maximum(np.abs(slopes), self._bounds.options.least_slope)
        score = slopes * (boxes.upper - boxes.lower)
        score = np.where(can, score, -1)
        some = can.any(axis=1)
        self._stuck[boxes.owner[~some]] = True
        boxes, column = boxes.where(some), score[some].argmax(axis=1)
        each = np.arange(len(boxes))
        low, high = boxes.where(each), boxes.where(each)
        low.upper[each, column] = end[some][each, column]
        high.lower[each, column] = begin[some][each, column]
        both = Boxes.joined([low, high])
        for owner in np.unique(both.owner):
            self._open[owner].append(both.where(both.owner == owner))

    def _middles(self, boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
        """Where the lower halves would end and the upper ones begin: of lists between values."""
        middle = ((boxes.lower + boxes.upper) / 2).astype(np.float32)
        end, begin = middle.copy(), middle.copy()
        for column, values in enumerate(self._values):
            if values is None or not (some := boxes.listed[:, column]).any():
                continue
            last = np.searchsorted(values, middle[some, column], side="right") - 1
            last = np.minimum(last, np.searchsorted(values, boxes.upper[some, column]) - 1)
            last = np.maximum(last, np.searchsorted(values, boxes.lower[some, column]))
            end[some, column] = values[last]
            begin[some, column] = values[np.minimum(last + 1, len(values) - 1)]
        return end, begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("given", type=Path, help="boxes and a network, as a file of numpy")
    parser.add_argument("found", type=Path, help="where the verdicts go")
    parser.add_argument("--seconds", type=float, default=30, help="of CPU, for all instances")
    parser.add_argument("--options", type=json.loads, default={}, help="options, as JSON")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with np.load(asked.given) as given:
        data = dict(given)
    count = len([name for name in data if name.startswith("weight")])
    weights, biases = ([data[f"{kind}{i}"] for i in range(count)] for kind in ("weight", "bias"))
    bounds = Bounds(weights, biases, Options(**asked.options))
    unknown = np.full((len(data["owner"]), 2 * bounds.units), np.inf, np.float32)
    unknown[:, : bounds.units] = -np.inf
    boxes = Boxes(data["owner"], data["lower"], data["upper"], data["listed"], unknown)
    values = [data.get(f"values{column}") for column in range(boxes.lower.shape[1])]
    search = Search(bounds, boxes, values, data["wanted"])
    search.run(asked.seconds)
    np.savez(
        asked.found, proof=search.proof, at=search.at, boxes=search.boxes, witness=search.witness
    )
    print(f"auto_LiRPA {auto_LiRPA.__version__}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
