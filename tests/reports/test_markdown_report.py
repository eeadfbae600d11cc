"""Reports in Markdown, parsed by an independent parser: texts of others stay texts."""

from __future__ import annotations

import re
from pathlib import Path

import hostile_run
import numpy as np
import pytest
from hostile_run import hostile_audit
from markdown_it import MarkdownIt

import planted
import rafair
from rafair.blocks import markdown
from rafair.blocks.markdown import block, code, escaped
from rafair.metrics.rates import rate
from rafair.reports.dot_charts import line, picture
from rafair.reports.markdown_report import as_markdown
from rafair.reports.model_card import as_model_card
from rafair.reports.page import render_page
from rafair.reports.regulatory_clauses import CLAUSES, FIGURES, FRAMEWORKS
from rafair.reports.report_builder import contents_of
from rafair.reports.report_contents import PARTS, Bar, Chart
from rafair.results.rate_headers import COLUMNS
from rafair.results.share_text import share_of
from rafair.sanitize import visible
from rafair.tabular.table import Table

COMMENT = "<!-- -->"


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    return contents_of(hostile_audit(tmp_path_factory.mktemp("runs") / "hostile"))


def parsed(text):
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def leaves(tokens):
    for token in tokens:
        yield token
        yield from leaves(token.children or [])


@pytest.mark.parametrize(
    "text",
    [
        *hostile_run.NAMES,
        *hostile_run.LEVELS,
        *hostile_run.CLASSES,
        hostile_run.LINK,
        "# heading",
        "- item",
        "+ item",
        "1. item",
        "2) item",
        "> quote",
        "===",
        "---",
        "a | b",
        "~~gone~~ $x$ &amp; &lt;b&gt;",
        "![image](x.png) [ref]: http://x.y",
        "<a href='x'>y</a> <!-- hidden",
        "\\*not\\*",
        "_emphasis_ snake_case __init__",
        "``` fence",
        "",
    ],
)
def test_a_text_is_shown_as_it_is_wherever_it_stands(text):
    for document in (escaped(text), f"- {escaped(text)}", f"# a {escaped(text)}"):
        kinds = {token.type for token in leaves(parsed(document))}
        assert not kinds & {"link_open", "image", "em_open", "strong_open", "s_open", "code_inline"}
        assert not kinds & {"html_block", "fence", "code_block", "blockquote_open", "hr"}
        shown = "".join(
            token.content
            for token in leaves(parsed(document))
            if token.type in ("text", "text_special")
        )
        assert visible(text).strip() in shown
        inline = [t.content for t in leaves(parsed(document)) if t.type == "html_inline"]
        assert set(inline) <= {COMMENT}
    row = f"| a | b |\n| :-- | :-- |\n| {escaped(text)} | end |"
    cells = [token for token in parsed(row) if token.type == "td_open"]
    assert len(cells) == 2


def test_names_and_numbers_that_a_forge_would_link_are_parted():
    assert escaped("@user and a@b.c, #12, GH-3") == (
        f"@{COMMENT}user and a@{COMMENT}b.c, #{COMMENT}12, GH-{COMMENT}3"
    )
    assert escaped("http://x.y www.x.y") == "http\\://x.y www\\.x.y"
    assert escaped("0.5 to 2.5 years, rate_marriage, rafair-ff") == (
        "0.5 to 2.5 years, rate_marriage, rafair-ff"
    )


@pytest.mark.parametrize("text", ["plain", "a`b", "```", " x ", "", "`"])
def test_code_holds_any_text(text):
    (span,) = (token for token in leaves(parsed(code(text))) if token.type == "code_inline")
    assert span.content.strip() == text.strip()
    (fence,) = (token for token in parsed(block(text)) if token.type == "fence")
    assert fence.content == f"{text}\n"


@pytest.mark.parametrize("layout", [as_markdown, as_model_card])
def test_nothing_of_others_acts_in_a_report(contents, layout):
    text = layout(contents)
    tokens = list(leaves(parsed(text)))
    assert not [token for token in tokens if token.type in ("link_open", "image", "html_block")]
    inline = {token.content for token in tokens if token.type == "html_inline"}
    assert inline <= {COMMENT, "<br>"}
    shown = "\n".join(token.content for token in tokens if token.type.startswith("text"))
    assert hostile_run.SCRIPT in shown
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u200b\u202e]", text)
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1


def test_the_report_says_everything(contents):
    text = as_markdown(contents)
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "Verdict",
        "Before, under and after perturbation",
        *(["By group"] if contents.groups else []),
        *(["Where violations concentrate"] if contents.features else []),
        "Which features were moved",
        "All cases",
        "What was audited",
        "To repeat the run",
        "How to read this",
    ]
    assert set(headings) <= set(PARTS.values())
    assert text.count(", step ") == 50
    assert f"The 50 most telling of {len(contents.cases)}" in text


def test_literal_parts():
    table = planted.random_table(40, n_free=2, domains=(2,), seed=1)
    network = planted.linear([2.0, -1.0, 0.5], -0.4)
    audit = rafair.audit(network, planted.mostly_right(table, network), steps=2, step_size=0.1)
    clean = audit.document["clean"]
    lines = as_markdown(contents_of(audit)).splitlines()
    assert lines[0] == "# Audit of Sequential on planted"
    start = lines.index("### Before and after perturbation")
    cells = " | ".join(
        f"{rate['value']:.3f}<br>{rate['low']:.2f}–{rate['high']:.2f}"
        for rate in (clean[key] for key in COLUMNS)
    )
    assert lines[start + 4] == f"| clean | {cells} |"
    case = audit.cases(limit=1)[0]
    row = next(line for line in lines if line.startswith(f"| {case.instance} | {case.attack}, st"))
    for name, before, after, _ in case.rows:
        if before != after:
            assert f"{name}: {before} → {after}" in row


