"""What a run says is proven, derived again without rafair's code; see `rederive`.

Rates are counted again; every witness is looked at: whether it lies in the perturbation set, and
what the exported model answers to it. And what is certified is tried to break by random rows.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

PROPERTIES = ("accurate_fairness", "individual_fairness", "accuracy")
VERDICTS = ("certified", "refuted", "open", "near_tie")
DRAWS = 20
SLACK = 1e-5
"""How near to a tie two runtimes may decide otherwise."""


def check_certificates(rates, rows, start, folder: Path, model, space, held) -> None:
    """The sections `certified` and `certificate`, and the file that they come from.

    Args:
        rates: The rates of `audit.json`, and which were compared.
        rows: The rows of `adversarial.parquet`.
        start: Which of them are the rows as they came.
        folder: The run folder.
        model: The exported model.
        space: The features.
        held: By attack and measure, who held at the largest budget; as they came under "".
    """
    audit, findings = rates.audit, rates.findings
    if "certified" not in audit:
        findings.expect("certificate" not in audit, "certificate", "says how, but not what")
        return
    how = audit["certificate"]
    frame = pq.read_table(folder / "certificates.parquet").to_pandas()
    keys = [f"{epsilon:.12g}" for epsilon in how["epsilons"]]
    findings.expect(list(audit["certified"]) == keys, "certificate", f"not of {keys}")
    findings.expect(len(frame) == how["n"] * len(keys) * 3, "certificate", "rows are missing")
    place = {int(instance): i for i, instance in enumerate(rows.instance[start])}
    for epsilon, key in zip(how["epsilons"], keys, strict=True):
        here = frame[frame["epsilon"] == epsilon]
        for name in PROPERTIES:
            mine = here[here["property"] == name]
            for verdict in VERDICTS:
                hits = (mine["verdict"] == verdict).to_numpy()
                rates.compare(f"certified.{key}.{name}.{verdict}", hits)
            at = np.array([place[int(instance)] for instance in mine["instance"]])
            certified = (mine["verdict"] == "certified").to_numpy()
            refuted = (mine["verdict"] == "refuted").to_numpy()
            clean = held[""][name][at]
            findings.expect(not (certified & ~clean).any(), "certificate", f"{key} {name}: clean")
            findings.expect((refuted | clean).all(), "certificate", f"{key} {name}: not refuted")
            known = max(audit["config"].get("epsilons") or [audit["config"]["epsilon"]])
            if epsilon >= known and how["perturbation"] == audit["config"]["perturbation"]:
                for attack, of in held.items():
                    broken = certified & ~of[name][at]
                    findings.expect(not broken.any(), "certificate", f"{key} {name}: {attack}")
            around = replace(space, epsilon=space.per_feature(epsilon))
            centres, labels = rows.encoded[start][at], rows.label[start][at]
            part = mine[refuted], centres[refuted], labels[refuted]
            _check_witnesses(name, *part, around, model, findings)
            if not space.feasible:
                part = centres[certified], labels[certified]
                _try_to_break(name, *part, around, model, findings)


def _check_witnesses(name, frame, centres, labels, space, model, findings) -> None:
    if not len(frame):
        return
    findings.looked_at["witnesses"] += len(frame)
    witness = np.stack(frame["witness"].to_numpy()).astype(np.float32)
    _inside(witness, centres, space, findings, own=name == "accuracy")
    classes, sure = _classes(model, witness)
    if name != "individual_fairness":
        findings.expect(((classes != labels) | ~sure).all(), "witness", f"{name}: one is right")
        return
    other = np.stack(frame["other"].to_numpy()).astype(np.float32)
    _inside(other, centres, space, findings, own=False)
    free = [i for i in range(len(space.features)) if i not in space.sensitive]
    findings.expect(
        np.array_equal(witness[:, free], other[:, free]), "witness", "its counterpart is none"
    )
    others, known = _classes(model, other)
    agrees = (classes == others) & sure & known
    findings.expect(not agrees.any(), "witness", f"{agrees.sum()} counterparts agree")


def _inside(rows, centres, space, findings, *, own: bool) -> None:
    for column, name in enumerate(space.features):
        x, centre = rows[:, column], centres[:, column]
        if name in space.domains:
            allowed = x == centre
            if not own:
                allowed |= np.isin(x, space.domains[name])
        elif space.frozen[column]:
            allowed = x == centre
        else:
            near = np.abs(x.astype(float) - centre) <= space.epsilon[column] + 1e-6
            nominal = space.schema[name]["kind"] in ("categorical", "boolean")
            allowed = (near | (space.feasible and nominal)) & (x >= 0) & (x <= 1)
            allowed |= x == centre
        findings.expect(allowed.all(), "witness", f"{name}: {(~allowed).sum()} are out of reach")


def _try_to_break(name, centres, labels, space, model, findings) -> None:
    """Random corners and points of boxes, with random sensitive values; all must hold."""
    if not len(centres):
        return
    generator = np.random.default_rng(len(centres))
    reach = np.where(space.frozen, 0, space.epsilon).astype(np.float32)
    for draw in range(DRAWS):
        share = generator.uniform(-1, 1, centres.shape)
        share = np.sign(share) if draw % 2 else share
        moved = np.clip(centres + share * reach, centres - reach, centres + reach)
        moved = np.where(centres < 0, centres, np.clip(moved, 0, 1)).astype(np.float32)
        twin = moved.copy()
        for column, values in zip(space.sensitive, space.domains.values(), strict=True):
            twin[:, column] = generator.choice(values, len(twin))
        (classes, sure), (others, known) = _classes(model, moved), _classes(model, twin)
        broken = {
            "accuracy": (classes != labels) & sure,
            "individual_fairness": (classes != others) & sure & known,
            "accurate_fairness": ((classes != labels) & sure) | ((others != labels) & known),
        }[name]
        findings.looked_at["random rows of what is certified"] += len(moved)
        findings.expect(not broken.any(), "certificate", f"{name}: {broken.sum()} broke at random")


def _classes(model, rows) -> tuple[np.ndarray, np.ndarray]:
    """The classes of rows, and whether they are far enough from a tie."""
    logits = model.logits(rows)
    ordered = np.sort(logits, axis=1)
    return logits.argmax(axis=1), ordered[:, -1] - ordered[:, -2] > SLACK
