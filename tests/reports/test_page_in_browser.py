"""A real audit in a real Chromium: silent, whole, usable by keyboard and without script."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
from browsing import column, fitting, opened, status

from commands import document
from rafair.reports.report_builder import contents_of
from rafair.results.audit_result import Audit
from rafair.results.rate_headers import COLUMNS
from rafair.sanitize import visible

THEMES = ("light", "dark")
WIDTHS = (400, 1_400)


@pytest.fixture(scope="module")
def contents(run):
    return contents_of(Audit.load(run))


@pytest.fixture(scope="module")
def report(run):
    return run / "report.html"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_it_is_silent_and_nothing_scrolls_sideways(browser, report, theme, width):
    with opened(browser, report, width, color_scheme=theme) as page:
        for button in page.query_selector_all(".unfold")[:5]:
            button.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, re.findall(r"\d+", ground))) < 80) == (theme == "dark")


@pytest.mark.parametrize(
    ("theme", "width", "script"),
    [*((*case, True) for case in product(THEMES, WIDTHS)), ("light", 400, False)],
)
def test_axe_finds_nothing(browser, report, tmp_path, theme, width, script):
    """With the page's script, and as it is without it (axe is a script itself)."""
    sync = pytest.importorskip("axe_playwright_python.sync_playwright")
    path = report
    if not script:
        path = tmp_path / "static.html"
        path.write_text(report.read_text("utf-8").rpartition("<script>")[0], "utf-8")
    with opened(browser, path, width, script=script, color_scheme=theme) as page:
        page.click(".unfold" if script else ".detail summary")
        found = sync.Axe().run(page).response["violations"]
        told = [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]][:3])
            for one in found
        ]
        assert told == []


def test_figures_are_those_of_the_document(browser, run, report):
    said = document(run)
    with opened(browser, report, java_script_enabled=False) as page:
        before, over, after = [
            {
                row.query_selector("th").inner_text(): [
                    cell.inner_text().split("\n") for cell in row.query_selector_all("td")
                ]
                for table in page.query_selector_all("#rates table")
                for row in table.query_selector_all("tbody tr")
                if table.query_selector("caption").inner_text() == title
            }
            for title in ("Before and after perturbation", "Over all steps", "After the repair")
        ]
        audited = page.query_selector_all("#audited caption")
        assert [one.inner_text() for one in audited] == [
            "How far features may move",
            "What it cost",
        ]

    def cells(section, keys):
        rates = [section[key] for key in keys]
        return [[f"{r['value']:.3f}", f"{r['low']:.2f}–{r['high']:.2f}"] for r in rates]

    keys = list(COLUMNS)
    assert before.pop("clean") == over.pop("clean") == cells(said["clean"], keys)
    for name, attack in said["attacks"].items():
        robust = cells(attack["robust"], keys[:3])
        if name == "strongest":  # of which no iterates are kept
            assert over.pop(name) == [*robust, ["–"], ["–"], ["–"]]
            continue
        assert before.pop(name) == cells(attack["outcome"], keys)
        assert over.pop(name) == robust + cells(attack["exposed"], keys[3:])
    for name, repair in said["repairs"].items():
        assert after.pop(name) == [*cells(repair["final"], keys), *cells(repair, ["corrected"])]
    assert not before
    assert not over
    assert not after


def test_dots_stand_where_the_rates_are(browser, run, report):
    groups = document(run)["groups"]
    feature = next(iter(document(run)["dataset"]["sensitive"]))
    said = next(iter(groups[feature].values()))["clean"]["accurate_fairness"]
    with opened(browser, report) as page:
        strip = page.query_selector("#groups .strip")
        box = strip.query_selector("circle").bounding_box()
        # the drawing overflows its box at the ends of the scale: its cell's content is the scale
        scale = page.evaluate(
            """strip => {
              const cell = strip.parentNode, style = getComputedStyle(cell);
              const { left, right } = cell.getBoundingClientRect();
              return [left + parseFloat(style.paddingLeft), right - parseFloat(style.paddingRight)];
            }""",
            strip,
        )
        place = (box["x"] + box["width"] / 2 - scale[0]) / (scale[1] - scale[0])
        assert place == pytest.approx(said["value"], abs=0.005)


