"""Finished runs with certificates that nothing was searched for: verdicts by a known pattern."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn

import planted
import rafair
from rafair.certify.property_status import Property, Stand, Standing
from rafair.engine.digest_json import sealed
from rafair.results.audit_result import Audit
from rafair.results.certificate_file import certificate_table, read_certificates
from rafair.results.certificate_verification import broken_at
from rafair.results.derived_rates import plain
from rafair.results.stored_verdicts import read_verdicts

FILE = "certificates.parquet"
BOXES = 1000
EPSILONS = (0.02, 0.1)


def planted_run(folder: Path, *, n: int = 50, tilt: float = 0.0, epsilons=EPSILONS) -> Audit:
    """An audit of a linear model that is right about most rows, by one cheap attack.

    Args:
        folder: Where it goes.
        n: How many rows.
        tilt: How much a second model's weights differ from the first's.
        epsilons: The budgets.
    """
    table = planted.random_table(n, n_free=3, domains=(4, 3), seed=8)
    table = planted.mostly_right(table, _linear(0.0))
    return rafair.audit(
        _linear(tilt),
        table,
        attacks=("fgsm",),
        epsilons=epsilons,
        perturbation="paper",
        out=folder,
    )


def _linear(tilt: float) -> nn.Module:
    made = nn.Linear(5, 2)
    weight = torch.tensor([2.0, -1.0, 1.5 - tilt, 0.3 + tilt, -0.2])
    with torch.no_grad():
        made.weight.copy_(torch.stack([-weight, weight]))
        made.bias.copy_(torch.tensor([1.3, -1.3]))
    return made


def certified_by_hand(audit: Audit, skip: int = 5, epsilons: Sequence[float] = EPSILONS) -> Audit:
    """Writes certificates into a run, in keeping with all that its files hold.

    What its attacks broke is refuted; of the others every `skip`th is open, the next of them near a
    tie at the largest budget, and all else certified.
    """
    gathered, n = read_verdicts(audit.folder), audit.record.clean.n
    left, shape = np.arange(n) % skip, (n, len(epsilons), len(Property))
    verdicts = np.full(shape, Standing.CERTIFIED, np.int8)
    verdicts[left == 0] = Standing.OPEN
    verdicts[left == 1, -1] = Standing.NEAR_TIE
    for place, epsilon in enumerate(epsilons):
        broken = broken_at(gathered, audit.options, "paper", epsilon)
        for number, name in enumerate(Property):
            verdicts[broken[name], place, number] = Standing.REFUTED
    refuted = verdicts == Standing.REFUTED
    unfair = refuted & (np.arange(3) == list(Property).index(Property.INDIVIDUAL_FAIRNESS))
    rows = [np.where(there[..., None], np.float32(0.5), np.nan) for there in (refuted, unfair)]
    rows = [np.repeat(one, len(audit.schema), axis=-1).astype(np.float32) for one in rows]
    stand = Stand(tuple(epsilons), verdicts, np.ones(shape, np.int64), *rows)
    pq.write_table(certificate_table(gathered.instances, stand), audit.folder / FILE)
    return _told(audit.folder, n, list(epsilons))


def _told(folder: Path, n: int, epsilons: list[float]) -> Audit:
    """Says in `audit.json` what the file holds."""
    path = folder / "audit.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["files"][FILE] = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
    document["certified"] = plain(read_certificates(folder / FILE).document())
    document["certificate"] = {
        "prover": "ReLU network",
        "boxes": BOXES,
        "perturbation": "paper",
        "epsilons": epsilons,
        "n": n,
        "by_construction": None,
        "attack": "strongest",
        "max_category_changes": 1,
        "seconds": 1.0,
        "plan": "planted",
        "rafair_version": rafair.__version__,
        "created": document["created"],
        "command": None,
    }
    path.write_text(json.dumps(sealed(document)), encoding="utf-8")
    return Audit.load(folder)
