"""Cases as CSV: read back by others, and no cell that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess

import hostile_run
import pandas as pd
import pytest
from hostile_run import hostile_audit

import planted
import rafair
from rafair.blocks.spreadsheet import cell
from rafair.results.case_details import show
from rafair.sanitize import visible


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return hostile_audit(tmp_path_factory.mktemp("runs") / "hostile")


@pytest.fixture(scope="module")
def path(hostile):
    return rafair.report(hostile, format="csv")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("", ""),
        ("-1.5", "-1.5"),
        ("1e-06", "1e-06"),
        ("-.5", "-.5"),
        ("-1.5 dollars", "'-1.5 dollars"),
        ("+1", "'+1"),
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
        ("  =1", "'  =1"),
        ("'=1", "''=1"),
        ('"=1', "'\"=1"),
        ("\t=1", "'⟨U+0009⟩=1"),
        ("\rA1", "'⟨U+000D⟩A1"),
        ("\n1", "'⟨U+000A⟩1"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20x", "'\uff20x"),
        ("\ufe631", "'\ufe631"),
        ("a;=1", "a;'=1"),
        ("a; -2", "a;' -2"),
        ("٣", "٣"),
        ("<=50K", "<=50K"),
        ("a=b", "a=b"),
    ],
)
def test_cells(text, shown):
    assert cell(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("año 漢字 שלום ❤️", "año 漢字 שלום ❤️"),
        ("a\u202eb\u2066c", "a⟨U+202E⟩b⟨U+2066⟩c"),
        ("a\u200bb\ufeffc\u00add", "a⟨U+200B⟩b⟨U+FEFF⟩c⟨U+00AD⟩d"),
        ("\x00\x1b[2J\x7f\x85", "⟨U+0000⟩⟨U+001B⟩[2J⟨U+007F⟩⟨U+0085⟩"),
        ("a\r\nb\u2028c", "a⟨U+000D⟩⟨U+000A⟩b⟨U+2028⟩c"),
        ("\ud800\U000e0041\u3164", "⟨U+D800⟩⟨U+E0041⟩⟨U+3164⟩"),
    ],
)
def test_what_acts_unseen_is_spelt_out(text, shown):
    assert visible(text) == shown
    assert visible(shown) == shown


def test_the_file_begins_with_a_byte_order_mark_and_ends_lines_as_the_standard_says(path):
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbfcase,instance,attack,step,verdict,before,label,")
    assert content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")


def test_no_cell_can_be_computed(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert len({len(row) for row in rows}) == 1
    cells = [text for row in rows for text in row]
    guarded = 0
    for text in cells:
        for part in text.split(";"):
            bare = part.lstrip(" \t\"`'")
            if re.match(r"[=+\-@\uff1d]", bare):
                number = re.fullmatch(r"-\d+(\.\d+)?", text)
                assert number or part.startswith("'"), text
                guarded += not number
        assert not re.search("[\x00-\x1f\x7f\u200b\u202e]", text)
    assert guarded > 50
    assert any(re.fullmatch(r"-\d+(\.\d+)?", text) for text in cells)


def test_pandas_reads_numbers_as_numbers_and_every_value(hostile, path):
    frame = pd.read_csv(path, encoding="utf-8-sig")
    cases = hostile.cases()
    assert frame["case"].tolist() == list(range(1, len(cases) + 1))
    assert frame["instance"].tolist() == [case.instance for case in cases]
    assert frame["step"].tolist() == [case.step for case in cases]
    number, integer, levels, sensitive, _ = hostile_run.NAMES
    assert frame[f"{integer}: perturbed"].dtype.kind in "if"
    assert (frame[f"{integer}: perturbed"] < 0).any()
    unit = hostile_run.FORMULA
    column = frame[f"{number} ({unit}): as it was"]
    assert column.dtype.kind == "f"
    feature = hostile.schema[number]
    assert [f"{value:g} {unit}" for value in column] == [
        show(feature, case.clean[number]) for case in cases
    ]
    assert frame[f"{cell(levels)}: as it was"].tolist() == [
        "missing" if pd.isna(case.clean[levels]) else cell(case.clean[levels]) for case in cases
    ]
    others = frame[f"{visible(sensitive)}: counterpart"]
    assert [None if pd.isna(value) else value for value in others] == [
        None if case.counterpart is None else cell(case.counterpart[sensitive]) for case in cases
    ]
    assert frame["changed"].fillna("").tolist() == [cell("; ".join(case.changed)) for case in cases]
    assert f"{integer}: counterpart" not in frame  # it is that of the perturbed row


def test_literal_rows(tmp_path):
    table = planted.random_table(40, n_free=2, domains=(2,), seed=1)
    audit = rafair.audit(planted.linear([2.0, -1.0, 0.5], -0.4), table, steps=2, step_size=0.1)
    content = rafair.report(audit, "csv", tmp_path / "cases.csv").read_text("utf-8-sig")
    header, first = content.splitlines()[:2]
    assert header == (
        "case,instance,attack,step,verdict,before,label,clean_prediction,prediction,"
        "counterpart_prediction,repaired_prediction,repaired_verdict,changed,x0: as it was,"
        "x0: perturbed,x0: repaired,x1: as it was,x1: perturbed,x1: repaired,s0: as it was,"
        "s0: perturbed,s0: counterpart,s0: repaired,smallest_epsilon"
    )
    case = audit.cases(limit=1)[0]
    cells = next(csv.reader(io.StringIO(first)))
    assert cells[:10] == [
        "1",
        str(case.instance),
        case.attack,
        str(case.step),
        str(case.verdict),
        str(case.clean_verdict),
        case.label,
        case.clean_prediction,
        case.prediction,
        case.counterpart_prediction or "",
    ]


def test_an_audit_without_attacks_has_a_header_and_no_row():
    table = planted.random_table(20, seed=1)
    audit = rafair.audit(planted.network(5), table, attacks=())
    assert len(rafair.report(audit, "csv").read_text("utf-8-sig").splitlines()) == 1


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_libreoffice_computes_nothing(path, tmp_path):
    command = ["soffice", "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76"]
    subprocess.run([*command, "--outdir", str(tmp_path), str(path)], check=True, timeout=120)
    with (tmp_path / path.name).open(encoding="utf-8", newline="") as file:
        converted = list(csv.reader(file))
    with path.open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.reader(file))
    assert converted[1][2] == written[1][2]
    assert not any("Err:" in text or "#NAME" in text for row in converted for text in row)