def test_without_script_everything_is_there(browser, report, contents):
    with opened(browser, report, java_script_enabled=False) as page:
        rows = page.query_selector_all("#case-table > tbody")
        assert len(rows) == min(200, len(contents.cases))
        first = rows[0].inner_text()
        assert str(contents.cases.instance[0]) in first
        rows[0].query_selector("summary").click()
        compared = rows[0].query_selector(".compared").inner_text()
        for feature in contents.cases.features:
            assert feature.name in compared
            assert feature.texts[feature.clean[0]] in compared
            assert feature.texts[feature.perturbed[0]] in compared
        assert not page.query_selector("#case-controls").is_visible()
        assert page.query_selector('#verdict svg[role="img"]').is_visible()
        assert page.query_selector("#groups circle").is_visible()
        assert page.query_selector("#rates table").is_visible()


def test_all_cases_are_there_and_filters_agree_with_the_columns(browser, report, contents):
    cases = contents.cases
    with opened(browser, report) as page:
        assert fitting(page) == len(cases)
        for name in ("verdict", "before", "attack"):
            told = getattr(cases, name)
            for code in np.unique(told.codes):
                page.select_option(f"#case-{name}", label=told.texts[code])
                assert fitting(page) == (told.codes == code).sum(), (name, told.texts[code])
            page.click("#case-reset")
            options = page.evaluate(
                f"[...document.getElementById('case-{name}').options].map((one) => one.text)"
            )
            offered = [text for text in options if text in told.texts]
            assert offered == [told.texts[code] for code in np.unique(told.codes)], "none is empty"
        page.select_option("#case-before", label="another cell (new)")
        assert fitting(page) == cases.newly_found
        assert 0 < cases.newly_found < len(cases)
        assert all(was != now for was, now in zip(column(page, 2), column(page, 1), strict=True))
        page.click("#case-reset")
        for feature in cases.features:
            moved = feature.clean != feature.perturbed
            if moved.any():
                page.select_option("#case-changed", label=feature.name)
                assert fitting(page) == moved.sum()
        page.click("#case-reset")
        assert fitting(page) == len(cases)


@pytest.mark.parametrize("text", ["graduate", "17.5", "FALSE", "rafair-tb", "nothing of the kind"])
def test_text_is_found_in_every_value(browser, report, contents, text):
    cases = contents.cases
    expected = np.zeros(len(cases), bool)
    columns = [getattr(cases, name) for name in COLUMNS_OF_CASES]
    pairs = [(column.texts, column.codes) for column in columns]
    pairs += [
        (feature.texts, getattr(feature, kind))
        for feature in cases.features
        for kind in ("clean", "perturbed", "counterpart", "repaired")
    ]
    for texts, codes in pairs:
        hits = [number for number, value in enumerate(texts) if text.lower() in value.lower()]
        expected |= np.isin(codes, hits)
    with opened(browser, report) as page:
        page.fill("#case-text", text)
        assert fitting(page) == expected.sum()
        if not expected.any():
            (only,) = page.query_selector_all("#case-table > tbody > tr")
            assert "No case fits these filters" in only.inner_text()


COLUMNS_OF_CASES = (
    *("attack", "verdict", "before", "label", "clean_prediction", "prediction"),
    *("counterpart_prediction", "repaired_prediction", "repaired_verdict"),
)


