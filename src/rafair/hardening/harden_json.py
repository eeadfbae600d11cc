"""`harden.json`: what was done, and every rate before and after."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rafair._version import __version__
from rafair.auditing.audit_json import environment
from rafair.engine.digest_json import write_sealed
from rafair.engine.run_folder import HARDENING
from rafair.hardening.attack_panel import AttackPanel
from rafair.hardening.before_and_after import Pair, Pairs
from rafair.hardening.certified_gains import SIDES, ProofRecord, Verdicts, proven, with_broken
from rafair.hardening.config import HardenConfig
from rafair.hardening.gain_sentences import majority_explains
from rafair.hardening.judge_checks import MOST_ZERO_GRADIENTS, pooled, rises, zero_gradients
from rafair.hardening.network_rates import Measured, mean_changes, mean_rates, rates_of
from rafair.models.classifier import Classifier
from rafair.models.consensus import ConsensusClassifier
from rafair.results.derived_rates import plain
from rafair.results.hardening_record import (
    Checks,
    HardeningRecord,
    Majority,
    MeanRate,
    NetworkRecord,
    Proven,
    Rise,
    Rises,
    Sampling,
    Seconds,
    Side,
    ZeroGradients,
    hardening_of,
)
from rafair.sources.row_sources import dataset_section
from rafair.tabular.counterparts import Counterparts

SCHEMA_VERSION = 1
Document = dict[str, object]


@dataclass(frozen=True)
class Outcome:
    """All that came of one pair.

    Args:
        seed: Its seed.
        pair: The models.
        before: What is known of the one before.
        after: What is known of the hardened one.
        masking: What attacks without gradients broke; None where the panel had none either.
        judging: Seconds of judging both.
        proofs: What is proven of the model before and of the hardened one; None where it was not
            asked for.
    """

    seed: int
    pair: Pair
    before: Measured
    after: Measured
    masking: dict[str, dict[str, int]] | None
    judging: float
    proofs: Sequence[ProofRecord] | None = None


def document_of(
    pairs: Pairs,
    config: HardenConfig,
    judge: AttackPanel,
    outcomes: Sequence[Outcome],
    command: str,
) -> Document:
    """The content of `harden.json`."""
    before = mean_rates([one.before for one in outcomes], config.seed)
    after = mean_rates([one.after for one in outcomes], config.seed)
    now = datetime.datetime.now(datetime.UTC)
    document: Document = {
        "schema_version": SCHEMA_VERSION,
        "rafair_version": __version__,
        "created": now.isoformat(timespec="seconds"),
        "command": command,
        "environment": environment(judge.threads or 0, "cpu"),
        "method": config.made.to_dict(),
        "epsilon": config.at,
        "seeds": [one.seed for one in outcomes],
        "training": pairs.training,
        "dataset": dataset_section(pairs.data) | {"judged_rows": len(judge.table)},
        "model": _model(outcomes[0].pair.before, pairs.data.schema.classes),
        "judges": {
            "attacks": list(judge.attacks),
            "steps": judge.steps,
            "instances": len(judge.table),
            "epsilons": list(config.judged_epsilons),
            "seed": config.seed,
            "perturbation": judge.perturbation,
            "black_box": judge.black_box,
            "counterparts": "all",
        },
        "before": before,
        "after": after,
        "change": {
            "robust": mean_changes([o.before for o in outcomes], [o.after for o in outcomes])
        },
        "each": [_each(one) for one in outcomes],
        "checks": _checks(before, after, config, outcomes, judge, pairs),
        "saved": outcomes[0].pair.saved,
        "certified": _certified(config, outcomes),
    }
    result: Document = plain(document)
    result["warnings"] = [*warnings_of(hardening_of(result)), *outcomes[0].pair.said]
    return result


def _model(classifier: Classifier, classes: Sequence[str]) -> Document:
    """What the model before takes, and how it decides; the hardened one decides likewise."""
    terms = classifier.terms
    return {"input": terms.input, "decision": terms.decision.facts(classes, terms.outputs)}


def write_document(document: Document, folder: Path) -> None:
    """Writes `harden.json`; it is whole or not there."""
    write_sealed(folder / HARDENING, document)


def _certified(config: HardenConfig, outcomes: Sequence[Outcome]) -> Proven | None:
    """What is proven, with what the judges broke refuted as well; None where nobody asked."""
    if not config.certify:
        return None
    sides: dict[str, list[Verdicts | None]] = {side: [] for side in SIDES}
    said: dict[str, None] = {}
    for one in outcomes:
        pairs = zip(SIDES, one.proofs or (), (one.before, one.after), strict=True)
        for side, proofs, measured in pairs:
            found = None
            if proofs.verdicts is not None:
                found = with_broken(np.array(proofs.verdicts, np.int8), measured.judgements)
            elif proofs.why:
                said[f"{side}: {proofs.why}"] = None
            sides[side].append(found)
    seeds = [one.seed for one in outcomes]
    return proven(sides, config.judged_epsilons, config.boxes, seeds, list(said))


def _each(one: Outcome) -> NetworkRecord:
    seconds = Seconds(one.pair.ordinary, one.pair.hardened, one.judging)
    before, after = rates_of(one.before), rates_of(one.after)
    return NetworkRecord(one.seed, before, after, seconds, one.pair.stopped_after_epoch)


def _checks(
    before: Side[MeanRate],
    after: Side[MeanRate],
    config: HardenConfig,
    outcomes: Sequence[Outcome],
    judge: AttackPanel,
    pairs: Pairs,
) -> Checks:
    labels, judged = outcomes[0].before.labels, judge.table.labels
    share = float(np.bincount(labels).max() / len(labels))
    constant = float(np.mean(judged == np.bincount(labels).argmax()))
    masking = [one.masking for one in outcomes if one.masking is not None]
    at = config.at
    return Checks(
        Rises(rises(before.robust, "before") + rises(after.robust, "after")),
        ZeroGradients(
            zero_gradients([one.before.judgements[at] for one in outcomes]),
            zero_gradients([one.after.judgements[at] for one in outcomes]),
        ),
        pooled(masking, at) if masking else None,
        Majority(
            share,
            constant,
            min(len(np.unique(one.after.predictions)) for one in outcomes),
            majority_explains(before, after, f"{at:g}", share, constant),
        ),
        _sampling(outcomes, pairs),
    )


def _sampling(outcomes: Sequence[Outcome], pairs: Pairs) -> Sampling | None:
    """Of a consensus over a sample of combinations: how many decisions the others might change."""
    found = [
        one.pair.after.sampled(pairs.data.table.rows).doubtful
        for one in outcomes
        if isinstance(one.pair.after, ConsensusClassifier)
        and one.pair.after.rows_per_prediction < Counterparts.of(pairs.data.table.schema).size
    ]
    if not found:
        return None
    doubtful = np.concatenate(found)
    return Sampling(int(np.count_nonzero(doubtful)), len(doubtful))


def warnings_of(record: HardeningRecord) -> list[str]:
    """What a reader of the rates should know."""
    found = [
        f"seed {one.seed}: the loss was no finite number after epoch {one.stopped_after_epoch}; "
        "training stopped there, and that network is the hardened one: a smaller learning rate may "
        "help"
        for one in record.each
        if one.stopped_after_epoch is not None
    ]
    checks = record.checks
    if checks.majority.predicted_classes == 1:
        found.append(
            "a hardened model names the same class for every row of the test split: that treats "
            "all alike, and tells nothing"
        )
    if sampling := checks.sampling:
        found.append(
            f"the consensus averages a sample of combinations: of {sampling.n:,} decisions "
            f"{sampling.doubtful:,} lie within the sample's error, and others might decide them "
            "otherwise"
        )
    if record.method.name == "benign":
        found.append(
            "the judges do not know of the repair, which they pass through as through any model: "
            "read robust rates as upper bounds; masked gradients were not checked"
        )
    found += [_rise(rise) for rise in checks.larger_epsilon.rises]
    zero = checks.zero_gradient.after
    if zero and zero.value > MOST_ZERO_GRADIENTS and not record.judges.black_box:
        found.append(
            f"the gradient is exactly zero at {zero.value:.1%} of the judged rows: attacks that "
            "follow it understate the risk there"
        )
    if masking := checks.masking:
        found += [
            f"{attack} broke {check.broken} of {check.n} instances that the judges left right and "
            f"alike at epsilon {masking.epsilon:g}: gradients may be masked, and robust rates too "
            "high"
            for check, attack in (
                (masking.black_box, "RAFair without gradients"),
                (masking.noise, "noise"),
            )
            if check.beyond_chance
        ]
    if record.judges.black_box:
        found.append(
            "the hardened model gives no gradients: both models were judged by attacks that ask "
            "for predictions alone, which find less"
        )
    return found


def _rise(rise: Rise) -> str:
    (small, large), (was, now) = rise.epsilons, rise.values
    return (
        f"{rise.side}: robust {rise.rate.replace('_', ' ')} is {now:.3f} at epsilon "
        f"{large:g} but {was:.3f} at {small:g}, which no true rate can be: the judges missed "
        "violations; more --steps or --judges all may find them"
    )
