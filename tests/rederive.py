"""Re-derives every rate of a run folder by brute force, from the folder's files alone.

    python tests/rederive.py RUN_FOLDER

Exit 0 and one line if everything agrees, exit 1 and one line per disagreement if not. It imports
nothing from rafair and was written from the design page, not from rafair's code, so that the two
can only agree by both being right. It reads `audit.json`, `adversarial.parquet`,
`repaired.parquet`, `verdicts.parquet` and `model.onnx`; it runs the model over all counterparts of
every stored row. Of `verdicts.parquet`, whose rows' features are in the user's own file, it counts
the rates, and judges the rows of the sample again.

It is one long file so that an auditor can carry it off, read it from top to bottom, and run it.

A stored prediction, fairness or counterpart may differ from the one found here only where the
logits that decide it lie within 1e-4 of each other: such near-ties are counted and reported.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import itertools
import json
import math
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq

NEAR_TIE = 1e-4  # logits closer than this may be ordered differently by another runtime
BOX_SLACK = 1e-6
LOSS_SLACK = 1e-4
BATCH = 16_384
THREADS = 2
SHOWN = 20  # disagreements listed of one kind, before "and so many more"

VERDICTS = ("true fair", "true biased", "false fair", "false biased")
TF, TB, FF, FB = range(4)
AFTER = {
    "rafair-tb": (TB,),
    "rafair-ff": (FF,),
    "rafair-fb": (FB,),
    **dict.fromkeys(("fgsm", "pgd", "apgd", "acg"), (FF, FB)),
    **dict.fromkeys(("adf", "eidig", "dice"), (TB, FB)),
    **dict.fromkeys(("noise", "worst-counterpart", "strongest"), (TB, FF, FB)),
}
WITNESSES = ("strongest",)  # keep the first row that breaks each property, and take over others'
COUNTS_BINS, BIN_WIDTH = ("dice",), 0.025
UNION, MEMBERS = "rafair", ("rafair-tb", "rafair-ff", "rafair-fb")
TWIN = "feasible/"  # before the name of an attack that was run under both perturbations
# For the features that may move: the sign of g·g' that a goal asks for, and the sign it gives g.
DIRECTIONS = {"rafair-tb": (-1, -1), "rafair-ff": (1, 1), "rafair-fb": (-1, 1)}
# these need the whole test split: only their intervals are checked
NOT_REDERIVED = {"model.test_accuracy", "model.majority"}


@dataclass
class Findings:
    """What agrees, what does not, and how much was looked at."""

    disagreements: dict[str, list[str]] = field(default_factory=dict)
    near_ties: Counter[str] = field(default_factory=Counter)
    looked_at: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def wrong(self, kind: str, detail: str) -> None:
        self.disagreements.setdefault(kind, []).append(detail)

    def expect(self, truth: object, kind: str, detail: str) -> bool:
        if not truth:
            self.wrong(kind, detail)
        return bool(truth)

    @property
    def agrees(self) -> bool:
        return not self.disagreements

    def lines(self) -> list[str]:
        lines = []
        for kind, details in self.disagreements.items():
            lines += [f"{kind}: {detail}" for detail in details[:SHOWN]]
            if len(details) > SHOWN:
                lines.append(f"{kind}: and {len(details) - SHOWN} more")
        return lines

    def summary(self) -> str:
        seen = ", ".join(f"{count:,} {what}" for what, count in self.looked_at.items())
        ties = ", ".join(f"{count} of {kind}" for kind, count in sorted(self.near_ties.items()))
        wrong = sum(map(len, self.disagreements.values()))
        return (
            f"{'agrees' if self.agrees else f'{wrong} disagreements'}: {seen}; near-ties "
            f"tolerated: {ties or 'none'}; {self.seconds:.1f} s"
        )


# --- the model ------------------------------------------------------------------------------


class Model:
    """Encoded rows in, logits out."""

    def __init__(self, path: Path, batch: int = BATCH) -> None:
        self.batch = batch
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name
        self.rows = 0

    def logits(self, rows: np.ndarray) -> np.ndarray:
        self.rows += len(rows)
        parts = [
            self.session.run([self.output], {self.input: rows[start : start + self.batch]})[0]
            for start in range(0, len(rows), self.batch)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def margin(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Log-sum-exp of the other classes' logits, less the true class's."""
    logits = logits.astype(np.float64)
    true = np.take_along_axis(logits, labels[..., None], -1)
    if logits.shape[-1] == 2:
        return (logits.sum(-1, keepdims=True) - 2 * true)[..., 0]
    others = logits.copy()
    np.put_along_axis(others, labels[..., None], -np.inf, -1)
    top = others.max(-1, keepdims=True)
    return (top + np.log(np.exp(others - top).sum(-1, keepdims=True)) - true)[..., 0]


def log_sigmoid(m: np.ndarray) -> np.ndarray:
    return np.minimum(m, 0) - np.log1p(np.exp(-np.abs(m)))


def loss_of(logits: np.ndarray, labels: np.ndarray, loss: str) -> np.ndarray:
    if loss == "cross-entropy":
        return -log_sigmoid(-margin(logits, labels))
    if loss == "margin":
        return margin(logits, labels)
    if loss == "mse":
        shares = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        return ((shares - np.eye(logits.shape[-1])[labels]) ** 2).mean(-1)
    raise ValueError(f"unknown loss {loss!r}")


def gap(logits: np.ndarray) -> np.ndarray:
    """How far the highest logit lies above the second."""
    if logits.shape[-1] == 2:
        return np.abs(logits[..., 0] - logits[..., 1])
    two = np.partition(logits, -2, axis=-1)
    return two[..., -1] - two[..., -2]


# --- the folder -----------------------------------------------------------------------------


@dataclass
class Space:
    """The features, as audit.json tells of them."""

    features: list[str]
    schema: dict[str, dict]
    domains: dict[str, np.ndarray]  # encoded values of each sensitive feature, in column order
    frozen: np.ndarray  # per feature: may no perturbation move it?
    classes: list[str]
    epsilon: np.ndarray = None
    step_size: np.ndarray = None
    feasible: bool = False

    def per_feature(self, value: float | dict) -> np.ndarray:
        """One number for all features, or one for each that may move."""
        given = value if isinstance(value, dict) else dict.fromkeys(self.features, value)
        return np.array([self.encoded(given.get(name, 0.0), name) for name in self.features])

    def encoded(self, value: float, name: str) -> float:
        """A share of a feature's scale as a share of its range; a step of its grid at least."""
        spec = self.schema[name]
        if not value or spec.get("scale") is None:
            return value
        if spec["levels"] is None:
            span, step = spec["maximum"] - spec["minimum"], spec["step"]
            step = 1.0 if step is None and spec["kind"] == "integer" else step
        else:
            span, step = len(spec["levels"]) - 1, 1.0
        return min(max(value * spec["scale"], step or 0.0) / span, 1.0) if span else value

    @property
    def sensitive(self) -> list[int]:
        return [self.features.index(name) for name in self.domains]

    @property
    def may_miss(self) -> np.ndarray:
        """Which features may have missing values."""
        return np.array([bool(self.schema[name].get("missing")) for name in self.features])

    @property
    def product(self) -> np.ndarray:
        return np.array(list(itertools.product(*self.domains.values())), np.float32)

    def encode(self, name: str, raw: object) -> float:
        """A raw value on the [0, 1] scale: min–max for numbers, the level's place for levels.

        A missing one, where it may be, is -1.
        """
        spec = self.schema[name]
        if raw is None and spec.get("missing"):
            return -1.0
        if spec["levels"] is None:
            low, high = spec["minimum"], spec["maximum"]
            return (float(raw) - low) / (high - low) if high > low else 0.0
        place = [str(level) for level in spec["levels"]].index(str(raw))
        return place / max(1, len(spec["levels"]) - 1)


@dataclass
class Rows:
    """A parquet file's columns, and what this script makes of them."""

    file: str
    attack: np.ndarray
    instance: np.ndarray
    step: np.ndarray
    label: np.ndarray
    target: np.ndarray
    prediction: np.ndarray
    accurate: np.ndarray
    fair: np.ndarray
    verdict: np.ndarray
    loss: np.ndarray
    counterpart_loss: np.ndarray
    counterpart_prediction: np.ndarray
    zero_gradient: np.ndarray  # 1, 0 or NaN
    bins: np.ndarray  # NaN where not counted
    entropy_bits: np.ndarray
    encoded: np.ndarray
    position: np.ndarray  # of the named counterpart in the product of the domains; -1: none named
    loss_label: np.ndarray  # the class the loss columns are measured against
    found_accurate: np.ndarray = None
    found_fair: np.ndarray = None
    cell: np.ndarray = None

    def __len__(self) -> int:
        return len(self.label)

    def name(self, i: int) -> str:
        return f"{self.file} {self.attack[i]} instance {self.instance[i]} step {self.step[i]}"


