"""Reports in Markdown, parsed by an independent parser: texts of others stay texts."""

from __future__ import annotations

import re

import hostile_run
import pytest
from hostile_run import hostile_audit
from markdown_it import MarkdownIt

import planted
import rafair
from rafair.reports.contents import Bar, Picture
from rafair.reports.frameworks import CLAUSES, FIGURES, FRAMEWORKS
from rafair.reports.gathering import contents_of
from rafair.reports.markdown import as_markdown, picture_parts
from rafair.reports.markdown_text import block, code, escaped
from rafair.reports.model_card import as_model_card
from rafair.visible import visible

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
        "Before, under and after perturbation",
        *(["By group"] if contents.groups else []),
        *(["Where violations concentrate"] if contents.features else []),
        "Which features were moved",
        "Every rate",
        "Cases",
        "How to read this",
        "To repeat this run",
    ]
    assert text.count(", step ") == 50
    assert f"The 50 most telling of {len(contents.cases)}" in text


def test_literal_parts():
    table = planted.random_table(40, n_free=2, domains=(2,), seed=1)
    network = planted.linear([2.0, -1.0, 0.5], -0.4)
    audit = rafair.audit(network, planted.mostly_right(table, network), steps=2, step_size=0.1)
    clean = audit.document["clean"]
    lines = as_markdown(contents_of(audit)).splitlines()
    assert lines[0] == "# Audit of Sequential on planted"
    start = lines.index("## Before, under and after perturbation")
    accuracy, fairness, both = (
        f"**{100 * rate['value']:.1f} %** ({100 * rate['low']:.1f} to {100 * rate['high']:.1f} %; "
        f"{rate['count']} of 40)"
        for rate in (clean[k] for k in ("accuracy", "individual_fairness", "accurate_fairness"))
    )
    assert lines[start + 4 : start + 7] == [
        "|  | Accuracy | Individual fairness | Accurate fairness (right and equal) |",
        "| :-- | --: | --: | --: |",
        f"| as they are | {accuracy} | {fairness} | {both} |",
    ]
    case = audit.cases(limit=1)[0]
    row = next(line for line in lines if line.startswith(f"| {case.instance} | {case.attack}, st"))
    for name, before, after, _ in case.rows:
        if before != after:
            assert f"{name}: {before} → {after}" in row


def test_few_rates_stand_beside_each_other_and_many_below():
    bars = [Bar(f"b{number}", None) for number in range(5)]

    def lines(groups):
        picture = Picture("title", groups, "note")
        return [line for part in picture_parts(picture, 3) for line in part.splitlines()]

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
