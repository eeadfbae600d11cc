from __future__ import annotations

import planted
import rafair


def test_what_rounds_to_its_threshold_is_told_apart():
    table = planted.random_table(80, n_free=3, domains=(4, 3), seed=8)
    audit = rafair.audit(planted.network(5, seed=1), table, attacks=())
    value = audit.document["clean"]["accuracy"]["value"]
    rule = {"rate": "clean.accuracy", "at_least": value + 0.0004}
    sentence = rafair.gate(audit, {"version": 1, "rule": [rule]}).findings[0].sentence
    assert f"{value:.8f} is below {value + 0.0004:g}" in sentence
    rule["at_least"] = value
    sentence = rafair.gate(audit, {"version": 1, "rule": [rule]}).findings[0].sentence
    assert f": exactly {value:g}" in sentence