def read_space(audit: dict, findings: Findings) -> Space:
    data, config = audit["dataset"], audit["config"]
    features = data["features"]
    schema = {spec["name"]: spec for spec in data["schema"]["features"]}
    findings.expect(list(schema) == features, "schema", "its features are not dataset.features")
    domains = {name: np.array(values, np.float32) for name, values in data["domains"].items()}
    order = [name for name in features if schema[name]["sensitive"]]
    findings.expect(
        list(domains) == order == list(data["sensitive"]),
        "domains",
        f"{list(domains)}, sensitive {list(data['sensitive'])}: expected {order}",
    )
    sizes = {name: len(values) for name, values in domains.items()}
    findings.expect(sizes == data["sensitive"], "domains", f"sizes {sizes}: {data['sensitive']}")
    findings.expect(
        data["counterparts_per_instance"] == math.prod(sizes.values()),
        "domains",
        f"{data['counterparts_per_instance']} counterparts: {math.prod(sizes.values())} expected",
    )

    moving = bool(config.get("perturb_sensitive"))
    frozen = [not schema[f]["mutable"] or (f in domains and not moving) for f in features]
    space = Space(
        features,
        schema,
        domains,
        np.array(frozen),
        data["classes"],
    )
    space.epsilon = space.per_feature(config["epsilon"])
    space.feasible = config.get("perturbation") == "feasible"
    space.step_size = space.per_feature(config["step_size"])
    for name, values in domains.items():
        expected = [space.encode(name, raw) for raw in schema[name]["domain"]]
        findings.expect(
            len(expected) == len(values) and np.allclose(expected, values, atol=1e-6),
            "domains",
            f"{name}: the encoded values are not those of the schema's domain",
        )
    return space


def read_rows(path: Path, space: Space, findings: Findings) -> Rows:
    table = pq.read_table(path)
    promised = [
        *("attack", "instance", "step", "label", "prediction", "accurate", "fair", "verdict"),
        *("target", "loss", "counterpart_loss"),
        *(f"encoded.{name}" for name in space.features),
        *(f"raw.{name}" for name in space.features),
        *(f"counterpart.{name}" for name in space.domains),
    ]
    present = [name for name in table.column_names if name in set(promised)]
    findings.expect(present == promised, "columns", f"{path.name}: {present}, not {promised}")

    def listed(name: str) -> list:
        return table.column(name).to_pylist()

    def numbers(name: str) -> np.ndarray:
        return np.array([np.nan if v is None else v for v in listed(name)], np.float64)

    def whole(name: str) -> np.ndarray:
        return np.array(listed(name), np.int64)

    encoded = np.stack(
        [table.column(f"encoded.{name}").to_numpy() for name in space.features], axis=1
    )
    findings.expect(
        encoded.dtype == np.float32, "columns", f"{path.name}: encoded rows are {encoded.dtype}"
    )
    rows = Rows(
        path.name,
        np.array(listed("attack"), object),
        whole("instance"),
        whole("step"),
        whole("label"),
        whole("target"),
        whole("prediction"),
        np.array(listed("accurate"), bool),
        np.array(listed("fair"), bool),
        np.array([VERDICTS.index(verdict) for verdict in listed("verdict")]),
        numbers("loss"),
        numbers("counterpart_loss"),
        numbers("counterpart_prediction"),
        numbers("zero_gradient"),
        numbers("bins"),
        numbers("entropy_bits"),
        np.ascontiguousarray(encoded, np.float32),
        np.zeros(0, int),
        whole("label"),
    )
    rows.position = counterpart_positions(rows, table, space, findings)
    check_raw(rows, table, space, findings)
    return rows


def counterpart_positions(rows: Rows, table, space: Space, findings: Findings) -> np.ndarray:
    """The place of each row's named counterpart in the product of the domains."""
    places = []
    for name, domain in space.domains.items():
        near: dict[object, int] = {None: -1}
        column = table.column(f"counterpart.{name}").to_pylist()
        for raw in set(column) - {None}:
            distance = np.abs(domain - space.encode(name, raw))
            near[raw] = int(distance.argmin()) if distance.min() < 1e-4 else -2
        places.append(np.array([near[raw] for raw in column]))
    places = np.stack(places)
    some, every = (places != -1).any(0), (places >= 0).all(0)
    for i in np.flatnonzero(some & ~every):
        findings.wrong("counterpart", f"{rows.name(i)}: named values are not in the domain")
    shape = [len(domain) for domain in space.domains.values()]
    return np.where(every, np.ravel_multi_index(np.maximum(places, 0), shape), -1)


def check_raw(rows: Rows, table, space: Space, findings: Findings) -> None:
    """The raw columns say in the feature's own units what the encoded columns say."""
    for column, name in enumerate(space.features):
        raw = table.column(f"raw.{name}").to_pylist()
        code = {value: space.encode(name, value) for value in set(raw)}
        distance = np.abs([code[value] for value in raw] - rows.encoded[:, column])
        levels = space.schema[name]["levels"]
        slack = 1e-5 if levels is None else 0.5 / max(1, len(levels) - 1) + 1e-5
        for i in np.flatnonzero(distance > slack):
            findings.wrong("raw value", f"{rows.name(i)}: {name} {raw[i]} is not the encoded value")


# --- verdicts by brute force ----------------------------------------------------------------


