"""The typed `audit.json`: it says what the document says, and what is wrong with one in a line."""

from __future__ import annotations

import copy
from dataclasses import fields

import pytest

import planted
import rafair
from rafair.errors import RunFolderError
from rafair.results.audit_record import AttackRecord, AuditRecord, record_of
from rafair.results.derived_rates import plain

UNREAD = {"schema_version", "seconds", "digest"}
"""What nothing but the writer and the reader of files needs."""


@pytest.fixture(scope="module")
def audit():
    table = planted.random_table(60, n_free=3, domains=(4, 3), seed=8)
    options = {"steps": 3, "step_size": 0.05, "perturbation": "both"}
    return rafair.audit(planted.network(5, seed=1), table, attacks=("rafair", "dice"), **options)


def told(section):
    """A section as `audit.json` has it: what is not there is not told."""
    return {key: value for key, value in plain(section).items() if value is not None}


def test_a_record_says_what_the_document_says(audit):
    document, record = audit.document, audit.record
    assert set(document) - UNREAD <= {field.name for field in fields(AuditRecord)}
    for name in ("environment", "feasible", "gaps", "groups"):
        assert plain(getattr(record, name)) == document[name]
    for name in ("seed", "files", "config", "warnings", "command", "created", "rafair_version"):
        assert getattr(record, name) == document[name]
    options = record.model.options.facts
    assert plain(record.model) | {"options": options} == document["model"]
    dataset = plain(record.dataset)
    assert dataset.pop("schema").model_dump(mode="json") == document["dataset"]["schema"]
    assert dataset == {k: v for k, v in document["dataset"].items() if k != "schema"}
    assert {"n": record.clean.n, **plain(record.clean.rates)} == document["clean"]
    assert list(record.attacks) == list(document["attacks"])
    for name, attack in record.attacks.items():
        assert told(attack) == {k: v for k, v in document["attacks"][name].items() if v is not None}
    for name, repair in record.repairs.items():
        assert plain(repair).items() <= document["repairs"][name].items()
    assert record.options.to_dict() == {
        name: record.config[name] for name in audit.options.to_dict()
    }


def test_what_newer_versions_add_is_left_alone(audit):
    document = copy.deepcopy(dict(audit.document))
    document["whom_it_may_concern"] = 1
    document["attacks"]["dice"]["mood"] = {"value": "good"}
    document["clean"]["words"] = 3
    assert record_of(document) == audit.record
    assert isinstance(record_of(document).attacks["dice"], AttackRecord)


WRONG = {
    "a section less": (
        lambda d: d.pop("model"),
        "'run': edited: expected 'model', found nothing",
    ),
    "a field less": (
        lambda d: d["attacks"]["dice"].pop("robust"),
        r"'run': edited: expected 'attacks\.dice\.robust', found nothing",
    ),
    "a text for a number": (
        lambda d: d["dataset"].update(rows="many"),
        r"edited: dataset\.rows: expected a whole number, found 'many'",
    ),
    "a fraction for a count": (
        lambda d: d["clean"]["accuracy"].update(count=1.5),
        r"edited: clean\.accuracy\.count: expected a whole number, found 1\.5",
    ),
    "a number for a rate": (
        lambda d: d["attacks"]["dice"]["robust"].update(accuracy=0.5),
        r"edited: attacks\.dice\.robust\.accuracy: expected a table, found 0\.5",
    ),
    "a table for a text": (
        lambda d: d["dataset"].update(name={"a": 1}),
        r"edited: dataset\.name: expected a text, found a table",
    ),
    "a name that breaks the line": (
        lambda d: d["groups"].update({"a\nb\x1b[31m": 1}),
        r"edited: groups\.a⟨U\+000A⟩b⟨U\+001B⟩\[31m: expected a table, found 1",
    ),
    "a schema that is none": (
        lambda d: d["dataset"]["schema"]["features"][0].update(minimum=2.0),
        r"edited: dataset\.schema\.features\.0: feature 'x0': expected minimum <= maximum",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_no_audit_writes_is_told_in_one_line(audit, what):
    change, expected = WRONG[what]
    document = copy.deepcopy(dict(audit.document))
    change(document)
    with pytest.raises(RunFolderError, match=expected) as refused:
        record_of(document, "run")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("nothing", [None, [], 3, "audit"])
def test_what_is_no_document_is_told(nothing):
    with pytest.raises(RunFolderError, match="expected a table, found"):
        record_of(nothing)


def test_an_option_that_is_not_told_is_not_taken_for_granted(audit):
    config = {name: value for name, value in audit.document["config"].items() if name != "k"}
    edited = rafair.Audit(audit.document | {"config": config}, audit.folder)
    with pytest.raises(RunFolderError, match=r"audit\.json': expected 'config\.k', found nothing"):
        _ = edited.options
    older = rafair.Audit(audit.document | {"config": config | {"k": 0.0}}, audit.folder)
    del older.document["config"]["black_box"]
    assert older.options == audit.options