def test_columns_sort_both_ways(browser, report, contents):
    with opened(browser, report) as page:
        header = page.query_selector('th[data-key="step"]')
        assert header.get_attribute("aria-sort") is None
        for order, said in ((1, "ascending"), (-1, "descending"), (1, "ascending")):
            header.query_selector("button").click()
            assert header.get_attribute("aria-sort") == said
            steps = [int(text) for text in column(page, 4)]
            assert steps == sorted(contents.cases.step.tolist())[::order][: len(steps)]
        page.click('th[data-key="attack"] button')
        assert header.get_attribute("aria-sort") is None
        assert column(page, 3) == sorted(column(page, 3))


def test_every_case_unfolds_to_what_the_columns_say(browser, report, contents):
    cases = contents.cases
    with opened(browser, report) as page:
        for number, button in enumerate(page.query_selector_all(".unfold")[:12]):
            button.click()
            told = page.evaluate(
                """() => [...document.querySelectorAll(".compared tbody tr")].map((row) => [
                  row.cells[0].firstChild.textContent,
                  [...row.cells].slice(1).map((cell) => [cell.textContent, cell.className === "c"]),
                ])"""
            )
            rows = {name: [tuple(cell) for cell in cells] for name, cells in told}
            for feature in cases.features:
                codes = {
                    kind: int(getattr(feature, kind)[number])
                    for kind in ("clean", "perturbed", "counterpart", "repaired")
                }
                codes = {kind: code for kind, code in codes.items() if code != -1}
                texts = [visible(feature.texts[code]) for code in codes.values()]
                clean, perturbed = codes["clean"], codes["perturbed"]
                marks = [
                    False,
                    clean != perturbed,
                    *(c != perturbed for c in list(codes.values())[2:]),
                ]
                if len(set(texts)) == 1:
                    texts, marks = texts[:1], [False]
                assert rows[feature.name] == list(zip(texts, marks, strict=True))
            button.click()
            assert page.query_selector(".compared") is None


def test_the_keyboard_alone_is_enough(browser, report, contents):
    def focused(page):
        return page.evaluate("document.activeElement.id || document.activeElement.className")

    def tab_to(page, wanted):
        for _ in range(100):
            if wanted(page):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"never reached; at {focused(page)}")

    with opened(browser, report) as page:
        page.keyboard.press("Tab")
        assert focused(page) == "skip"
        page.keyboard.press("Enter")
        tab_to(page, lambda page: focused(page) == "case-text")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.keyboard.type("true biased")
        narrowed = fitting(page)
        assert 0 < narrowed < len(contents.cases)
        tab_to(page, lambda page: focused(page) == "case-verdict")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        assert page.query_selector("#case-verdict").input_value() != ""
        tab_to(page, lambda page: focused(page) == "case-reset")
        page.keyboard.press("Enter")
        assert fitting(page) == len(contents.cases)
        in_header = "document.activeElement.parentNode.dataset.key === 'step'"
        tab_to(page, lambda page: page.evaluate(in_header))
        page.keyboard.press("Space")
        assert page.query_selector('th[aria-sort="ascending"]').inner_text().startswith("Step")
        tab_to(page, lambda page: focused(page) == "unfold")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
        assert page.query_selector(".compared").is_visible()
        tab_to(page, lambda page: focused(page) == "case-next")
        page.keyboard.press("Enter")
        assert "shown are 51 to" in status(page)
        assert page.query_selector(".compared") is None


def test_it_prints(browser, report):
    with opened(browser, report) as page:
        page.emulate_media(media="print")
        assert not page.query_selector("#case-controls").is_visible()
        assert not page.query_selector("nav.contents").is_visible()
        bodies = page.query_selector_all("#case-table > tbody")
        assert [body.is_visible() for body in bodies[:21]] == [True] * 20 + [False]
        assert page.query_selector(".printed").is_visible()
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert len(page.query_selector_all(".compared")) == 20
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert page.query_selector(".compared") is None
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    with opened(browser, report, java_script_enabled=False) as page:
        page.emulate_media(media="print")
        assert page.query_selector(".compared").is_visible(), "paper cannot be unfolded"
        assert page.pdf().startswith(b"%PDF")
