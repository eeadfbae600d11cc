"""What the run says of each figure that a model card lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rafair.auditing.leading import ACCURATE_FAIRNESS, leaders, most_telling
from rafair.auditing.summary import hit_hardest, repaired, share_of

NOT_MEASURED = "Not measured in this run."
RATES = {
    "accuracy": "accuracy",
    "individual_fairness": "individual fairness",
    ACCURATE_FAIRNESS: "accurate fairness",
}


def evidence(document: Mapping[str, Any], cases: int, features: Sequence[str]) -> dict[str, str]:
    """A text for each key of `frameworks.FIGURES`.

    Args:
        document: The content of `audit.json`.
        cases: How many cases there are.
        features: The features by which violations concentrate, the first most.
    """
    attacks = leaders(document)
    lead = most_telling(document)
    tested = document["model"]["test_accuracy"]
    clean = document["clean"]
    return {
        "accuracy": (
            f"Right: {share_of(tested)} of {tested['n']:,} rows; {share_of(clean['accuracy'])} of "
            f"the {clean['n']:,} audited."
        ),
        "fairness": (
            f"Individual fairness: {share_of(clean['individual_fairness'])} of {clean['n']:,}; "
            f"accurate fairness: {share_of(clean[ACCURATE_FAIRNESS])}."
        ),
        "robust": " ".join(_robust(document, attack) for attack in attacks) or NOT_MEASURED,
        "groups": " ".join(hit_hardest(document, lead)) or _no_gap(document),
        "cases": f"{cases:,} cases, each with the row as it was, perturbed, and its counterpart.",
        "features": _features(features),
        "repair": " ".join(repaired(document, lead)) if lead else NOT_MEASURED,
        "sample": (
            f"{clean['n']:,} of {document['dataset']['audited_rows']:,} rows, drawn with seed "
            f"{document['seed']}; every rate has its count and a 95 % interval."
        ),
        "limits": _limits(document),
        "manifest": (
            f"Command, seed, options, versions of {len(document['environment']['packages'])} "
            f"packages, and SHA-256 of the data, the model and {len(document['files'])} files."
        ),
    }


def _robust(document: Mapping[str, Any], attack: str) -> str:
    robust = document["attacks"][attack]["robust"]
    rates = "; ".join(f"robust {name}: {share_of(robust[key])}" for key, name in RATES.items())
    return f"Against {attack}, of {document['clean']['n']:,}: {rates}."


def _no_gap(document: Mapping[str, Any]) -> str:
    if not document.get("gaps"):
        return NOT_MEASURED
    return "No two groups of at least 30 instances differ."


def _features(features: Sequence[str]) -> str:
    if not features:
        return "No feature tells more than chance where violations were found."
    return f"Violations concentrate most by {', '.join(features[:3])}."


def _limits(document: Mapping[str, Any]) -> str:
    count = len(document["warnings"])
    said = "no warning" if not count else "1 warning" if count == 1 else f"{count} warnings"
    return f"The run gave {said}; what its figures do not show is listed below."
