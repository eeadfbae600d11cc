"""The gate on a real run whose features, levels and classes have hostile names, in every format."""

from __future__ import annotations

import json
import re
from pathlib import Path

import junitparser
import numpy as np
import pandas as pd
import pytest

import rafair
from commands import call

FEATURE = "sex\u202e|<script>alert(1)</script>::error::%0A,`@all`"
LEVELS = ("=cmd()\x1b[2J", "a\nb]]>&\ufffe", "]]>\t\u2028**x**")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            FEATURE: random.choice(LEVELS, 150),
            "age\r\n::stop::": random.integers(18, 90, 150),
            "paid": random.choice(["no\x00", "yes"], 150),
        }
    )
    table = rafair.Table.from_frame(frame, label="paid", sensitive=[FEATURE])
    folder = tmp_path_factory.mktemp("hostile") / "run"

    def model(rows):
        return np.stack([rows.sum(axis=1), 2 - rows.sum(axis=1)], axis=1)

    rafair.audit(model, table, attacks=("noise",), labels=None, steps=2, out=folder)
    return folder


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    name = json.dumps(FEATURE)
    text = f'version = 1\n[[rule]]\nrate = "clean.accuracy"\ngroup = {name}\n'
    path = tmp_path / "policy.toml"
    gap = text.removeprefix("version = 1\n") + "largest_gap = 0.0\n"
    path.write_text(f"{text}at_least = 0.0\n{gap}", encoding="utf-8")
    return path


def test_no_format_lets_a_name_act(run, policy, tmp_path):
    plain = set("\x1b\u202e\x00\r\u2028\ufffe")
    for layout in ("text", "markdown", "github"):
        junit = tmp_path / f"{layout}.xml"
        done = call("gate", run, "--policy", policy, "--format", layout, "--junit", junit)
        assert (done.code, done.err) == (1, "")
        assert not plain & set(done.out)
        if layout == "github":
            commands = [line for line in done.out.splitlines() if line.startswith("::")]
            assert len(commands) == len(done.out.splitlines()) == 5
            assert all(re.match(r"::(error|notice) title=[^:,]*::", line) for line in commands)
        if layout == "markdown":
            rows = [line for line in done.out.splitlines() if line.startswith("| ")]
            assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
            assert not re.search(r"(?<!\\)<(?!!-- -->)", "".join(rows))
        suites = junitparser.JUnitXml.fromfile(str(junit))
        assert (suites.tests, suites.failures) == (4, 1)
        assert len([case for suite in suites for case in suite]) == 4


def test_json_holds_the_very_names(run, policy):
    found = json.loads(call("gate", run, "--policy", policy, "--json", "-").out)
    assert {finding["value"] for finding in found["findings"]} == {*LEVELS, None}
    assert {finding["group"] for finding in found["findings"]} == {FEATURE}


def test_a_line_of_error_stays_one_line(run, policy):
    policy.write_text(
        'version = 1\n[[rule]]\nrate = "clean.accuracy"\ngroup = "sex"\nat_least = 0.0\n'
    )
    done = call("gate", run, "--policy", policy)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert not set("\x1b\u202e") & set(done.err)
