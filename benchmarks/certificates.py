"""How far certificates close the brackets: `python -m benchmarks.certificates`.

Each network is trained by `rafair train` and each cell certified by `rafair certify MODEL`, one
call an epsilon, into a folder of its own; what is done there already is not done again. Told are
the brackets [certified, not refuted] of the three rates, and CPU and wall seconds of the command.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

PROGRAM = [sys.executable, "-c", "from rafair.cli.main import main; main()"]
NETWORKS = (
    "adult-clean",
    "credit-clean",
    "compas-clean",
    "compas-paper",
    "affairs-clean",
    "bank-clean",
    "bank-paper",
)
RATES = ("accurate_fairness", "individual_fairness", "accuracy")


def main() -> None:
    """Trains, certifies and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--epsilons", nargs="+", default=["0.01", "0.02", "0.05", "0.1"])
    parser.add_argument("--instances", default="200")
    parser.add_argument("--boxes", default="50000")
    parser.add_argument("--epochs", default="50")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--out", type=Path, default=Path("runs/certificates"))
    options = parser.parse_args()
    table = Table("network", "epsilon", *RATES, "near ties", "CPU s", "wall s")
    for network in options.networks:
        model = _trained(network, options)
        for epsilon in options.epsilons:
            table.add_row(network, epsilon, *_row(_cell(model, network, epsilon, options)))
    Console(width=120, highlight=False).print(table)


def _trained(network: str, options: argparse.Namespace) -> Path:
    folder: Path = options.out / f"{network}-model"
    if not folder.exists():
        name, variant = network.split("-")
        told = ["--dataset", name, "--variant", variant, "--epochs", options.epochs]
        _ran(["train", *told, "--out", str(folder)])
    return folder


def _cell(model: Path, network: str, epsilon: str, options: argparse.Namespace) -> dict[str, Any]:
    """The shares of a run, which is made unless it is there, with what the command took."""
    folder: Path = options.out / f"{network}-{epsilon}"
    spent = folder.with_suffix(folder.suffix + ".json")
    if not spent.exists():
        told = ["--epsilons", epsilon, "--instances", options.instances, "--boxes", options.boxes]
        told += ["--threads", options.threads, "--out", str(folder), "--force"]
        spent.write_text(json.dumps(_ran(["certify", str(model), *told])), encoding="utf-8")
        print(network, epsilon, spent.read_text(encoding="utf-8"), file=sys.stderr)
    document = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    (shares,) = document["certified"].values()
    return {**shares, "spent": json.loads(spent.read_text(encoding="utf-8"))}


def _ran(arguments: list[str]) -> dict[str, float]:
    """CPU and wall seconds of one command."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*PROGRAM, *arguments], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": round(cpu, 1), "wall": round(wall, 1)}


def _row(cell: dict[str, Any]) -> list[str]:
    brackets, ties = [], 0
    for rate in RATES:
        shares = {name: share["value"] for name, share in cell[rate].items()}
        low, high = shares["certified"], 1 - shares["refuted"]
        brackets.append(f"{low:.3f}" if high - low < 1e-9 else f"[{low:.3f}, {high:.3f}]")
        ties = max(ties, shares["near_tie"])
    spent = cell["spent"]
    return [*brackets, f"{ties:.3f}", str(spent["cpu"]), str(spent["wall"])]


if __name__ == "__main__":
    main()
