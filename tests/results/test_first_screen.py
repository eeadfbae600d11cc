"""What an audit says first fits on a screen, and says what its record holds."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import planted
import rafair
from planted_certificates import certified_by_hand, planted_run
from rafair.blocks.block_types import Cells
from rafair.blocks.terminal import as_text
from rafair.metrics.rate_format import as_fraction
from rafair.metrics.rates import rate
from rafair.results.audit_record import WholeRates
from rafair.results.audit_result import Audit
from rafair.results.first_screen import MEANING, MOST_LINES, ROOMS, first_screen
from rafair.results.headline import headline
from rafair.results.headline_attacks import leaders
from rafair.results.main_table import METRICS, main_table
from rafair.tabular.table import Table

REST = ["Everything else: rafair show runs/a · as a page: runs/a/report.html"]
LONG = "a warning that goes on and on, about rows, columns and all that is between them " * 6


def shown(audit: Audit, record=None, width: int = 80) -> str:
    case = next(iter(audit.cases(limit=1)), None)
    return as_text(first_screen(record or audit.record, case, REST, width), width)


@pytest.fixture(scope="module")
def curve() -> Audit:
    """Six budgets, and features with long names."""
    names = {"x0": "what is paid in all " * 8, "s0": "where people were born " * 8}
    table = planted.random_table(80, n_free=3, domains=(4, 3), seed=8)
    features = tuple(
        one.model_copy(update={"name": names.get(one.name, one.name)})
        for one in table.schema.features
    )
    schema = table.schema.model_copy(update={"features": features})
    renamed = Table(table.frame.rename(columns=names), table.labels, schema, "long")
    budgets = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2)
    return rafair.audit(planted.network(5, seed=1), renamed, steps=4, epsilons=budgets)


@pytest.fixture(scope="module")
def certified(tmp_path_factory) -> Audit:
    return certified_by_hand(planted_run(tmp_path_factory.mktemp("certified") / "run"))


@pytest.fixture(scope="module")
def both() -> Audit:
    table = planted.random_table(60, n_free=3, domains=(4, 3), seed=8)
    options = {"steps": 4, "perturbation": "both", "epsilon": 0.1}
    return rafair.audit(planted.network(5, seed=1), table, **options)


def whole(audit: Audit) -> WholeRates:
    rates = {name: rate(30_000 + place, 54_321) for place, name in enumerate(METRICS)}
    return WholeRates(54_321, {**audit.record.clean.rates, **rates})


@pytest.mark.parametrize("which", ["curve", "certified", "both"])
@pytest.mark.parametrize("warned", [0, 1, 9])
@pytest.mark.parametrize("of_file", [False, True], ids=["rows", "a file"])
@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_on_a_screen(which, warned, of_file, width, request):
    audit = request.getfixturevalue(which)
    record = replace(audit.record, warnings=[f"{number}: {LONG}" for number in range(warned)])
    if of_file:
        record = replace(record, whole=whole(audit))
    text = shown(audit, record, width)
    lines = text.splitlines()
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= width
    assert lines[-1] == REST[0]
    said = " ".join(text.split())
    assert said.startswith(headline(record))
    table = text.index("robust accuracy") if width == 120 else text.index("as they came  ")
    assert text.count("Warning: ") == text.count("Warning: ", 0, table)
    assert ("Warning: 0: a warning" in text) == bool(warned)
    assert ("more)" in said) == (warned == 9)
    assert "all rows" in text or not of_file


def test_everything_said_is_of_the_record(curve):
    record = curve.record
    (attack,) = leaders(record)
    cells = main_table(record, 99)
    names = ["as they came", *(f"up to {one:g}" for one in record.options.epsilons)]
    assert [row[0] for row in cells.rows] == names
    robust = [point.robust[attack] for point in record.curve.values()]
    for row, rates in zip(
        cells.rows, [record.clean.rates, *robust, record.attacks[attack].robust], strict=True
    ):
        expected = [
            f"{as_fraction(one.value)} {as_fraction(one.low, 2)}–{as_fraction(one.high, 2)}"
            for one in (rates[name] for name in METRICS)
        ]
        assert row[1:] == [*expected, f"{rates['accurate_fairness'].count}"]
    assert "(strongest)" in cells.note
    assert "Not all budgets are shown." not in cells.note


@pytest.mark.parametrize(("most", "shown"), [(1, "6"), (2, "16"), (3, "136"), (5, "12356")])
def test_of_many_budgets_some_are_shown_and_the_largest_always(curve, most, shown):
    cells = main_table(curve.record, most)
    budgets = [f"up to {one:g}" for one in curve.record.options.epsilons]
    assert [row[0] for row in cells.rows[1:]] == [budgets[int(number) - 1] for number in shown]
    assert cells.note.endswith("Not all budgets are shown.")


def test_what_is_proven_stands_below_what_was_tried(certified):
    record = certified.record
    rows = main_table(record, 9).rows
    assert [row[0] for row in rows] == [
        "as they came",
        "up to 0.02",
        "  certified",
        "up to 0.1",
        "  certified",
    ]
    for row, point in zip(rows[2::2], record.certified.values(), strict=True):
        for cell, metric in zip(row[1:4], METRICS, strict=True):
            low, high = point.by_property[metric].bracket
            assert cell == (f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}")
        found = point.accurate_fairness
        ends = found.certified.count, found.n - found.refuted.count
        assert row[4] == ("{}–{}".format(*ends) if ends[0] < ends[1] else f"{ends[0]}")
    alone = main_table(replace(record, attacks={}, curve=None), 9)
    assert [row[0] for row in alone.rows] == ["as they came", "up to 0.02", "up to 0.1"]
    fewer = replace(record, certificate=replace(record.certificate, n=20))
    assert "nothing was found against, of 20 people." in main_table(fewer, 9).note


def test_both_kinds_of_perturbations_have_a_row(both):
    cells = main_table(both.record, 9)
    assert [row[0] for row in cells.rows] == ["as they came", "up to 0.1", "  could happen"]
    for row, attack in zip(cells.rows[1:], leaders(both.record), strict=True):
        assert row[-1] == f"{both.record.attacks[attack].robust['accurate_fairness'].count}"


def test_a_case_is_told_in_plain_words(both):
    text = " ".join(shown(both).split())
    case = both.cases(limit=1)[0]
    assert (
        f"A case, of class '{case.label}': row {case.instance} (from 0) came "
        f"{MEANING[case.clean_verdict]} (" in text
    )
    assert f"({case.verdict})." in text
    assert f"({case.attack}, step {case.step})." in text
    assert re.search(rf"prediction +{case.clean_prediction} +{case.prediction}", text)


def test_without_attacks_only_rows_as_they_came_are_told():
    table = planted.random_table(40, seed=2)
    audit = rafair.audit(planted.network(5, seed=1), table, attacks=())
    cells = main_table(audit.record, 5)
    assert [row[0] for row in cells.rows] == ["as they came"]
    assert not any("robust" in header for header in cells.headers)
    text = shown(audit)
    assert "A case" not in text
    assert "Robust" not in text


def test_a_narrow_terminal_gets_the_least(curve):
    blocks = first_screen(curve.record, curve.cases(limit=1)[0], REST, 30)
    (table,) = [block for block in blocks if isinstance(block, Cells)]
    assert len(table.rows) == 1 + ROOMS[-1].budgets


def test_printed_it_is_the_same_and_the_rest_is_a_method_away(both, capsys):
    text = str(both)
    assert len(text.splitlines()) <= MOST_LINES
    assert text.splitlines()[-1] == (
        "Everything else: the method `show` · as a page: `rafair.report`"
    )
    both.show()
    rest = capsys.readouterr().out
    for part in ("Over all steps", "After the repair", "What it cost", "Options", "Cases"):
        assert f"\n{part}\n" in rest


def test_of_a_case_the_sensitive_features_and_the_largest_changes_come_first(both):
    case = next(one for one in both.cases() if one.counterpart)
    assert all(len(set(values)) > 1 for _, *values in case.rows)  # what does not differ is no row
    sensitive = {name for name in both.schema.sensitive if name in {row[0] for row in case.rows}}
    for most in range(1, len(case.rows) + 1):
        told = case.largest_changes(most)
        assert len(told) == most
        assert [row for row in case.rows if row in told] == told  # in their order
        assert len(sensitive & {row[0] for row in told}) == min(most - 1, len(sensitive))
    moved = {
        name: abs(float(case.perturbed[name]) - float(case.clean[name]))
        for name in case.changed
        if name not in sensitive
    }
    kept = {row[0] for row in case.largest_changes(len(sensitive) + 1)} - sensitive
    assert kept == {max(moved, key=moved.get)}
