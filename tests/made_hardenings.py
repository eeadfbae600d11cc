"""A whole `harden.json` made by hand, of which tests change what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rafair.results.hardening_record import HardeningRecord, hardening_of

RATES = ("accuracy", "individual_fairness", "accurate_fairness")
FEATURES = [{"name": "x", "kind": "numeric", "minimum": 0, "maximum": 1}]


def rate(value: float, sd: float | None = None) -> dict[str, float | None]:
    low, high = max(value - 0.05, 0), min(value + 0.05, 1)
    return {"value": value, "sd": sd, "low": low, "high": high}


def side(right: float, even: float, robust: float, sd: float | None = None) -> dict[str, Any]:
    """The same rate three times, robust and as the rows were."""
    return {
        "test": {"accuracy": rate(right, sd), "balanced_accuracy": rate(even, sd)},
        "clean": {name: rate(0.8, sd) for name in RATES},
        "robust": {"0.05": {name: rate(robust, sd) for name in RATES}},
    }


def counted(one: Any) -> Any:
    """The same rates as of one network."""
    if "sd" in one:
        return one | {"count": None, "n": 200}
    return {key: counted(value) for key, value in one.items()}


def hardening(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    majority: Mapping[str, Any],
    *,
    name: str = "credit",
    sensitive: tuple[str, ...] = ("age", "sex"),
    models: int = 2,
    uses: bool = True,
) -> HardeningRecord:
    """Read as such a file is."""
    gain = after["robust"]["0.05"]["accurate_fairness"]["value"]
    gain -= before["robust"]["0.05"]["accurate_fairness"]["value"]
    change = {"value": gain, "low": gain - 0.05, "high": gain + 0.05}
    sides = [counted(one) for one in (before, after)]
    network = {"before": sides[0], "after": sides[1], "stopped_after_epoch": None}
    network["seconds"] = {"ordinary": 2.0, "hardened": 9.0, "judging": 30.0}
    dataset = {
        "name": name,
        "rows": 1000,
        "audited_rows": 200,
        "features": ["x"],
        "sensitive": dict.fromkeys(sensitive, 6),
        "domains": {},
        "counterparts_per_instance": 12,
        "label": "y",
        "classes": ["no", "yes"],
        "schema": {"features": FEATURES, "label": "y", "classes": ["no", "yes"]},
        "sha256": "",
    }
    method = {"name": "trades", "kind": "training", "says": "trains", "options": {}}
    return hardening_of(
        {
            "epsilon": 0.05,
            "seeds": list(range(models)),
            "method": method | {"uses_sensitive_values": uses},
            "dataset": dataset,
            "judges": {
                "instances": 200,
                "attacks": ["rafair", "apgd"],
                "steps": 20,
                "black_box": False,
            },
            "before": before,
            "after": after,
            "change": {"robust": {"0.05": {"accurate_fairness": change}}},
            "each": [network | {"seed": seed} for seed in range(models)],
            "checks": {
                "larger_epsilon": {"rises": []},
                "zero_gradient": {"before": None, "after": None},
                "masking": None,
                "majority": {"predicted_classes": 2} | majority,
                "sampling": None,
            },
            "warnings": ["[red]beware"],
        }
    )
