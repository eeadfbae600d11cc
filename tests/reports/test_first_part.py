"""What stands first: its figures, its picture drawn to scale, its policy, its commands."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from itertools import pairwise

import pytest
from browsing import opened
from hand_made import contents_with
from page_reader import Reader

import planted
import rafair
from commands import call, document
from planted_certificates import certified_by_hand, planted_run
from rafair.reports.first_half_page import flow_tables
from rafair.reports.flow_drawing import bands_of, bars_of, described, drawing, scale_of
from rafair.reports.markdown_report import as_markdown
from rafair.reports.page import render_page
from rafair.reports.report_builder import contents_of
from rafair.reports.static_cases import cards
from rafair.results.audit_result import Audit
from rafair.results.verdict_flows import Flows
from rafair.verdicts import Verdict

POLICY = 'version = 1\n[[rule]]\nrate = "{rate}"\nattack = "rafair"\nat_least = {least}\n'


@pytest.fixture(scope="module")
def contents(run):
    return contents_of(Audit.load(run))


@pytest.fixture(scope="module")
def flows(contents):
    return contents.first.flows


def test_the_number_is_the_sentences(run, contents):
    first, said = contents.first, document(run)["attacks"]["strongest"]["robust"]
    kept = said["accurate_fairness"]
    assert (first.number, first.n) == (f"{kept['count']}", kept["n"])
    assert first.sentence.startswith(
        f"Of {kept['n']} people drawn from 1,274 rows, {kept['count']} ("
    )
    assert first.flows.at(1)[Verdict.TRUE_FAIR] == kept["count"]


def test_of_what_is_proven_the_number_is_a_bracket(tmp_path):
    found = certified_by_hand(planted_run(tmp_path / "run"))
    first = contents_of(found).first
    point = found.record.certified["0.1"].accurate_fairness
    most = point.n - point.refuted.count
    assert first.number == f"{point.certified.count}–{most}"
    assert first.sentence.startswith(f"Of 50 people, {point.certified.count} to {most} (")
    left = first.flows.at(1)[Verdict.TRUE_FAIR] - most
    assert (f"true fair a proof refuted {left}." in first.flows_note) == (left > 0)


def test_bars_and_bands_are_to_scale_and_fill_each_other(flows):
    one, bars, bands = scale_of(flows), bars_of(flows), bands_of(flows)
    for stage, spans in enumerate(bars):
        heights = {cell: span.height / one for cell, span in spans.items()}
        told = {cell: count for cell, count in flows.at(stage).items() if count}
        assert heights == pytest.approx(told)
        ordered = sorted(spans.values(), key=lambda span: span.top)
        assert all(upper.bottom < lower.top for upper, lower in pairwise(ordered))
        for cell, span in spans.items():
            for ends in (
                [band.left for band in bands if (band.after, band.start) == (stage, cell)],
                [band.right for band in bands if (band.after, band.end) == (stage - 1, cell)],
            ):
                if ends:
                    top = span.top
                    for end in sorted(ends, key=lambda end: end.top):
                        assert end.top == pytest.approx(top)
                        top = end.bottom
                    assert top == pytest.approx(span.bottom)
    assert {band.after for band in bands} == {0, 1}


def test_the_drawing_says_every_count_and_flow(flows):
    text = " ".join(described(flows))
    for stage in range(len(flows.stages)):
        for cell, count in flows.at(stage).items():
            assert (f"{count} {cell}" in text) == bool(count)
    for stage in (0, 1):
        for (start, end), count in flows.between(stage).items():
            way = f"{count} stay {end}" if start == end else f"{count} from {start} to {end}"
            assert way in text
    drawn = str(drawing(flows, "x"))
    assert f"{text}</desc>" in drawn
    assert drawn.count("<path ") == len(bands_of(flows))
    assert drawn.count("<rect ") == sum(map(len, bars_of(flows)))
    in_cells, ways = flow_tables(flows)
    assert sum(int(row[1]) for row in in_cells.rows) == flows.n
    assert sum(int(row[-1]) for row in ways.rows) == flows.n


def test_one_of_very_many_is_drawn_and_nobody_makes_no_bar():
    fair, biased = Verdict.TRUE_FAIR, Verdict.TRUE_BIASED
    flows = Flows(["as they were", "perturbed"], {(fair, fair): 99_999, (fair, biased): 1}, "pgd")
    assert [list(spans) for spans in bars_of(flows)] == [[fair], [fair, biased]]
    text = str(drawing(flows, "x"))
    assert "nan" not in text
    assert "99,999" in text
    alone = Flows(["as they were"], {(fair,): 7}, None)
    assert not bands_of(alone)
    assert "<path" not in str(drawing(alone, "x"))


def test_cards_are_the_most_telling_of_each_cell_with_what_differs(contents):
    cases = contents.cases
    found = cards(cases)
    assert [card.case.verdict for card in found] == ["true biased", "false fair", "false biased"]
    assert len({card.case.instance for card in found}) == len(found)
    for card in found:
        seen = 2 + bool(card.case.counterpart_prediction)
        assert card.features
        assert all(len(set(feature.values[:seen])) > 1 for feature in card.features)
        differ = [one for one in card.case.features if len(set(one.values[:seen])) > 1]
        assert len(card.features) + card.more == len(differ)
    page = render_page(contents)
    assert page.count('<article class="card"') == 3
    assert 'id="cards"' not in render_page(
        replace(contents, cases=contents_with(("a", "b"), 0).cases)
    )


@pytest.mark.parametrize(("least", "told"), [(0.0, "met"), (1.0, "not met")])
def test_a_policy_is_met_or_not_in_words_and_colour(run, tmp_path, least, told):
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY.format(rate="robust.accuracy", least=least))
    gate = call("gate", run, "--policy", policy, "--json", tmp_path / "gate.json")
    assert gate.code == (told != "met")
    (sentence,) = (
        one["sentence"] for one in json.loads((tmp_path / "gate.json").read_text())["findings"]
    )
    out = tmp_path / "page.html"
    done = call("report", run, "--policy", policy, "--title", "Loans <4>", "--out", out)
    assert (done.code, done.err) == (0, "")
    page = out.read_text("utf-8")
    assert f'class="policy {"passed" if told == "met" else "missed"}"' in page
    assert f"<h3>Policy: <b>{told}</b></h3>" in page
    assert sentence in page
    assert "<title>Loans &lt;4&gt;</title>" in page
    assert f"--policy {shlex.quote(str(policy))}</code>" in page
    text = call("report", run, "--policy", policy, "--format", "markdown", "--out", "-").out
    assert f"### Policy: {told}\n\n- **{told}**: robust.accuracy of rafair" in text


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("version = 2", (), "version"),
        (POLICY.format(rate="robust.acuracy", least=0), (), "robust.accuracy"),
        (POLICY.format(rate="robust.accuracy", least=0), ("--format", "csv"), "html or markdown"),
        (
            POLICY.format(rate="robust.accuracy", least=0),
            ("--format", "model-card"),
            "html or markdown",
        ),
        (None, (), "policy.toml"),
    ],
)
def test_a_wrong_policy_is_a_line(run, tmp_path, text, options, said):
    policy = tmp_path / "policy.toml"
    if text is not None:
        policy.write_text(text)
    done = call("report", run, "--policy", policy, "--out", tmp_path / "report", *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_a_policy_is_not_written_over(run, tmp_path):
    policy = tmp_path / "policy.md"
    policy.write_text(POLICY.format(rate="robust.accuracy", least=0))
    done = call("report", run, "--policy", policy, "--out", policy)
    assert done.code == 2
    assert policy.read_text().startswith("version")
    assert call("report", run, "--title", "x", "--format", "csv", "--out", "-").code == 2


def test_commands_that_are_offered_are_understood(run, contents):
    offered = [command for _, command in contents.first.steps]
    assert "rafair certify RUN" in offered
    for command in offered:
        words = shlex.split(command.partition(" >")[0].replace("RUN", shlex.quote(str(run))))
        program, name, *words = words
        assert program == "rafair"
        if name in ("harden", "certify", "monitor"):  # long work: only what they are asked
            done = call(name, *words, "--no-such-option")
            assert "No such option: --no-such-option" in " ".join(done.err.split())
            continue
        if "--policy" not in words:
            out = ("--out", "-") if name == "report" else ()
            assert call(name, *words, *out).code == 0


def test_a_model_and_table_of_ones_own_are_named_again(contents, run):
    record = Audit.load(run).record
    given = "--data 'my people.csv' --label y --model credit.onnx --trust-pickle"
    own = replace(
        record,
        command=f"rafair audit {given} --instances 5",
        model=replace(record.model, kind="onnx"),
    )
    from rafair.reports.next_steps import next_steps

    offered = [command for _, command in next_steps(own)]
    assert f"rafair harden {given} --method consensus" in offered
    again = "--data 'my people.csv' --model credit.onnx --trust-pickle"
    assert f"rafair monitor init RUN {again}" in offered
    handed_in = replace(own, command="rafair.audit(...)", model=replace(own.model, kind=None))
    names = [command.split()[1] for _, command in next_steps(handed_in)]
    assert not {"harden", "certify", "monitor"} & set(names)


def test_a_repair_never_sounds_like_a_change_of_the_model(contents):
    first = contents.first
    assert "That mends rows; the model stays as it is." in first.flows_note
    assert "true labels, which nobody has when a decision is made" in first.flows_note
    text = as_markdown(contents)
    for promise in ("model was repaired", "repaired model", "debiased", "guarantee"):
        assert promise not in text + render_page(contents)


def test_nobody_left_of_any_group_is_one_line(contents):
    ends = [bars for picture in contents.groups for _, bars in picture.groups[1:]]
    for bars in ends:
        if not any(bar.rate.count for bar in bars):
            assert [bar.label for bar in bars] == ["each of these groups"]
            assert bars[0].rate.n == contents.first.n


def test_without_an_attack_the_page_stands_and_says_so(tmp_path):
    table = planted.random_table(60, seed=1)
    contents = contents_of(rafair.audit(planted.network(5), table, attacks=(), out=tmp_path / "r"))
    assert contents.first.flows.stages == ["as they were"]
    page = render_page(contents)
    Reader(page)
    assert "what happens once they change was not tried" in page
    assert "rows repaired" not in page


def overlaps(page):
    return page.evaluate(
        """() => {
          const boxes = [...document.querySelectorAll(".flow text")].map((one) => [
            one.textContent, one.getBoundingClientRect()]);
          const wrong = [];
          boxes.forEach(([a, r], i) => boxes.slice(i + 1).forEach(([b, s]) => {
            const apart = r.right <= s.left || s.right <= r.left
              || r.bottom - 3 <= s.top || s.bottom - 3 <= r.top;
            if (!apart) wrong.push([a, b]);
          }));
          return wrong;
        }"""
    )


@pytest.mark.parametrize("width", [400, 1_200, 1_400])
def test_nothing_runs_off_the_edge_or_over_other_words(browser, run, width):
    with opened(browser, run / "report.html", width) as page:
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.click(".unfold")
        wide = page.evaluate(
            """() => [...document.querySelectorAll(".scroll, .picture, .card, figure, pre, dl")]
              .filter((one) => one.scrollWidth > one.clientWidth + 1)
              .map((one) => `${one.className} ${one.scrollWidth} > ${one.clientWidth}`)"""
        )
        assert wide == []
        assert overlaps(page) == []
        beyond = page.evaluate(
            """(width) => [...document.querySelectorAll("svg :is(circle, path, rect, text)")]
              .map((one) => one.getBoundingClientRect())
              .filter((box) => box.width && (box.left < -0.5 || box.right > width + 0.5)).length""",
            width,
        )
        assert beyond == 0


def test_points_at_both_ends_are_whole(browser, run):
    """A dot may reach over the end of its scale, and nothing around it may cut it off."""
    with opened(browser, run / "report.html", 400) as page:
        cut = page.evaluate(
            """() => [...document.querySelectorAll(".strip :is(circle, path)")].filter((mark) => {
              for (let up = mark.parentNode; up.id !== "main"; up = up.parentNode) {
                if (getComputedStyle(up).overflow === "visible") continue;
                const [a, b] = [mark, up].map((one) => one.getBoundingClientRect());
                if (a.width && (a.left < b.left || a.right > b.right)) return true;
              }
              return false;
            }).length"""
        )
        assert cut == 0
        assert re.search('x="(0|100)%" y="11" overflow="visible"', page.content())