def test_few_rates_stand_beside_each_other_and_many_below():
    bars = [Bar(f"b{number}", None) for number in range(5)]

    def lines(groups):
        text = markdown.as_markdown([picture(Chart("title", groups, "note"), "x")])
        return [line for line in text.splitlines() if line]

    few = [("female", bars[:2]), ("male", bars[:2])]
    assert lines(few) == [
        "### title",
        "note",
        "|  | b0 | b1 |",
        "| :-- | --: | --: |",
        "| female | – | – |",
        "| male | – | – |",
    ]
    assert lines([("rate", bars)])[2:5] == ["|  | rate |", "| :-- | --: |", "| b0 | – |"]
    assert lines([("x", bars), ("y", bars)])[2] == "|  | x | y |"
    apart = lines([("x", bars[:1]), ("y", bars[1:2])])
    assert apart[2] == "| x | share | 95 % interval | count |"
    assert apart[5] == "| y | share | 95 % interval | count |"
    assert len([line for line in lines([(h, bars) for h in "vwxyz"]) if ":--" in line]) == 5


def test_a_report_without_attacks_says_so():
    table = planted.random_table(40, seed=1)
    text = as_markdown(contents_of(rafair.audit(planted.network(5), table, attacks=())))
    assert "## Rows as they are" in text
    assert "no case to show" in text
    assert "robust" not in text.lower()


def test_every_figure_of_the_card_has_a_text_and_clauses_that_are_explained(contents):
    explained = {(clause.framework, clause.place) for clause in CLAUSES}
    used = set()
    assert set(contents.evidence) == {figure.key for figure in FIGURES}
    for figure in FIGURES:
        assert contents.evidence[figure.key]
        for framework, places in zip(FRAMEWORKS, figure.clauses, strict=True):
            assert places
            used |= {(framework.name, place) for place in places}
    assert used == explained
    text = as_model_card(contents)
    assert "None of them says that a clause is met." in text
    for promise in ("guarantee", "compliant", "complies", "debiased", "certif"):
        assert promise not in text.lower()


def test_what_was_not_measured_is_never_called_equal():
    """50 instances in small groups and bands: nothing can be compared."""
    table = planted.random_table(50, n_free=2, domains=(4, 3), seed=2)
    contents = contents_of(rafair.audit(planted.network(4), table, steps=2))
    assert contents.evidence["groups"] == (
        "Not measured: no feature has two groups of at least 30 instances."
    )
    missing = (
        "Not measured: no feature has two values or bands of at least 30 instances to be compared."
    )
    assert contents.evidence["features"] == contents.features_missing == missing
    for layout in (as_markdown, as_model_card, render_page):
        text = layout(contents)
        assert missing in text
        for clear in ("instances differ", "differ by more", "No feature tells"):
            assert clear not in text


def test_the_card_counts_what_was_there_before_any_step(contents):
    cases = contents.cases
    text = {name: np.array(getattr(cases, name).texts) for name in ("verdict", "before")}
    known = sum(
        text["verdict"][after] == text["before"][before]
        for after, before in zip(cases.verdict.codes, cases.before.codes, strict=True)
    )
    assert 0 < known < len(cases)
    told = (
        f"{len(cases)} cases, of which {known} were in that cell before any step, and "
        f"{len(cases) - known} were newly found"
    )
    assert told in as_model_card(contents)
    assert told in as_markdown(contents)
    assert told in render_page(contents)


def test_a_share_is_rounded_alike_in_every_format():
    """315 of 400 is 0.7875, which no binary number is."""
    bar = Bar("b", rate(315, 400))
    drawn = picture(Chart("title", [("g", [bar])]), "x")
    (shown,) = re.findall(r"\| b \| (.*?)<br>", markdown.as_markdown([drawn]))
    assert shown == "0.788" == line(bar).figure
    assert f"<b>{shown}</b>" in drawn.drawing
    assert str(rate(315, 400)).startswith(shown)
    assert share_of(rate(3150, 4000)).startswith("3,150 (78.8 %")


def test_the_parts_have_the_names_that_the_manual_gives_them(contents):
    manual = (Path(__file__).parents[2] / "docs/report.md").read_text("utf-8")
    told = re.findall(r"^\*\*(.*?)\.\*\*", manual, re.MULTILINE)
    assert told == list(PARTS.values())
    page = render_page(contents)
    headings = [re.sub("<.*?>", "", text) for text in re.findall("<h2 id=.*?>(.*?)</h2>", page)]
    assert set(headings[1:]) <= set(told)
    links = re.findall('<li><a href="#.*?">(.*?)</a>', page)
    assert [re.sub("<.*?>", "", text) for text in links] == headings[1:]
    assert PARTS["groups"] in headings


def test_long_names_are_cut_in_texts():
    names = {"x0": "L" * 800, "s0": "S" * 800}
    table = planted.random_table(120, n_free=3, domains=(2, 2), seed=8)
    features = tuple(
        feature.model_copy(update={"name": names.get(feature.name, feature.name)})
        for feature in table.schema.features
    )
    schema = table.schema.model_copy(update={"features": features})
    frame = table.frame.rename(columns=names)
    audit = rafair.audit(
        planted.network(5, seed=1), Table(frame, table.labels, schema, "D" * 800), steps=2
    )
    contents = contents_of(audit)
    shown = [as_markdown(contents).partition("## To repeat the run")[0], as_model_card(contents)]
    for text in (*shown, str(audit)):
        assert "…" in text
        for letter in "LSD":
            assert letter * 80 not in text