def judge(rows: Rows, model: Model, space: Space, k: float, loss: str, findings: Findings) -> None:
    """Runs every counterpart of every row and compares with what is stored."""
    keys = np.column_stack([rows.encoded.view(np.int32), rows.loss_label.astype(np.int32)])
    keys = np.ascontiguousarray(keys).view(np.dtype((np.void, keys.shape[1] * 4)))[:, 0]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    distinct, labels = rows.encoded[first], rows.loss_label[first]
    findings.looked_at["stored rows"] += len(rows)
    findings.looked_at["distinct"] += len(distinct)

    own = model.logits(distinct)
    classes = len(space.classes)
    if own.shape[1] != classes or not np.isin(rows.label, np.arange(classes)).all():
        raise ValueError(f"{rows.file}: logits or labels are not of {classes} classes")
    own_prediction, own_gap = own.argmax(-1), gap(own)
    prediction = own_prediction[inverse]
    for i in np.flatnonzero(prediction != rows.prediction):
        logits = own[inverse[i]]
        if 0 <= rows.prediction[i] < len(logits) and (
            logits.max() - logits[rows.prediction[i]] < NEAR_TIE
        ):
            findings.near_ties["prediction"] += 1
            prediction[i] = rows.prediction[i]
        else:
            findings.wrong("prediction", f"{rows.name(i)}: {rows.prediction[i]}, found {logits}")
    losses = loss_of(own, labels, loss)[inverse]
    for i in np.flatnonzero(~(np.abs(losses - rows.loss) <= LOSS_SLACK * (1 + np.abs(losses)))):
        findings.wrong("loss", f"{rows.name(i)}: {rows.loss[i]}, found {losses[i]}")

    product, columns = space.product, space.sensitive
    fair = np.zeros(len(rows), bool)
    order = np.argsort(inverse, kind="stable")
    ends = np.searchsorted(inverse[order], np.arange(len(distinct) + 1))
    block = max(1, BATCH // len(product))
    for start in range(0, len(distinct), block):
        these = slice(start, min(start + block, len(distinct)))
        x = distinct[these]
        u = np.repeat(x[:, None], len(product), axis=1)
        u[:, :, columns] = product
        logits = model.logits(u.reshape(-1, u.shape[2])).reshape(*u.shape[:2], -1)
        itself = (product == x[:, None, columns]).all(-1)
        predictions = logits.argmax(-1)
        differs = (predictions != own_prediction[these, None]) & ~itself
        unsure = (gap(logits) < NEAR_TIE) | (own_gap[these] < NEAR_TIE)[:, None]
        if k > 0:
            distance = ((u.astype(np.float64) - x[:, None]) ** 2).mean(-1)
            allowed = k * distance < 1
            differs &= allowed
            borderline = np.abs(k * distance - 1) < 1e-6
            unsure = (unsure & allowed) | borderline
        unsure &= ~itself
        counterpart_labels = np.repeat(labels[these, None], len(product), axis=1)
        counterpart_losses = loss_of(logits, counterpart_labels, loss)

        stored = order[ends[these.start] : ends[these.stop]]
        local = inverse[stored] - start
        fair[stored] = ~differs.any(-1)[local]
        position = np.where(fair[stored], -1, differs.argmax(-1)[local])
        wrong = (fair[stored] != rows.fair[stored]) | (position != rows.position[stored])
        for at in np.flatnonzero(wrong):
            settle_counterpart(
                rows, stored[at], fair, differs[local[at]], unsure[local[at]], findings
            )
        compare_named(rows, stored, local, logits, predictions, findings)
        compare_counterpart_losses(rows, stored, local, counterpart_losses, itself, findings)
        compare_bins(rows, stored, local, logits, counterpart_labels, itself, own[these], findings)

    rows.found_accurate, rows.found_fair = prediction == rows.label, fair
    rows.cell = np.where(fair, TF, TB) + np.where(rows.found_accurate, 0, FF)
    for i in np.flatnonzero(rows.found_accurate != rows.accurate):
        findings.wrong("accurate", f"{rows.name(i)}: {rows.accurate[i]}")
    for i in np.flatnonzero(rows.cell != rows.verdict):
        found = VERDICTS[rows.cell[i]]
        findings.wrong("verdict", f"{rows.name(i)}: {VERDICTS[rows.verdict[i]]}, found {found}")


def consensus(x: np.ndarray, model: Model, space: Space) -> np.ndarray:
    """The majority prediction over the counterparts of each row, ties to the lowest class."""
    product = space.product
    labels = []
    for row in x:
        u = np.repeat(row[None], len(product), axis=0)
        u[:, space.sensitive] = product
        if not (product == row[space.sensitive]).all(-1).any():
            u = np.concatenate([u, row[None]])
        labels.append(np.bincount(model.logits(u).argmax(-1)).argmax())
    return np.array(labels)


def settle_counterpart(
    rows: Rows,
    i: int,
    fair: np.ndarray,
    differs: np.ndarray,
    unsure: np.ndarray,
    findings: Findings,
) -> None:
    """A stored fairness or counterpart that differs: a near-tie, or wrong."""
    named = rows.position[i]
    certain = differs & ~unsure
    found = f"found {'fair' if fair[i] else f'counterpart {differs.argmax()}'}"
    stored = f"{'fair' if rows.fair[i] else 'biased'} with counterpart {named}"
    if rows.fair[i] != fair[i]:
        possible = not certain.any() if rows.fair[i] else (differs | unsure).any()
        if not possible:
            findings.wrong("fair", f"{rows.name(i)}: {stored}, {found}")
            return
    if rows.fair[i]:
        possible = named < 0
    else:
        possible = named >= 0 and (differs | unsure)[named] and not certain[:named].any()
    if not possible:
        findings.wrong("counterpart", f"{rows.name(i)}: {stored}, {found}")
        return
    findings.near_ties["fair" if rows.fair[i] != fair[i] else "counterpart"] += 1
    fair[i] = rows.fair[i]


def compare_named(
    rows: Rows,
    stored: np.ndarray,
    local: np.ndarray,
    logits: np.ndarray,
    predictions: np.ndarray,
    findings: Findings,
) -> None:
    """The class given for the named counterpart is that counterpart's."""
    given, named = rows.counterpart_prediction[stored], rows.position[stored]
    found = np.where(named >= 0, predictions[local, named], np.nan)
    for at in np.flatnonzero((given != found) & ~(np.isnan(given) & np.isnan(found))):
        scores = logits[local[at], named[at]]
        if not np.isnan(given[at] + found[at]) and scores.max() - scores[int(given[at])] < NEAR_TIE:
            findings.near_ties["counterpart_prediction"] += 1
        else:
            findings.wrong(
                "counterpart_prediction",
                f"{rows.name(stored[at])}: {given[at]}, found {found[at]}",
            )


def compare_counterpart_losses(
    rows: Rows,
    stored: np.ndarray,
    local: np.ndarray,
    losses: np.ndarray,
    itself: np.ndarray,
    findings: Findings,
) -> None:
    """Some counterpart other than the row itself has the stored loss of the chosen counterpart."""
    given = rows.counterpart_loss[stored]
    distance = np.abs(np.where(itself, np.inf, losses)[local] - given[:, None]).min(-1)
    # other attacks choose no counterpart; a repair always does
    repair = rows.file == "repaired.parquet"
    compares = np.isin([base(name) for name in rows.attack[stored]], MEMBERS) | repair
    compares &= rows.file != "curve.parquet"  # of which only verdicts are kept
    # what a cascade left right and equal is not repaired
    witness = np.isin([base(name) for name in rows.attack[stored]], WITNESSES)
    compares &= ~(repair & witness & (rows.verdict[stored] == TF) & np.isnan(given))
    alone = itself.all(-1)[local] | ~compares
    bad = np.where(alone, ~np.isnan(given), ~(distance <= LOSS_SLACK * (1 + np.abs(given))))
    for at in np.flatnonzero(bad):
        findings.wrong(
            "counterpart_loss",
            f"{rows.name(stored[at])}: {given[at]}, {distance[at]} from the nearest counterpart's",
        )


def base(attack: str) -> str:
    """An attack's name without its options."""
    return attack.removeprefix(TWIN).partition(":")[0]


def width_of(attack: str) -> float:
    """The width of a bin, which an attack's name may say."""
    options = dict(part.split("=") for part in attack.partition(":")[2].split(",") if part)
    return float(options.get("width", BIN_WIDTH))


def compare_bins(
    rows: Rows,
    stored: np.ndarray,
    local: np.ndarray,
    logits: np.ndarray,
    labels: np.ndarray,
    itself: np.ndarray,
    own: np.ndarray,
    findings: Findings,
) -> None:
    """The bins that counterparts' probabilities of the true class fall into, and their entropy."""
    counted = np.flatnonzero(np.isin([base(name) for name in rows.attack[stored]], COUNTS_BINS))
    if rows.file == "repaired.parquet":
        counted = counted[:0]
    rest = np.delete(np.arange(len(stored)), counted)
    for at in rest[~np.isnan(rows.bins[stored[rest]] + rows.entropy_bits[stored[rest]])]:
        findings.wrong("bins", f"{rows.name(stored[at])}: counted, but no attack there counts bins")
    for at in counted:
        width = width_of(rows.attack[stored[at]])
        n_bins = math.ceil(round(1 / width, 9))
        i, here = stored[at], local[at]
        margins = margin(logits[here], labels[here])
        if not itself[here].any():  # its own sensitive values are new: it is one more
            margins = np.append(margins, margin(own[here][None], labels[here][:1]))
        places = 1 / (1 + np.exp(np.clip(margins, -700, 700))) / width
        counts = np.bincount(np.minimum(np.floor(places + 1e-9).astype(int), n_bins - 1))
        shares = counts[counts > 0] / counts.sum()
        entropy = float(-(shares * np.log2(shares)).sum())
        edge = np.abs(places - np.round(places)) < 1e-3
        # a probability within rounding of an edge may have been counted on its other side
        off, slack = abs(len(shares) - rows.bins[i]), 2 * edge.sum() * np.log2(len(places) + 1)
        close = abs(entropy - rows.entropy_bits[i]) <= 1e-9 + slack / len(places)
        if not (off <= edge.sum() and close):
            findings.wrong(
                "bins",
                f"{rows.name(i)}: {rows.bins[i]} bins, {rows.entropy_bits[i]} bits, found "
                f"{len(shares)}, {entropy}",
            )
        elif off or abs(entropy - rows.entropy_bits[i]) > 1e-9:
            findings.near_ties["bins"] += 1
        findings.looked_at["bins"] += 1


# --- rates ----------------------------------------------------------------------------------


def wilson(count: float, n: int) -> tuple[float, float]:
    z = statistics.NormalDist().inv_cdf(0.975)
    share = count / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (middle - half) / scale, (middle + half) / scale
    return (0.0 if count == 0 else low), (1.0 if count == n else high)


@functools.lru_cache(maxsize=4)  # a run asks again and again for those of all its instances
def drawn(n: int, seed: int) -> np.ndarray:
    """How often a bootstrap draws each of `n` instances; shape `(4_000, n)`."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=4_000)


class Rates:
    """Compares rates with those of audit.json, and remembers which were compared."""

    def __init__(self, audit: dict, findings: Findings) -> None:
        self.audit, self.findings = audit, findings
        self.seen: set[str] = set()

    def at(self, path: str) -> object:
        here, name = self.audit, ""
        for part in path.split("."):
            name += part  # options in an attack's name may hold a dot
            if isinstance(here, dict) and name in here:
                here, name = here[name], ""
            else:
                name += "."
        return None if name else here

    def compare(self, path: str, hits: np.ndarray) -> None:
        """A share of instances, with its Wilson interval; `hits` has one entry per instance."""
        count, n = int(np.sum(hits)), len(hits)
        rate = self.number(path, count, n)
        if rate is not None and n:
            for end, expected in zip(("low", "high"), wilson(count, n), strict=True):
                self.findings.expect(
                    abs(rate[end] - expected) <= 1e-9,
                    "interval",
                    f"{path}.{end}: {rate[end]}, found {expected}",
                )

    def compare_pooled(self, path: str, hits: np.ndarray) -> None:
        """A share of iterates, with a bootstrap over instances; `hits` is instances × steps."""
        rate = self.number(path, int(hits.sum()), hits.size)
        if rate is None or not hits.size:
            return
        shares = hits.mean(axis=1)
        n = len(shares)
        if np.ptp(shares) == 0:  # nothing to bootstrap: Wilson's, over the instances
            expected, slack = wilson(shares[0] * n, n), 1e-9
        else:
            draws = drawn(n, 0)
            # Quantiles of few instances are coarse: one more or less may move them by 1 / n.
            expected, slack = np.quantile(draws @ shares / n, [0.025, 0.975]), 0.03 + 1 / n
        for end, mine in zip(("low", "high"), expected, strict=True):
            self.findings.expect(
                abs(rate[end] - mine) <= slack,
                "interval",
                f"{path}.{end}: {rate[end]}, found {mine}",
            )
        self.findings.expect(
            rate["low"] - 1e-12 <= rate["value"] <= rate["high"] + 1e-12,
            "interval",
            f"{path}: {rate['value']} is not in {rate['low']}–{rate['high']}",
        )

    def compare_mean(self, path: str, values: np.ndarray) -> None:
        """A mean over instances, with its standard deviation and a bootstrap interval."""
        self.seen.add(path)
        self.findings.looked_at["means"] += 1
        stored, n = self.at(path), len(values)
        if not isinstance(stored, dict):
            self.findings.wrong("mean", f"{path}: {stored}, found {values.mean()}")
            return
        draws = drawn(n, 1)
        ends = np.quantile(draws @ values / n, [0.025, 0.975])
        spread = values.std(ddof=1) if n > 1 else 0.0
        close = (
            abs(stored["value"] - values.mean()) <= 1e-9
            and stored["n"] == n
            and abs((stored["sd"] or 0.0) - spread) <= 1e-9
            and np.allclose([stored["low"], stored["high"]], ends, rtol=0, atol=0.2 * spread + 1e-9)
        )
        self.findings.expect(close, "mean", f"{path}: {stored}, found {values.mean()}, {ends}")

    def number(self, path: str, count: int, n: int) -> dict | None:
        self.seen.add(path)
        self.findings.looked_at["rates"] += 1
        rate = self.at(path)
        if not isinstance(rate, dict):
            if n or rate is not None or self.at(path.rpartition(".")[0]) is None:
                self.findings.wrong("rate", f"{path}: {rate}, found {count} of {n}")
            return None
        value = count / n if n else None
        stored = rate.get("value")
        same = stored is value if value is None or stored is None else abs(stored - value) <= 1e-12
        if not n:
            same = same and rate.get("low") is None and rate.get("high") is None
        self.findings.expect(
            same and rate.get("count") == count and rate.get("n") == n,
            "rate",
            f"{path}: {rate}, found {count} of {n}",
        )
        return rate

    def summary(self, path: str, accurate: np.ndarray, fair: np.ndarray, cell: np.ndarray) -> None:
        """The seven rates of a set of verdicts, pooled if they are instances × steps."""
        compare = self.compare_pooled if cell.ndim == 2 else self.compare
        compare(f"{path}.accuracy", accurate)
        compare(f"{path}.individual_fairness", fair)
        compare(f"{path}.accurate_fairness", cell == TF)
        for code, name in enumerate(VERDICTS):
            compare(f"{path}.{name.replace(' ', '_')}", cell == code)
        count = self.at(f"{path}.n")
        if path == "clean" or count is not None:
            self.findings.expect(count == cell.size, "rate", f"{path}.n: {count}, not {cell.size}")

    def all_compared(self) -> None:
        """No rate of audit.json was left out."""

        def walk(here: object, path: str) -> None:
            if not isinstance(here, dict):
                return
            if {"value", "sd", "n", "low", "high"} <= set(here):
                self.findings.expect(path in self.seen, "mean", f"{path}: not compared")
                return
            if {"value", "count", "n", "low", "high"} <= set(here):
                if path not in self.seen | NOT_REDERIVED:
                    self.findings.wrong("rate", f"{path}: nothing here says where it comes from")
                elif path in NOT_REDERIVED:
                    self.number(path, here["count"], here["n"])
                    if here["n"]:
                        ends = wilson(here["count"], here["n"])
                        close = np.allclose([here["low"], here["high"]], ends, atol=1e-9, rtol=0)
                        self.findings.expect(close, "interval", f"{path}: {here}, found {ends}")
                return
            for name, value in here.items():
                walk(value, f"{path}.{name}" if path else name)

        by_group = ("groups", "gaps")  # compared key by key elsewhere
        told = {name: part for name, part in self.audit.items() if name not in by_group}
        curve = {e: {"robust": point["robust"]} for e, point in told.get("curve", {}).items()}
        walk({**told, "curve": curve}, "")


def check_order(rates: Rates, path: str, clean: dict[str, np.ndarray]) -> None:
    """Robust rates obey their inequalities, as stored."""
    stored = {
        name: rates.at(f"{path}.robust.{name}.count")
        for name in ("accuracy", "individual_fairness", "accurate_fairness")
    }
    if None in stored.values():
        return
    for name, count in stored.items():
        rates.findings.expect(
            count <= int(clean[name].sum()), "order", f"{path}.robust.{name} exceeds clean"
        )
    rates.findings.expect(
        stored["accurate_fairness"] <= min(stored["accuracy"], stored["individual_fairness"]),
        "order",
        f"{path}.robust.accurate_fairness exceeds another robust rate",
    )


# --- groups ---------------------------------------------------------------------------------

MEASURES = ("accuracy", "individual_fairness", "accurate_fairness")
LEAST_COMPARED = 30  # groups with fewer instances have no part in a gap


def newcombe(more: dict, less: dict) -> tuple[float, float]:
    """The interval of a difference of two rates, from the Wilson intervals of both."""
    difference = more["value"] - less["value"]
    down = math.hypot(more["value"] - more["low"], less["high"] - less["value"])
    up = math.hypot(more["high"] - more["value"], less["value"] - less["low"])
    return difference - down, difference + up


def written(number: float, spec: dict) -> str:
    """A number as the names of groups have it."""
    span = max(spec["maximum"] - spec["minimum"], 1e-12)
    decimals = min(max(2 - math.floor(math.log10(span)), 0), 6)
    text = f"{number:,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text == "-0":
        text = "0"
    return text if float(text.replace(",", "")) == number else f"{number:,.12g}"


def told_apart(names: list[str]) -> list[str]:
    """A name that is taken gets (2), (3), ... until it is free."""
    free: list[str] = []
    for name in names:
        tries = itertools.chain([name], (f"{name} ({k})" for k in itertools.count(2)))
        free.append(next(one for one in tries if one not in free))
    return free


def name_of_band(edges: list[float], i: int, spec: dict) -> str:
    """Of the band above edge i; -1 is the one below all."""
    if i < 0:
        return f"below {written(edges[0], spec)}"
    low = written(edges[i], spec)
    if i == len(edges) - 1:
        return f"{low} and over"
    if spec["kind"] != "integer" or any(edge % 1 for edge in edges):
        return f"{low} up to {written(edges[i + 1], spec)}"
    last = written(edges[i + 1] - 1, spec)
    return low if last == low else f"{low} to {last}"


def members_by_group(
    name: str, space: Space, edges: list | None, codes: np.ndarray, raw: list
) -> dict[str, np.ndarray]:
    """For every group of one feature, which instances are in it."""
    spec = space.schema[name]
    missing = (codes == -1) & bool(spec.get("missing"))
    if spec["levels"] is not None:
        places = np.round(codes * max(1, len(spec["levels"]) - 1))
        names = [str(level) for level in spec["levels"]]
        each = [(places == i) & ~missing for i in range(len(names))]
    elif edges is not None:
        first = -1 if edges[0] > spec["minimum"] else 0
        band = [max(first, sum(v >= e for e in edges) - 1) if v is not None else None for v in raw]
        names = [name_of_band(edges, i, spec) for i in range(first, len(edges))]
        each = [np.array([b == i for b in band]) & ~missing for i in range(first, len(edges))]
    else:
        values = {np.float32(space.encode(name, value)): value for value in spec["domain"]}
        names = [written(values[code], spec) for code in sorted(values)]
        each = [codes == code for code in sorted(values)]
        strange = ~np.any(each, axis=0) & ~missing
        if strange.any():
            names, each = [*names, "other values"], [*each, strange]
    if missing.any():
        names, each = [*names, "missing"], [*each, missing]
    return dict(zip(told_apart(names), each, strict=True))


def all_groups(space: Space, bands: dict, rows: Rows, start: np.ndarray, table) -> dict:
    """The groups of each sensitive feature, then of each pair, with who is in them."""
    single = {}
    for name in space.domains:
        codes = rows.encoded[start, space.features.index(name)]
        every = table.column(f"raw.{name}").to_pylist()
        single[name] = members_by_group(
            name, space, bands.get(name), codes, [every[i] for i in start]
        )
    found = list(single.values())
    keys = list(single)
    for one, other in itertools.combinations(single, 2):
        both = {
            (a, b): who & whom
            for (a, who), (b, whom) in itertools.product(single[one].items(), single[other].items())
            if (who & whom).any()
        }
        keys.append(f"{one} × {other}")
        names = told_apart([f"{a} × {b}" for a, b in both])
        found.append(dict(zip(names, both.values(), strict=True)))
    return dict(zip(told_apart(keys), found, strict=True))


def rate_of(hits: np.ndarray) -> dict | None:
    if not len(hits):
        return None
    count, n = int(hits.sum()), len(hits)
    low, high = wilson(count, n)
    return {"value": count / n, "count": count, "n": n, "low": low, "high": high}


def gap_between(rates: dict[str, dict | None]) -> dict | None:
    """The largest difference; of equals the first."""
    enough = {k: rate for k, rate in rates.items() if rate and rate["n"] >= LEAST_COMPARED}
    if len(enough) < 2:
        return None
    values = {k: rate["value"] for k, rate in enough.items()}
    lowest = next(k for k in values if values[k] == min(values.values()))
    rest = {k: value for k, value in values.items() if k != lowest}
    highest = next(k for k in rest if rest[k] == max(rest.values()))
    low, high = newcombe(enough[highest], enough[lowest])
    return {
        "value": values[highest] - values[lowest],
        "low": low,
        "high": high,
        "lowest": lowest,
        "highest": highest,
        "n_lowest": enough[lowest]["n"],
        "n_highest": enough[highest]["n"],
    }


def check_groups(
    audit: dict,
    rows: Rows,
    start: np.ndarray,
    folder: Path,
    space: Space,
    held: dict,
    findings,
    budget: str | None = None,
) -> None:
    """`groups` and `gaps`, every key of them; `held`: per attack ("" for clean) and measure.

    Those of all instances, or of the smaller budget of this key.
    """
    config = audit["config"]
    if not {"groups", "gaps"} & set(audit) and "bands" not in config:
        return  # made before there were groups
    if not findings.expect("bands" in config, "bands", "config.bands: not there"):
        return
    numbers = [name for name in space.domains if space.schema[name]["levels"] is None]
    for name, edges in config["bands"].items():
        low, high = (space.schema.get(name, {}).get(end) for end in ("minimum", "maximum"))
        good = name in numbers and edges and edges == sorted(set(edges))
        good = good and low <= edges[0] and edges[-1] <= high
        if not findings.expect(good, "bands", f"{name}: {edges}"):
            return
    table = pq.read_table(folder / rows.file)
    groups, gaps = {}, {}
    for key, members in all_groups(space, config["bands"], rows, start, table).items():
        rates = {
            attack: {m: {g: rate_of(hits[who]) for g, who in members.items()} for m, hits in of}
            for attack, of in ((attack, hits.items()) for attack, hits in held.items())
        }
        groups[key] = {
            g: {
                "n": int(who.sum()),
                "clean": {m: rates[""][m][g] for m in MEASURES},
                "robust": {a: {m: rates[a][m][g] for m in MEASURES} for a in held if a},
            }
            for g, who in members.items()
        }
        gaps[key] = {
            "clean": {m: gap_between(rates[""][m]) for m in MEASURES},
            "robust": {a: {m: gap_between(rates[a][m]) for m in MEASURES} for a in held if a},
        }
    for section, mine in (("groups", groups), ("gaps", gaps)):
        told = audit if budget is None else audit["curve"][budget]
        compare_sections(section, told.get(section), mine, section.rstrip("s"), findings)


def compare_sections(path: str, said: object, mine: object, kind: str, findings: Findings) -> None:
    """Two nested dictionaries, key by key; none may be missing, nor one too many."""
    if isinstance(said, dict) and isinstance(mine, dict):
        for key in dict.fromkeys([*mine, *said]):
            if key in said and key in mine:
                compare_sections(f"{path}.{key}", said[key], mine[key], kind, findings)
            else:
                where = "audit.json" if key in said else "the files"
                findings.wrong(kind, f"{path}: {key!r} is only in {where}")
        return
    findings.looked_at["figures of groups"] += 1
    if isinstance(said, int | float) and isinstance(mine, int | float):
        slack = 1e-9 if isinstance(mine, float) else 0
        findings.expect(abs(said - mine) <= slack, kind, f"{path}: {said}, found {mine}")
    else:
        findings.expect(said == mine, kind, f"{path}: {said!r}, found {mine!r}")


# --- trajectories ---------------------------------------------------------------------------


def arrange(rows: Rows, attack: str, steps: int, findings: Findings) -> np.ndarray | None:
    """Places of an attack's rows as instances × (steps + 1), or None if they are not that."""
    mine = np.flatnonzero(rows.attack == attack)
    mine = mine[np.lexsort((rows.step[mine], rows.instance[mine]))]
    instances, counts = np.unique(rows.instance[mine], return_counts=True)
    whole = len(mine) == len(instances) * (steps + 1) and (counts == steps + 1).all()
    if whole:
        table = mine.reshape(-1, steps + 1)
        whole = (rows.step[table] == np.arange(steps + 1)).all()
    if not findings.expect(
        whole and len(mine), "trajectory", f"{attack}: not {steps + 1} rows for every instance"
    ):
        return None
    for at in np.flatnonzero((rows.label[table] != rows.label[table[:, :1]]).any(1)):
        findings.wrong("trajectory", f"{attack} instance {instances[at]}: its label changes")
    return table


def inside(
    space: Space, rows: Rows, at: np.ndarray, centre: np.ndarray, findings: Findings
) -> None:
    """Rows lie in the perturbation set around their centre.

    Levels that feasible perturbations change have no distance: no epsilon bounds them.
    """
    x = rows.encoded[at]
    nominal = np.array(
        [space.schema[name]["kind"] in ("categorical", "boolean") for name in space.features]
    )
    twins = np.array([space.feasible or name.startswith(TWIN) for name in rows.attack[at]], bool)
    unbounded = twins[:, None] & nominal
    distance = np.abs(x.astype(np.float64) - centre.astype(np.float64))
    missing = space.may_miss & (centre == -1)
    for kind, bad in {
        "epsilon": (distance > space.epsilon + BOX_SLACK) & ~space.frozen & ~unbounded,
        "frozen feature": (x.view(np.int32) != centre.view(np.int32)) & space.frozen,
        "missing value": missing & (x != -1),
        "range": ((x < 0) | (x > 1) | ~np.isfinite(x)) & ~missing,
    }.items():
        for row, column in np.argwhere(bad):
            findings.wrong(
                kind,
                f"{rows.name(at[row])}: {space.features[column]} is {x[row, column]}, "
                f"from {centre[row, column]}",
            )


def check_trajectories(
    rows: Rows, tables: dict[str, np.ndarray], space: Space, findings: Findings
) -> bool:
    """Iterates lie in the perturbation set; says whether all attacks share their clean rows."""
    shared = next(iter(tables.values()))[:, 0]
    for attack, table in tables.items():
        start = table[:, 0]
        same = len(start) == len(shared) and (
            np.array_equal(rows.instance[start], rows.instance[shared])
            and np.array_equal(rows.label[start], rows.label[shared])
            and np.array_equal(rows.encoded[start], rows.encoded[shared])
            and np.array_equal(rows.verdict[start], rows.verdict[shared])
        )
        if not findings.expect(same, "trajectory", f"{attack}: its clean rows are not the others'"):
            return False
        for step in range(table.shape[1]):
            inside(space, rows, table[:, step], rows.encoded[start], findings)
        if attack in DIRECTIONS and not space.feasible:
            moves = np.abs(np.diff(rows.encoded[table].astype(np.float64), axis=1))
            for s, t, column in np.argwhere(moves > space.step_size + BOX_SLACK):
                findings.wrong(
                    "step size",
                    f"{rows.name(table[s, t + 1])}: {space.features[column]} moves by "
                    f"{moves[s, t, column]}",
                )
    return True


# --- gradients, by finite differences ---------------------------------------------------------


@dataclass
class Gradient:
    """The margin's gradient as finite differences show it: certain entries, and bounds."""

    entries: np.ndarray  # NaN where a kink of the network lies within reach
    size: np.ndarray  # the largest slope seen, on either side
    noise: np.ndarray
    moves: np.ndarray  # does the margin change at all?
    margin: np.ndarray

    @property
    def signs(self) -> np.ndarray:
        """Signs beyond doubt, else 0."""
        sure = np.abs(np.nan_to_num(self.entries)) > 3 * self.noise
        return np.where(sure, np.sign(np.nan_to_num(self.entries)), 0).astype(int)

    @property
    def norms(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the most that the sum of the absolute entries can be."""
        known = ~np.isnan(self.entries)
        absolute = np.abs(np.nan_to_num(self.entries))
        least = np.where(known, np.maximum(absolute - self.noise, 0), 0)
        most = np.where(known, absolute, 2 * self.size) + self.noise
        return least.sum(-1), most.sum(-1)


def gradient(model: Model, x: np.ndarray, labels: np.ndarray) -> Gradient:
    """Slopes over two distances to either side; an entry is certain where all four agree."""
    n, d = x.shape
    each, count = np.arange(d), 4 * d
    reach = np.array([5e-4, -5e-4, 1.25e-4, -1.25e-4], np.float32)
    points = np.repeat(x[:, None], count + 1, axis=1)
    for k, h in enumerate(reach):
        points[:, k * d + each, each] += h
    logits = model.logits(points.reshape(-1, d)).reshape(n, count + 1, -1)
    m = margin(logits, np.repeat(labels[:, None], count + 1, axis=1))
    # What was added after rounding, for the slope's denominator.
    added = (points[:, :count].astype(np.float64) - x[:, None]).reshape(n, 4, d, d)
    added = np.diagonal(added, axis1=2, axis2=3)
    slopes = (m[:, :count] - m[:, count:]).reshape(n, 4, d) / added
    size = np.abs(slopes).max(1)
    noise = 2e-6 * (1 + np.abs(logits).max((1, 2)))[:, None] / np.abs(reach).min()
    linear = np.ptp(slopes, axis=1) <= noise + 0.01 * size
    # The farther pair is the less noisy one.
    entries = np.where(linear, slopes[:, :2].mean(1), np.nan)
    return Gradient(entries, size, noise, (slopes != 0).any((1, 2)), m[:, -1])


def check_zero_gradient(rows: Rows, start: np.ndarray, model: Model, findings: Findings) -> None:
    """A gradient said to be zero shows no slope; one said not to be makes the logits move."""
    said = rows.zero_gradient[start]
    found = gradient(model, rows.encoded[start], rows.label[start])
    steep = (found.signs != 0).any(1)
    for at in np.flatnonzero(((said == 1) & steep) | ((said == 0) & ~found.moves)):
        findings.wrong(
            "zero_gradient", f"{rows.name(start[at])}: {said[at]}, slopes {found.size[at]}"
        )
    findings.looked_at["clean gradients"] += len(start)


def check_directions(
    rows: Rows,
    tables: dict[str, np.ndarray],
    model: Model,
    space: Space,
    config: dict,
    findings: Findings,
    sample: int = 12,
) -> None:
    """On a few steps: the chosen counterpart has the largest gradient, and the move is the goal's.

    Only what finite differences show beyond doubt is compared.
    """
    product, columns = space.product, space.sensitive
    several = config["loss"] == "mse" and model.logits(rows.encoded[:1]).shape[1] > 2
    if config.get("perturb_sensitive") or several or len(product) == 1:
        return
    for attack in sorted(set() if space.feasible else set(tables) & set(DIRECTIONS)):
        table = tables[attack]
        places = np.linspace(0, table[:, :-1].size - 1, sample).round().astype(int)
        for place in places:
            s, t = divmod(int(place), table.shape[1] - 1)
            i, after, start = table[s, t], table[s, t + 1], table[s, 0]
            x, label = rows.encoded[i], rows.label[i]
            u = np.repeat(x[None], len(product), axis=0)
            u[:, columns] = product
            u = u[~(product == x[columns]).all(-1)]
            labels = np.full(len(u), label)
            theirs = gradient(model, u, labels)
            weight = {
                "cross-entropy": log_sigmoid(theirs.margin),
                "mse": 2 * log_sigmoid(theirs.margin) + log_sigmoid(-theirs.margin),
                "margin": np.zeros(len(u)),
            }[config["loss"]]
            least, most = (weight + np.log(norm + 1e-30) for norm in theirs.norms)
            losses = loss_of(model.logits(u), labels, config["loss"])
            given = rows.counterpart_loss[i]
            chosen = np.abs(losses - given) <= 2e-5 * (1 + abs(given))
            if not paid_for(rows, table[s], t, len(u) + 1, config):
                same = np.array_equal(rows.encoded[after], x)
                findings.expect(same, "budget", f"{rows.name(after)}: moved beyond its budget")
                findings.looked_at["steps followed"] += 1
                continue
            if not chosen.any():
                continue  # reported by compare_counterpart_losses
            best = most >= least.max() - 0.01
            findings.looked_at["steps followed"] += 1
            if not (chosen & best).any():
                findings.wrong(
                    "chosen counterpart",
                    f"{rows.name(i)}: loss {given} belongs to a score of at most "
                    f"{most[chosen].max()}, that with loss {losses[least.argmax()]} has at least "
                    f"{least.max()}",
                )
                continue
            chosen &= best
            signs = theirs.signs[chosen]
            signs = np.where((signs == signs[:1]).all(0), signs[0], 0)
            mine = gradient(model, x[None], labels[:1]).signs[0]
            wanted, sign = DIRECTIONS[attack]
            direction = np.where(mine * signs == wanted, sign * mine, 0)
            low = np.maximum(0, rows.encoded[start] - space.epsilon)
            high = np.minimum(1, rows.encoded[start] + space.epsilon)
            expected = np.clip(x + space.step_size * direction, low, high)
            compared = (mine * signs != 0) & ~space.frozen & (x >= 0)
            off = compared & (np.abs(rows.encoded[after] - expected) > 2 * BOX_SLACK)
            for column in np.flatnonzero(off):
                findings.wrong(
                    "direction",
                    f"{rows.name(after)}: {space.features[column]} {rows.encoded[after, column]}, "
                    f"expected {expected[column]} from {x[column]} (signs {mine[column]}, "
                    f"{signs[column]})",
                )
            findings.looked_at["moves"] += int(compared.sum())


def paid_for(rows: Rows, path: np.ndarray, step: int, counterparts: int, config: dict) -> bool:
    """Whether the budget paid for looks at the clean row and at every row it moved to."""
    limit = config.get("max_gradient_rows")
    encoded = rows.encoded[path[: step + 1]]
    looks = 1 + int((encoded[1:] != encoded[:-1]).any(axis=1).sum())
    return limit is None or looks * counterparts <= limit


# --- the whole ------------------------------------------------------------------------------


def needed(audit: dict) -> list[str]:
    repaired = ["repaired.parquet"] if audit["repairs"] else []
    whole = ["verdicts.parquet"] if "whole" in audit else []
    curve = ["curve.parquet"] if "curve" in audit else []
    certified = ["certificates.parquet"] if "certified" in audit else []
    return ["adversarial.parquet", *curve, *repaired, *whole, *certified, "model.onnx"]


def description_of(folder: Path) -> dict:
    """What model.json says, of a network that rafair trained."""
    path = folder / "model.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def check_files(folder: Path, audit: dict, findings: Findings) -> None:
    listed = audit["files"]
    for name in needed(audit):
        findings.expect(name in listed, "file", f"{name} is not in audit.json's files")
    for name, expected in listed.items():
        path = folder / name
        if not findings.expect(path.is_file(), "file", f"{name} is listed but missing"):
            continue
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        findings.expect(found == expected, "file", f"{name}: sha256 {found}, not {expected}")
    weights = listed.get("model.safetensors")
    if weights is not None:
        description = description_of(folder)
        # what is wrapped has a hash of its own, of the weights and the wrapper
        stored = audit["model"]["sha256"] if not description.get("wrapper") else weights
        findings.expect(
            stored == weights == description.get("sha256", weights),
            "file",
            "model.sha256 is not model.safetensors'",
        )


def check_whole(rates: Rates, rows: Rows, start: np.ndarray, folder: Path, n: int) -> None:
    """The verdicts of all rows of a file, whose features are not in the folder."""
    findings, table = rates.findings, pq.read_table(folder / "verdicts.parquet")
    column = {name: table[name].to_numpy() for name in ("instance", "label", "prediction")}
    accurate, fair = (table[name].to_numpy() for name in ("accurate", "fair"))
    cell = np.array([VERDICTS.index(name) for name in table["verdict"].to_pylist()])
    other = table["counterpart_prediction"].to_numpy()
    checks = {
        "instance is not the row's number": np.array_equal(column["instance"], np.arange(n)),
        "accurate": np.array_equal(accurate, column["label"] == column["prediction"]),
        "verdict": np.array_equal(cell, 2 * ~accurate + ~fair),
        "counterpart_prediction of fair rows": np.isnan(other[fair]).all(),
        "counterpart_prediction of others": (other != column["prediction"])[~fair].all(),
        "loss": (table["loss"].to_numpy() >= 0).all(),
    }
    for name in (name for name in table.column_names if name.startswith("counterpart.")):
        checks[name] = np.array_equal(table[name].is_null().to_numpy(), fair)
    for what, holds in checks.items():
        findings.expect(holds, "verdicts.parquet", f"{what}: not what it should be")
    here = rows.instance[start]
    for name, ours in (("label", rows.label), ("prediction", rows.prediction), ("fair", rows.fair)):
        theirs = table[name].to_numpy()[here]
        findings.expect(
            np.array_equal(ours[start], theirs),
            "verdicts.parquet",
            f"{name}: the sampled rows have others in {rows.file}",
        )
    rates.summary("whole", accurate, fair, cell)
    count = rates.at("whole.rows")
    findings.expect(count == n == len(cell), "rate", f"whole.rows: {count}, not {len(cell)}")
    findings.looked_at["verdicts"] += len(cell)


def check_attack(
    rates: Rates,
    rows: Rows,
    attack: str,
    table: np.ndarray,
    clean: dict[str, np.ndarray],
) -> np.ndarray:
    """Every rate of one attack; returns the places of its outcome rows.

    `clean`: which instances held as they came, and at every smaller budget.
    """
    path = f"attacks.{attack}"
    iterates = table[:, 1:]
    accurate, fair, cell = rows.found_accurate, rows.found_fair, rows.cell
    keeps_all = base(attack) not in WITNESSES
    if keeps_all:
        rates.summary(f"{path}.final", *(v[iterates[:, -1]] for v in (accurate, fair, cell)))
        rates.summary(f"{path}.iterates", *(v[iterates] for v in (accurate, fair, cell)))
    else:
        check_witnesses(rates, path, rows, table)
    reached = np.isin(cell[iterates], AFTER[base(attack)])
    when = np.where(reached.any(1), reached.argmax(1), iterates.shape[1] - 1)
    outcome = np.take_along_axis(iterates, when[:, None], 1)[:, 0]
    if keeps_all:
        rates.summary(f"{path}.outcome", accurate[outcome], fair[outcome], cell[outcome])
    compare_search(rates, path, rows, iterates, clean, exposed=keeps_all)
    said = rows.zero_gradient[table[:, 0]]
    rates.compare(f"{path}.zero_gradient", said[~np.isnan(said)] == 1)
    check_bits(rates, f"{path}.discrimination_bits", rows, table, outcome, attack)
    return outcome


def check_witnesses(rates: Rates, path: str, rows: Rows, table: np.ndarray) -> None:
    """A row that breaks accuracy, one that breaks fairness, and nothing else but the clean row."""
    for name in ("final", "iterates", "outcome", "exposed"):
        rates.findings.expect(rates.at(f"{path}.{name}") is None, "rate", f"{path} has {name}")
    for step, good in ((1, rows.found_accurate), (2, rows.found_fair)):
        mine, start = table[:, step], table[:, 0]
        still = (rows.encoded[mine] == rows.encoded[start]).all(axis=1)
        for at in mine[good[mine] & ~still]:
            rates.findings.wrong("witness", f"{rows.name(at)}: moved, and breaks nothing")
    for at in table[:, 3:].ravel():
        if not np.array_equal(rows.encoded[at], rows.encoded[at - 1]):
            rates.findings.wrong("witness", f"{rows.name(at)}: not that of the step before")


def check_bits(
    rates: Rates, path: str, rows: Rows, table: np.ndarray, outcome: np.ndarray, attack: str
) -> None:
    """Means of the stored entropies: clean rows, outcome rows, the largest of each instance."""
    if base(attack) not in COUNTS_BINS:
        rates.findings.expect(rates.at(path) is None, "bits", f"{path}: not expected")
        return
    said = rates.at(f"{path}.bin_width")
    rates.findings.expect(said == width_of(attack), "bits", f"{path}.bin_width: {said}")
    measures = {"min_entropy": np.log2(rows.bins), "shannon_entropy": rows.entropy_bits}
    for name, values in measures.items():
        moments = {
            "clean": values[table[:, 0]],
            "outcome": values[outcome],
            "largest": values[table].max(axis=1),
        }
        for moment, each in moments.items():
            rates.compare_mean(f"{path}.{moment}.{name}", each)


def compare_search(
    rates: Rates,
    path: str,
    rows: Rows,
    iterates: np.ndarray,
    clean: dict[str, np.ndarray],
    *,
    exposed: bool = True,
) -> None:
    """`robust` and, where all iterates are kept, `exposed` of pooled iterates."""
    for name, good in (
        ("accuracy", rows.found_accurate),
        ("individual_fairness", rows.found_fair),
        ("accurate_fairness", rows.cell == TF),
    ):
        rates.compare(f"{path}.robust.{name}", clean[name] & good[iterates].all(1))
    for name, code in (("true_biased", TB), ("false_fair", FF), ("false_biased", FB)):
        if exposed:
            rates.compare(f"{path}.exposed.{name}", (rows.cell[iterates] == code).any(1))
    check_order(rates, path, clean)


def check_union(
    rates: Rates,
    rows: Rows,
    tables: dict[str, np.ndarray],
    outcomes: dict[str, np.ndarray],
    clean: dict[str, np.ndarray],
    findings: Findings,
    union: str,
) -> np.ndarray:
    """Every rate of a union; returns which member's outcome row its repair starts from."""
    members = members_of(union)
    path = f"attacks.{union}"
    stored = rates.at(path)
    rows_of = [outcomes[name] for name in members]
    cells = np.stack([rows.cell[outcome] for outcome in rows_of])
    accurate = np.stack([rows.found_accurate[outcome] for outcome in rows_of]).all(0)
    fair = np.stack([rows.found_fair[outcome] for outcome in rows_of]).all(0)
    cell = np.full(cells.shape[1], TF)
    for code in (FB, FF, TB):
        cell[(cells == code).any(0)] = code
    rates.summary(f"{path}.outcome", accurate, fair, cell)
    pooled = np.concatenate([tables[name][:, 1:] for name in members], axis=1)
    compare_search(rates, path, rows, pooled, clean)
    said = rows.zero_gradient[tables[members[0]][:, 0]]
    rates.compare(f"{path}.zero_gradient", said[~np.isnan(said)] == 1)
    for name in ("final", "iterates"):
        findings.expect(name not in stored, "rate", f"{path} has {name}")
    for name in ("gradient_rows", "prediction_rows", "seconds"):
        total = sum(rates.at(f"attacks.{member}.{name}") for member in members)
        findings.expect(
            math.isclose(stored[name], total, rel_tol=1e-9),
            "sum",
            f"{path}.{name}: {stored[name]}, its goals' sum is {total}",
        )
    chosen = np.zeros(cells.shape[1], int)
    for s in range(cells.shape[1]):
        reached = [j for j, name in enumerate(members) if cells[j, s] in AFTER[base(name)]]
        biased = [j for j in range(len(members)) if cells[j, s] != TF]
        chosen[s] = (reached or biased or [0])[0]
    return chosen


def check_curve(
    rates: Rates,
    rows: Rows,
    start: np.ndarray,
    folder: Path,
    model: Model,
    space: Space,
    singles: list[str],
    unions: list[str],
    clean: dict[str, np.ndarray],
) -> dict[str, dict[str, np.ndarray]]:
    """Rates at smaller budgets; returns, by attack and measure, who held at the largest of them."""
    audit, findings = rates.audit, rates.findings
    smaller = (audit["config"].get("epsilons") or [])[:-1]
    keys = [f"{epsilon:.12g}" for epsilon in smaller]
    findings.expect([*audit.get("curve", {})] == keys, "curve", f"not of {keys}")
    if not keys or [*audit.get("curve", {})] != keys:
        return {}
    path = folder / "curve.parquet"
    witnesses = read_rows(path, space, findings)
    budgets = pq.read_table(path, columns=["epsilon"])["epsilon"].to_numpy()
    check_target(witnesses, findings)
    config = audit["config"]
    judge(witnesses, model, space, config["k"], config["loss"], findings)
    good = witnesses.found_accurate, witnesses.found_fair, witnesses.cell == TF
    held = dict.fromkeys([*singles, *unions], clean)
    for epsilon, key in zip(smaller, keys, strict=True):
        here = replace(space, epsilon=space.per_feature(epsilon))
        last, held = held, {}
        for name in singles:
            mine = np.flatnonzero((witnesses.attack == name) & (budgets == epsilon))
            mine = mine[np.lexsort((witnesses.step[mine], witnesses.instance[mine]))]
            table = mine.reshape(-1, 3) if len(mine) == 3 * len(start) else None
            same = table is not None and (
                np.array_equal(witnesses.instance[table[:, 0]], rows.instance[start])
                and np.array_equal(witnesses.encoded[table[:, 0]], rows.encoded[start])
                and (witnesses.step[table] == np.arange(3)).all()
            )
            if not findings.expect(same, "curve", f"{name} at {key}: not of the instances"):
                return {}
            for step in (1, 2):
                inside(here, witnesses, table[:, step], rows.encoded[start], findings)
            held[name] = {m: ok[table].all(1) for m, ok in zip(MEASURES, good, strict=True)}
        for union in unions:
            held[union] = {
                m: np.all([held[name][m] for name in members_of(union)], axis=0) for m in MEASURES
            }
        for name, of in held.items():
            for measure, hits in of.items():
                again = (hits & ~last[name][measure]).sum()
                findings.expect(not again, "curve", f"{name} at {key}: {again} {measure} again")
                rates.compare(f"curve.{key}.robust.{name}.{measure}", hits)
        told = {"": clean} | {name: held[name] for name in audit["attacks"]}
        check_groups(audit, rows, start, folder, space, told, findings, key)
    return held


def members_of(union: str) -> list[str]:
    """The attacks of a union, under the same perturbations."""
    return [union.removesuffix(UNION) + member for member in MEMBERS]


def arrange_repairs(
    rates: Rates, rows: Rows, repaired: Rows, starts: dict[str, np.ndarray], findings: Findings
) -> dict[str, np.ndarray]:
    """Places of each repair's rows, one for each instance."""
    names = set(rates.at("repairs"))
    for name in sorted(names ^ set(repaired.attack)):
        findings.wrong("repair", f"{name} is in only one of audit.json and repaired.parquet")
    findings.expect(names == set(starts), "repair", f"of {sorted(names)}, not {sorted(starts)}")
    tables = {}
    for name in sorted(names & set(starts)):
        mine = np.flatnonzero(repaired.attack == name)
        mine = mine[np.argsort(repaired.instance[mine], kind="stable")]
        start = starts[name]
        if np.array_equal(repaired.instance[mine], rows.instance[start]):
            tables[name] = mine
            same = np.array_equal(repaired.label[mine], rows.label[start])
            findings.expect(same, "repair", f"{name}: its labels are not the attack's")
        else:
            findings.wrong("repair", f"{name}: not one row for every instance")
    return tables


def check_target(rows: Rows, findings: Findings) -> None:
    """The column that names the class which losses are measured against is right."""
    for i in np.flatnonzero(rows.target != rows.loss_label):
        findings.wrong("target", f"{rows.name(i)}: {rows.target[i]}, found {rows.loss_label[i]}")


def check_repairs(
    rates: Rates,
    rows: Rows,
    folder: Path,
    model: Model,
    space: Space,
    starts: dict[str, np.ndarray],
    chosen: dict[str, np.ndarray],
    findings: Findings,
) -> None:
    """Every rate of every repair, and where the repaired rows lie."""
    config = rates.audit["config"]
    config = {**config, **config.get("repair", {})}
    space = replace(space, epsilon=space.per_feature(config["epsilon"]))
    repaired = read_rows(folder / "repaired.parquet", space, findings)
    tables = arrange_repairs(rates, rows, repaired, starts, findings)
    for i in np.flatnonzero(repaired.step != config["steps"]):
        findings.wrong("repair", f"{repaired.name(i)}: not the last of {config['steps']} steps")
    if config["labels"] == "consensus":
        for name, places in tables.items():
            outcome = rows.encoded[starts[name]]
            repaired.loss_label[places] = consensus(outcome, model, space)
    check_target(repaired, findings)
    judge(repaired, model, space, config["k"], config["loss"], findings)
    for name, mine in tables.items():
        start = starts[name]
        inside(space, repaired, mine, rows.encoded[start], findings)
        accurate, fair, cell = (
            v[mine] for v in (repaired.found_accurate, repaired.found_fair, repaired.cell)
        )
        rates.summary(f"repairs.{name}.final", accurate, fair, cell)
        before = rows.cell[start] != TF
        rates.compare(f"repairs.{name}.corrected", (cell == TF)[before])
    for union, picked in chosen.items():
        if not set(tables) >= {union, *members_of(union)}:
            continue
        members = np.stack([tables[name] for name in members_of(union)])
        theirs = members[picked, np.arange(len(picked))]
        for i, j in zip(tables[union], theirs, strict=True):
            if not np.array_equal(repaired.encoded[i], repaired.encoded[j]):
                findings.wrong("repair", f"{repaired.name(i)} is not that of {repaired.attack[j]}")


def check_taken_over(
    singles: list[str], held: dict[str, dict[str, np.ndarray]], findings: Findings
) -> None:
    """What any attack broke, the one that takes over all before it says is broken."""
    for name in (one for one in singles if base(one) in WITNESSES):
        for other in (one for one in singles if one.startswith(TWIN) == name.startswith(TWIN)):
            for measure in MEASURES:
                more = (held[name][measure] & ~held[other][measure]).sum()
                findings.expect(not more, "witness", f"{name}: {more} {measure} that {other} broke")


# --- what is proven -------------------------------------------------------------------------

PROPERTIES = ("accurate_fairness", "individual_fairness", "accuracy")
STANDINGS = ("certified", "refuted", "open", "near_tie")
DRAWS_AROUND = 20
TIE_SLACK = 1e-5
"""How near to a tie two runtimes may decide otherwise."""


def check_certificates(
    rates: Rates,
    rows: Rows,
    start: np.ndarray,
    folder: Path,
    model: Model,
    space: Space,
    held: dict[str, dict[str, np.ndarray]],
) -> None:
    """The sections `certified` and `certificate`, and the file that they come from."""
    audit, findings = rates.audit, rates.findings
    if "certified" not in audit:
        findings.expect("certificate" not in audit, "certificate", "says how, but not what")
        return
    how = audit["certificate"]
    table = pq.read_table(folder / "certificates.parquet")
    epsilons = table["epsilon"].to_numpy()
    text = {name: np.array(table[name].to_pylist()) for name in ("property", "verdict")}
    instances = table["instance"].to_numpy()
    vectors = {name: table[name].to_pylist() for name in ("witness", "other")}
    keys = [f"{epsilon:.12g}" for epsilon in how["epsilons"]]
    findings.expect(list(audit["certified"]) == keys, "certificate", f"not of {keys}")
    findings.expect(len(table) == how["n"] * len(keys) * 3, "certificate", "rows are missing")
    place = {int(instance): i for i, instance in enumerate(rows.instance[start])}
    for epsilon, key in zip(how["epsilons"], keys, strict=True):
        for name in PROPERTIES:
            mine = np.flatnonzero((epsilons == epsilon) & (text["property"] == name))
            told = text["verdict"][mine]
            for verdict in STANDINGS:
                rates.compare(f"certified.{key}.{name}.{verdict}", told == verdict)
            at = np.array([place[int(instance)] for instance in instances[mine]])
            certified, refuted = told == "certified", told == "refuted"
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
            rest = centres[refuted], labels[refuted], around, model, findings
            check_proof_rows(name, vectors, mine[refuted], *rest)
            if not space.feasible:
                rest = centres[certified], labels[certified], around, model, findings
                try_to_break(name, *rest)


def check_proof_rows(name, vectors, mine, centres, labels, space, model, findings) -> None:
    """Each row that refutes a property may be its instance's, and the model says what it must."""
    if not len(mine):
        return
    findings.looked_at["witnesses"] += len(mine)
    witness = np.array([vectors["witness"][i] for i in mine], np.float32)
    within_reach(witness, centres, space, findings, own=name == "accuracy")
    classes, sure = sure_classes(model, witness)
    if name != "individual_fairness":
        findings.expect(((classes != labels) | ~sure).all(), "witness", f"{name}: one is right")
        return
    other = np.array([vectors["other"][i] for i in mine], np.float32)
    within_reach(other, centres, space, findings, own=False)
    free = [i for i in range(len(space.features)) if i not in space.sensitive]
    findings.expect(
        np.array_equal(witness[:, free], other[:, free]), "witness", "its counterpart is none"
    )
    others, known = sure_classes(model, other)
    agrees = (classes == others) & sure & known
    findings.expect(not agrees.any(), "witness", f"{agrees.sum()} counterparts agree")


def within_reach(rows, centres, space, findings, *, own: bool) -> None:
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


def try_to_break(name, centres, labels, space, model, findings) -> None:
    """Random corners and points of boxes, with random sensitive values; all must hold."""
    if not len(centres):
        return
    generator = np.random.default_rng(len(centres))
    reach = np.where(space.frozen, 0, space.epsilon).astype(np.float32)
    for draw in range(DRAWS_AROUND):
        share = generator.uniform(-1, 1, centres.shape)
        share = np.sign(share) if draw % 2 else share
        moved = np.clip(centres + share * reach, centres - reach, centres + reach)
        moved = np.where(centres < 0, centres, np.clip(moved, 0, 1)).astype(np.float32)
        twin = moved.copy()
        for column, values in zip(space.sensitive, space.domains.values(), strict=True):
            twin[:, column] = generator.choice(values, len(twin))
        (classes, sure), (others, known) = sure_classes(model, moved), sure_classes(model, twin)
        broken = {
            "accuracy": (classes != labels) & sure,
            "individual_fairness": (classes != others) & sure & known,
            "accurate_fairness": ((classes != labels) & sure) | ((others != labels) & known),
        }[name]
        findings.looked_at["random rows of what is certified"] += len(moved)
        findings.expect(not broken.any(), "certificate", f"{name}: {broken.sum()} broke at random")


def sure_classes(model, rows) -> tuple[np.ndarray, np.ndarray]:
    """The classes of rows, and whether they are far enough from a tie."""
    logits = model.logits(rows)
    ordered = np.sort(logits, axis=1)
    return logits.argmax(axis=1), ordered[:, -1] - ordered[:, -2] > TIE_SLACK


# --- the whole ------------------------------------------------------------------------------


def check_yardstick(
    audit: dict, singles: list[str], held: dict[str, dict[str, np.ndarray]], findings: Findings
) -> None:
    """Draws were made around exactly what every attack of the same perturbations left."""
    both, told = audit["config"]["perturbation"] == "both", audit.get("yardstick", {})
    kinds = {"feasible": [one for one in singles if one.startswith(TWIN)]} if both else {}
    name = "paper" if both else audit["config"]["perturbation"]
    kinds[name] = [one for one in singles if one not in kinds.get("feasible", ())]
    if told:
        findings.expect(set(told) == set(kinds), "yardstick", f"of {sorted(told)}")
    for kind in set(told) & set(kinds):
        left = np.all([held[one]["accurate_fairness"] for one in kinds[kind]], axis=0).sum()
        n, broken = told[kind]["n"], told[kind]["broken"]
        findings.expect(n == left, "yardstick", f"{kind}: around {n}, expected {left}")
        findings.expect(0 <= broken <= n, "yardstick", f"{kind}: {broken} broken of {n}")


def check(folder: Path | str) -> Findings:
    """Everything a run folder says, re-derived."""
    began = time.perf_counter()
    folder, findings = Path(folder), Findings()
    if not (folder / "audit.json").is_file():
        findings.wrong("file", f"audit.json is missing from {folder}")
        return findings
    audit = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    check_files(folder, audit, findings)
    if all((folder / name).is_file() for name in needed(audit)):
        check_contents(folder, audit, findings)
    findings.seconds = time.perf_counter() - began
    return findings


def check_contents(folder: Path, audit: dict, findings: Findings) -> None:
    config, attacks = audit["config"], audit["attacks"]
    space = read_space(audit, findings)
    # a consensus computes all counterparts of each row that it is asked about
    wrapped = description_of(folder).get("wrapper")
    each = audit["dataset"]["counterparts_per_instance"] if wrapped else 1
    model = Model(folder / "model.onnx", max(BATCH // each, 1))
    rows = read_rows(folder / "adversarial.parquet", space, findings)
    check_target(rows, findings)
    judge(rows, model, space, config["k"], config["loss"], findings)

    unions = [name for name in attacks if base(name) == UNION]
    singles = [name for name in attacks if name not in unions]
    steps = config["steps"] if attacks else 0
    tables = {
        name: table
        for name in singles or ["clean"]
        if (table := arrange(rows, name, steps, findings)) is not None
    }
    strangers = set(rows.attack) ^ set(singles or ["clean"])
    findings.expect(not strangers, "attacks", f"{strangers} are in only one of the two files")
    if strangers or len(tables) < max(1, len(singles)):
        return
    start = next(iter(tables.values()))[:, 0]
    if not check_trajectories(rows, tables, space, findings):
        return
    size = min(config["instances"] or math.inf, audit["dataset"]["audited_rows"])
    findings.expect(len(start) == size, "instances", f"{len(start)}, expected {size}")
    rates = Rates(audit, findings)
    verdicts = rows.found_accurate[start], rows.found_fair[start], rows.cell[start]
    rates.summary("clean", *verdicts)
    clean = {
        "accuracy": verdicts[0],
        "individual_fairness": verdicts[1],
        "accurate_fairness": verdicts[2] == TF,
    }
    before = check_curve(rates, rows, start, folder, model, space, singles, unions, clean)
    held_before = {name: before.get(name, clean) for name in attacks}
    outcomes = {
        name: check_attack(rates, rows, name, tables[name], held_before[name]) for name in singles
    }
    chosen = {}
    for union in unions:
        picked = check_union(rates, rows, tables, outcomes, held_before[union], findings, union)
        members = np.stack([outcomes[name] for name in members_of(union)])
        outcomes[union] = members[picked, np.arange(len(picked))]
        chosen[union] = picked
    if audit["repairs"]:
        check_repairs(rates, rows, folder, model, space, outcomes, chosen, findings)
    held = {"": clean}
    for name in attacks:
        pooled = [tables[one][:, 1:] for one in (members_of(name) if name in unions else [name])]
        iterates = np.concatenate(pooled, axis=1)
        good = rows.found_accurate, rows.found_fair, rows.cell == TF
        held[name] = {
            measure: held_before[name][measure] & holds[iterates].all(1)
            for measure, holds in zip(MEASURES, good, strict=True)
        }
    check_groups(audit, rows, start, folder, space, held, findings)
    check_taken_over(singles, held, findings)
    check_yardstick(audit, singles, held, findings)
    check_certificates(rates, rows, start, folder, model, space, held)
    if "whole" in audit:
        check_whole(rates, rows, start, folder, audit["dataset"]["rows"])
    rates.all_compared()
    if attacks:
        check_zero_gradient(rows, start, model, findings)
        check_directions(rows, tables, model, space, config, findings)
    findings.looked_at["model rows"] = model.rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="RUN_FOLDER")
    findings = check(parser.parse_args().folder)
    for line in findings.lines():
        print(line)
    print(findings.summary())
    return 0 if findings.agrees else 1


if __name__ == "__main__":
    sys.exit(main())
