"""Wrong input of `rafair gate`: an exit code, one line, and nothing written."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import call, document, rafair
from rafair.engine.digest_json import sealed

GOOD = 'version = 1\n[[rule]]\nrate = "clean.accuracy"\nat_least = 0.1\n'
DROP = 'version = 1\n[[rule]]\nrate = "clean.accuracy"\nlargest_drop = 1.0\n'
RUN = ("run", "--policy", "policy.toml")
SMALL = ("--instances", "40", "--steps", "2")


def rule(*lines: str) -> str:
    return "version = 1\n[[rule]]\n" + "\n".join(lines) + "\n"


def rated(*lines: str) -> str:
    return rule('rate = "clean.accuracy"', *lines)


ATTACKED = ('rate = "robust.accuracy"', 'attack = "rafair"')
GROUPED = ('group = "religious"', "at_least = 0.1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, its run, and runs that cannot be its baseline."""
    folder = tmp_path_factory.mktemp("made")
    rafair("train", "--epochs", "1", "--out", folder / "model")
    audit = ("audit", "--model", folder / "model")
    rafair(*audit, *SMALL, "--out", folder / "run")
    rafair(*audit, "--instances", "40", "--steps", "3", "--out", folder / "steps")
    rafair(*audit, *SMALL, "--k", "1.5", "--out", folder / "k")
    rafair(*audit, *SMALL, "--loss", "mse", "--out", folder / "loss")
    rafair(*audit, *SMALL, "--black-box", "--out", folder / "box")
    rafair(*audit, *SMALL, "--seed", "9", "--out", folder / "others")
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with copies of all runs, and a good policy."""
    folder = tmp_path / "here"
    shutil.copytree(made, folder)
    (folder / "policy.toml").write_text(GOOD)
    monkeypatch.chdir(folder)
    return folder


def edit(folder: Path, change: Any) -> None:
    found = document(folder)
    change(found)
    (folder / "audit.json").write_text(json.dumps(sealed(found)), encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def refused(here: Path, arguments: tuple[str, ...], expected: str, code: int = 2) -> None:
    before = contents(here.parent)
    done = call("gate", *arguments)
    assert (done.code, done.out) == (code, ""), done.err
    assert done.err.startswith("rafair: ")
    assert done.err.count("\n") == 1, done.err
    assert expected in done.err
    assert contents(here.parent) == before


POLICIES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "'policy.toml': version: expected version = 1, found none"),
    "no rules": ("version = 1", "rule: expected one or more tables [[rule]], found none"),
    "an empty list of rules": ("version = 1\nrule = []", "rule: expected one or more tables"),
    "one table of rules": ("version = 1\n[rule]\na = 1", "rule: expected one or more tables"),
    "no TOML": ("version = 1\n\nrule rule\n", "'policy.toml': expected TOML: "),
    "no TOML, where": ("version = 1\n\nrule rule\n", "line 3"),
    "not UTF-8": (b"version = 1 # \xff\n", "expected UTF-8 text, found the byte 0xff"),
    "another version": (GOOD.replace("1", "2", 1), "version: expected 1, got 2"),
    "a text for the version": (GOOD.replace("1", '"1"', 1), "version: expected 1, got '1'"),
    "an unknown key": (rated("at_leest = 0.1"), "rule 1: unknown key 'at_leest': did you mean"),
    "an unknown key of a rule that is wrong besides": (
        rule('rat = "clean.accuracy"'),
        "rule 1: unknown key 'rat': did you mean 'rate'?",
    ),
    "an unknown table": (GOOD + "[basline]\n", "unknown key 'basline': did you mean 'baseline'"),
    "an unknown key of the baseline": (
        "[baseline]\nruns = 'x'\n" + "",
        "baseline: unknown key 'runs': did you mean 'run'",
    ),
    "a baseline of no run": (GOOD + "[baseline]\n", "baseline: run: expected a text, found none"),
    "a baseline that is a number": (
        GOOD + "[baseline]\nrun = 3\n",
        "baseline: run: expected the path of a run folder, got 3",
    ),
    "a baseline that is no table": (
        "baseline = 'x'\n" + GOOD,
        "baseline: expected a table [baseline]",
    ),
    "no rate": (rule("at_least = 0.1"), "rule 1: rate: expected a text, found none"),
    "a rate that is a number": (rule("rate = 3"), "rule 1: rate: expected a text, got 3"),
    "an unknown rate": (
        rule('rate = "clean.acuracy"', "at_least = 0.1"),
        "rule 1: unknown rate 'clean.acuracy': did you mean 'clean.accuracy'?",
    ),
    "an unknown kind of rate": (
        rule('rate = "robbust.accuracy"', 'attack = "rafair"', "at_least = 0.1"),
        "rule 1: unknown rate 'robbust.accuracy': did you mean 'robust.accuracy'?",
    ),
    "an unknown attack": (
        rule('rate = "robust.accuracy"', 'attack = "rafare"', "at_least = 0.1"),
        "rule 1: unknown attack 'rafare': did you mean 'rafair'?",
    ),
    "an attack that was not run": (
        rule('rate = "robust.accuracy"', 'attack = "pgd"', "at_least = 0.1"),
        "rule 1: unknown attack 'pgd'",
    ),
    "no attack, of a rate that the strongest has not": (
        rule('rate = "exposed.true_biased"', "at_most = 0.1"),
        "rule 1: rate 'exposed.true_biased' without an attack: it is that of 'strongest', which "
        "has none; expected one of rafair-tb, ",
    ),
    "an attack that has no part in it": (
        rated('attack = "rafair"', "at_least = 0.1"),
        "rule 1: attack: expected none for 'clean.accuracy'",
    ),
    "an unknown group": (
        rated('group = "religous"', "at_least = 0.1"),
        "rule 1: unknown group 'religous': did you mean 'religious'?",
    ),
    "an unknown value": (
        rated(*GROUPED, 'value = "farly"'),
        "rule 1: unknown value of 'religious' 'farly': did you mean 'fairly'?",
    ),
    "a group of a rate that has none": (
        rule('rate = "exposed.true_biased"', 'attack = "rafair"', *GROUPED),
        "rule 1: group: expected a rate of one of the kinds clean, robust, certified, not_refuted",
    ),
    "a value without a group": (
        rated('value = "fairly"', "at_least = 0.1"),
        "rule 1: value: expected a group with it, found none",
    ),
    "a least size without a group": (rated("min_n = 3", "at_least = 0.1"), "min_n: expected a"),
    "a least size of none": (rated(*GROUPED, "min_n = 0"), "min_n: expected a whole number from 1"),
    "a gap without a group": (rated("largest_gap = 0.1"), "largest_gap: expected a group with it"),
    "a gap of one value": (
        rated('group = "religious"', 'value = "fairly"', "largest_gap = 0.1"),
        "value: expected none with largest_gap",
    ),
    "a drop of groups": (
        rated('group = "religious"', "largest_drop = 0.1"),
        "group: expected none with largest_drop",
    ),
    "above 1": (rated("at_least = 1.1"), "rule 1: at_least: expected a number from 0 up to 1"),
    "below 0": (rated("at_most = -0.1"), "rule 1: at_most: expected a number from 0 up to 1"),
    "in percent": (rated("at_least = 80"), "at_least: expected a number from 0 up to 1, got 80"),
    "no number": (rated("at_least = nan"), "at_least: expected a number from 0 up to 1, got nan"),
    "infinite": (rated("largest_drop = inf"), "largest_drop: expected a number from 0 up to 1"),
    "a text": (rated('at_least = "0.5"'), "at_least: expected a number from 0 up to 1, got '0.5'"),
    "a truth value": (rated("at_least = true"), "expected a number from 0 up to 1, got True"),
    "a list": (rated("at_least = [0.5]"), "expected a number from 0 up to 1, got [0.5]"),
    "two thresholds": (
        rated("at_least = 0.1", "at_most = 0.9"),
        "rule 1: expected exactly one of at_least, at_most, largest_gap, largest_drop, "
        "largest_rise, found at_least and at_most",
    ),
    "none": (rated(), "largest_rise, found none"),
    "the wrong rule is named": (GOOD + "[[rule]]\n" + 'rate = "a"\n', "rule 2: expected exactly"),
    "neither value nor interval": (
        rated("at_least = 0.1", 'by = "intervall"'),
        "rule 1: by: unknown choice 'intervall': did you mean 'interval'?",
    ),
    "neither fail nor pass": (
        rated("at_least = 0.1", "if_not_measured = false"),
        "rule 1: if_not_measured: unknown choice 'False'",
    ),
    "a drop of what is bad when high": (
        rule('rate = "exposed.true_biased"', 'attack = "rafair"', "largest_drop = 0.1"),
        "largest_drop: expected largest_rise for 'exposed.true_biased', bad when it is high",
    ),
    "a rise of what is good when high": (
        rated("largest_rise = 0.1"),
        "largest_rise: expected largest_drop for 'clean.accuracy', good when it is high",
    ),
    "a drop of a whole file": (
        rule('rate = "whole.accuracy"', "largest_drop = 0.1"),
        "largest_drop: expected a rate of the audited instances, got 'whole.accuracy'",
    ),
    "a rate of a file, where there is none": (
        rule('rate = "whole.accuracy"', "at_least = 0.1"),
        "rule 1: unknown rate 'whole.accuracy'",
    ),
    "a rate that nothing can be held against": (
        rule('rate = "model.test_accuracy"', "at_least = 0.1"),
        "rate: 'model.test_accuracy' does not follow from a run's files",
    ),
    "a drop without a baseline": (
        rated("largest_drop = 0.1"),
        "rule 1: largest_drop: expected a baseline run, found none",
    ),
    "a baseline that is not there": (
        "[baseline]\nrun = 'nowhere'\n[[rule]]\nrate = 'clean.accuracy'\nlargest_drop = 0.1\n",
        "baseline: 'nowhere': expected a finished run folder",
    ),
}


@pytest.mark.parametrize("what", POLICIES)
def test_a_wrong_policy_is_refused(here, what):
    text, expected = POLICIES[what]
    if isinstance(text, str) and "version" not in text and text:
        text = "version = 1\n" + text
    if isinstance(text, bytes):
        (here / "policy.toml").write_bytes(text)
    else:
        (here / "policy.toml").write_text(text)
    refused(here, RUN, expected)


COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "no run": (("--policy", "policy.toml"), "RUN: expected a finished run folder, got none"),
    "no policy": (("run",), "--policy: expected FILE, got none"),
    "no such policy": (
        ("run", "--policy", "other.toml"),
        "'other.toml': expected a policy file, found no such file",
    ),
    "a policy that is a folder": (
        ("run", "--policy", "model"),
        "'model': expected a policy file, found a folder",
    ),
    "no such run": (
        ("nowhere", "--policy", "policy.toml"),
        "'nowhere': expected a finished run folder with audit.json",
    ),
    "a run that is a file": (
        ("policy.toml", "--policy", "policy.toml"),
        "'policy.toml': expected a finished run folder with audit.json",
    ),
    "a folder with a model alone": (
        ("model", "--policy", "policy.toml"),
        "'model': expected a finished run folder with audit.json",
    ),
    "an unknown format": ((*RUN, "--format", "jsn"), "unknown format 'jsn': did you mean 'json'?"),
    "two things for stdout": (
        (*RUN, "--format", "github", "--json", "-"),
        "--json: expected a file with --format github, got '-'",
    ),
    "a place for JUnit that is a folder": (
        (*RUN, "--junit", "model"),
        "'model': cannot be written: Is a directory",
    ),
    "a place for JUnit in no folder": (
        (*RUN, "--junit", "nowhere/out.xml"),
        "cannot be written: there is no folder 'nowhere'",
    ),
    "JUnit on stdout": ((*RUN, "--junit", "-"), "--junit: expected a file, got '-'"),
    "a place for JSON in no folder": ((*RUN, "--json", "no/out.json"), "there is no folder 'no'"),
    "one file for both": (
        (*RUN, "--junit", "out", "--json", "./out"),
        "--junit: expected another file than --json, got 'out'",
    ),
    "init with a run": (("--init", "run"), "run: expected not to be given with --init"),
    "init with a policy": (("--init", "--policy", "x"), "--policy: expected not to be given with"),
    "init with a format": (("--init", "--format", "json"), "--format: expected not to be given"),
    "an unknown option": ((*RUN, "--strict"), "--strict"),
    "no such baseline": (
        (*RUN, "--baseline", "nowhere"),
        "baseline: 'nowhere': expected a finished run folder",
    ),
    "a baseline of more steps": (
        (*RUN, "--baseline", "steps"),
        "baseline 'steps': config.steps: expected 2, as in 'run', found 3",
    ),
    "a baseline of another K": (
        (*RUN, "--baseline", "k"),
        "baseline 'k': config.k: expected 0.0, as in 'run', found 1.5",
    ),
    "a baseline of another loss": (
        (*RUN, "--baseline", "loss"),
        "config.loss: expected cross-entropy, as in 'run', found mse",
    ),
    "a baseline without gradients": (
        (*RUN, "--baseline", "box"),
        "config.black_box: expected False, as in 'run', found True",
    ),
    "a baseline of other instances": (
        (*RUN, "--baseline", "others"),
        "baseline 'others': instances: expected the 40, as in 'run', found 40, ",
    ),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_a_wrong_command_is_refused(here, what):
    arguments, expected = COMMANDS[what]
    refused(here, arguments, expected)


EDITED: dict[str, tuple[Any, str]] = {
    "a rate": (
        lambda d: d["clean"]["accuracy"].update(value=0.99),
        "edited: clean.accuracy.value says 0.99, its files give",
    ),
    "a rate by group": (
        lambda d: d["groups"]["religious"]["fairly"]["clean"]["accuracy"].update(value=0.99),
        "edited: groups.religious.fairly.clean.accuracy.value says 0.99",
    ),
    "a removed attack": (lambda d: d["attacks"].pop("rafair"), "edited: attacks.rafair says"),
    "another schema version": (
        lambda d: d.update(schema_version=2),
        "expected schema_version 1, found 2",
    ),
    "a name that breaks the line": (
        lambda d: d["clean"].update({"a\nb\x1b[31m": 1}),
        "edited: clean.a",
    ),
}


@pytest.mark.parametrize("what", EDITED)
@pytest.mark.parametrize("role", ["run", "baseline"])
def test_an_edited_run_or_baseline_is_refused_and_the_figure_named(here, what, role):
    change, expected = EDITED[what]
    shutil.copytree(here / "run", here / "edited")
    edit(here / "edited", change)
    if role == "run":
        refused(here, ("edited", "--policy", "policy.toml"), expected)
    else:
        arguments = (*RUN, "--baseline", "edited")
        refused(here, arguments, f"baseline: 'edited/audit.json': {expected}")


def test_a_run_without_its_rows_is_refused(here):
    (here / "run" / "adversarial.parquet").unlink()
    refused(here, RUN, "adversarial.parquet': expected a file of the run, found no such file")


def test_rows_that_were_rewritten_with_their_hash_are_refused(here):
    path = here / "run" / "adversarial.parquet"
    table = pq.read_table(path)
    right = pa.array([True] * len(table))
    place = table.schema.get_field_index("accurate")
    pq.write_table(table.set_column(place, "accurate", right), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit(here / "run", lambda d: d["files"].update({"adversarial.parquet": digest}))
    refused(here, RUN, "accurate contradicts label and prediction")


BASELINES: dict[str, tuple[Any, str]] = {
    "another name": (
        lambda d: d["dataset"].update(name="other"),
        "dataset.name: expected affairs, as in 'run', found other",
    ),
    "another hash of the rows": (
        lambda d: d["dataset"].update(sha256="0" * 64),
        "dataset.sha256: expected ",
    ),
    "other features": (
        lambda d: d["dataset"].update(features=["a", "b"]),
        "dataset.features: expected ['rate_marriage', ",
    ),
    "another domain": (
        lambda d: d["dataset"]["domains"]["age"].pop(),
        "dataset.domains.age: expected [0.0, ",
    ),
    "another sensitive feature": (
        lambda d: d["dataset"]["domains"].update(educ=[0.0]),
        "dataset.domains: expected age, religious, as in 'run', found age, religious, educ",
    ),
    "another epsilon": (
        lambda d: d["config"].update(epsilon=0.5),
        "config.epsilon: expected 0.02, as in 'run', found 0.5",
    ),
    "another perturbation": (
        lambda d: d["config"].update(max_category_changes=3),
        "config.max_category_changes: expected 1, as in 'run', found 3",
    ),
    "a budget": (
        lambda d: d["config"].update(max_gradient_rows=1000),
        "config.max_gradient_rows: expected None, as in 'run', found 1000",
    ),
}


@pytest.mark.parametrize("what", BASELINES)
def test_a_baseline_of_another_question_is_refused(here, what):
    change, expected = BASELINES[what]
    shutil.copytree(here / "run", here / "other")
    edit(here / "other", change)
    refused(here, (*RUN, "--baseline", "other"), f"baseline 'other': {expected}")


@pytest.mark.parametrize("role", ["run", "baseline"])
def test_an_unfinished_audit_is_incomplete(here, role):
    (here / "begun.partial").mkdir()
    (here / "begun.partial" / "plan.json").write_text("{}")
    arguments = {"run": ("begun", *RUN[1:]), "baseline": (*RUN, "--baseline", "begun")}
    refused(here, arguments[role], "expected a finished audit, found one that is not", code=3)


def test_a_baseline_that_no_rule_needs_is_fine(here):
    assert call("gate", *RUN, "--baseline", "run").code == 0


def test_a_baseline_of_another_model_is_what_it_is_for(here):
    rafair("train", "--epochs", "1", "--seed", "4", "--out", here / "second")
    rafair("audit", "--model", here / "second", *SMALL, "--out", here / "next")
    (here / "policy.toml").write_text(DROP)
    assert call("gate", "next", *RUN[1:], "--baseline", "run").code == 0
