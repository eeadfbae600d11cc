"""What is proven as the page and the Markdown report lay it out, by known verdicts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from page_reader import Reader

from planted_certificates import certified_by_hand, planted_run
from rafair.metrics.rates import rate
from rafair.reports.certificate_pictures import proven_figures, proven_picture
from rafair.reports.dot_charts import line
from rafair.reports.markdown_report import as_markdown
from rafair.reports.model_card import as_model_card
from rafair.reports.page import render_page
from rafair.reports.report_builder import contents_of
from rafair.reports.report_contents import Bar
from rafair.results.verdict_text import summary

EPSILONS = ("0.02", "0.1")


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return planted_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def plain(bare):
    return contents_of(bare)


@pytest.fixture(scope="module")
def run(bare, plain):
    return certified_by_hand(bare)


@pytest.fixture(scope="module")
def contents(run):
    return contents_of(run)


def test_bars_go_from_certified_to_not_refuted(run, contents):
    picture = contents.proven
    names = ["accurate_fairness", "individual_fairness", "accuracy"]
    assert len(picture.groups) == len(names)
    for name, (_, bars) in zip(names, picture.groups, strict=True):
        assert [bar.label for bar in bars] == [f"epsilon {one}" for one in EPSILONS]
        for epsilon, bar in zip(EPSILONS, bars, strict=True):
            standings = run.record.certified[epsilon].by_property[name]
            assert (bar.rate.value, bar.upper.value) == standings.bracket
            assert bar.rate.count < bar.upper.count


def test_figures_have_all_four_verdicts_of_everybody(run, contents):
    figures = contents.proven_figures
    rows = [row for row in figures.rows if any(row[1:])]
    assert len(rows) == 3 * len(EPSILONS)
    certified = []
    for row in rows:
        counts = [int(re.search(r"\((\d+)\)\n", cell)[1]) for cell in row[1:]]
        certified.append(run.record.clean.n - sum(counts))
    shown = [bar.rate.count for _, bars in contents.proven.groups for bar in bars]
    assert sorted(certified) == sorted(shown), "with the bars they are everybody"
    assert "What is proven" not in [table.title for table in contents.tables]


def test_a_bar_is_drawn_where_its_ends_are():
    known, wide = Bar("known", rate(3, 8), "proven", upper=rate(3, 8)), rate(6, 8)
    stroke, bar = line(known), line(Bar("wide", rate(2, 8), "proven", upper=wide))
    assert (stroke.figure, stroke.counted) == ("0.375", "3 of 8")
    assert stroke.drawing.count('x1="37.5%" x2="37.5%"') == 2
    assert (bar.figure, bar.counted) == ("0.250–0.750", "2–6 of 8")
    assert '<rect x="25%" width="50%"' in bar.drawing
    low, high = (f"{100 * end:.4g}" for end in (rate(2, 8).low, wide.high))
    assert f'<line x1="{low}%" x2="{high}%"' in bar.drawing


def test_the_page_and_markdown_have_the_part(run, contents):
    page = render_page(contents)
    headings = [one["id"] for one in Reader(page).named("section")]
    assert headings.index("budgets") < headings.index("proven") < headings.index("groups")
    assert page.count('class="strip band"') == 3 * len(EPSILONS)
    text = as_markdown(contents)
    assert "## What is proven" in text
    assert "### Refuted and open" in text
    low, high = run.record.certified["0.1"].accurate_fairness.bracket
    assert f"| {low:.3f}–{high:.3f}<br>" in text
    assert "guaranteed" not in page + text


def test_one_epsilon_is_enough(run):
    only = {"0.1": run.record.certified["0.1"]}
    record = replace(run.record, certified=only, curve=None)
    assert [len(bars) for _, bars in proven_picture(record).groups] == [1, 1, 1]
    assert len(proven_figures(record).rows) == 4


def test_a_run_without_a_certificate_has_no_such_part(plain):
    assert plain.proven is plain.proven_figures is None
    page = render_page(plain)
    assert 'id="proven"' not in page
    assert 'strip band"' not in page
    assert "proven" not in as_markdown(plain)


def test_words_and_the_model_card_name_the_shares(run, contents, plain):
    found = run.record.certified["0.1"].accurate_fairness
    left = found.n - found.refuted.count
    assert contents.summary[0].startswith(f"Of 50 people, {found.certified.count} to {left} (")
    assert contents.summary[0].endswith(
        f": proven for {found.certified.count} of 50 people; no violation found for {left}."
    )
    fewer = replace(run.record, certificate=replace(run.record.certificate, n=20))
    neither = found.open.count + found.near_tie.count
    (said,) = [one for one in summary(fewer) if one.startswith("Certified at epsilon 0.1: ")]
    assert f"proven of {found.certified.count} (" in said
    assert f"{found.refuted.count} (" in said
    assert said.endswith(f"were refuted; of {neither} neither is known.")
    card = as_model_card(contents)
    assert f"certified accurate fairness {found.certified.count} (" in card
    assert "certified accurate fairness" not in as_model_card(plain)
    alone = replace(run.record, attacks={}, repairs={}, curve=None)
    assert summary(alone)[-1].startswith("No attack was run: of perturbed data is known")
