"""Names that are code, in a real browser: they are shown, and nothing of them runs."""

from __future__ import annotations

import hostile_run
import pytest
from browsing import fitting, opened
from hand_made import HOSTILE, contents_with

from rafair.reports.report_builder import contents_of
from rafair.reports.report_formats import FORMATS
from rafair.sanitize import visible


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory):
    """A page with hostile names wherever there can be a name."""
    path = tmp_path_factory.mktemp("everywhere") / "report.html"
    FORMATS["html"].write(contents_with(HOSTILE, 1_500), path)
    return path


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The page of a real audit of a hostile table and model."""
    folder = tmp_path_factory.mktemp("real") / "run"
    FORMATS["html"].write(contents_of(hostile_run.hostile_audit(folder)), folder / "report.html")
    return folder / "report.html"


def use(page):
    """Filters, sorts and unfolds; every name passes through the script."""
    for button in page.query_selector_all("#case-table thead button"):
        if button.is_visible():  # a narrow screen leaves columns to what a row unfolds to
            button.click()
    for button in page.query_selector_all(".unfold")[:5]:
        button.click()
    for select in page.query_selector_all("#case-controls select"):
        values = select.evaluate("one => [...one.options].map((option) => option.value)")
        for value in values[:6]:
            select.select_option(value)
    page.click("#case-reset")


@pytest.mark.parametrize("width", [400, 1_400])
def test_nothing_of_a_name_is_executed_or_overflows(browser, everywhere, width):
    with opened(browser, everywhere, width) as page:
        assert fitting(page) == 1_500
        use(page)
        made = page.evaluate("document.querySelectorAll('img, iframe, [onerror]').length")
        assert made == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("({}).polluted") is None
        shown = page.evaluate("document.body.textContent")
        options = page.evaluate(
            "[...document.getElementById('case-changed').options].map((one) => one.text)"
        )
    for name in HOSTILE:
        assert visible(name) in shown
    for name in HOSTILE[2:]:  # the first two are sensitive, which nothing moves
        assert " ".join(visible(name).split()) in options


@pytest.mark.parametrize("name", [name for name in HOSTILE if name])
def test_a_name_can_be_searched_for(browser, everywhere, name):
    with opened(browser, everywhere) as page:
        page.fill("#case-text", visible(name))
        assert 0 < fitting(page) <= 1_500


def test_without_script_a_name_is_text_as_well(browser, everywhere):
    with opened(browser, everywhere, java_script_enabled=False) as page:
        shown = page.inner_text("body")
        assert "<script>alert(1)</script>" in shown
        assert "a⟨U+202E⟩b" in shown
        assert "49" not in page.inner_text("#verdict")


def test_a_real_audit_of_hostile_data_and_model(browser, real):
    with opened(browser, real) as page:
        use(page)
        shown = page.evaluate("document.body.textContent")
        title = page.title()
    for name in (*hostile_run.NAMES, *hostile_run.CLASSES, *hostile_run.LEVELS):
        assert visible(name) in shown
    assert visible(hostile_run.SUM) in title
    assert hostile_run.SCRIPT in title
    assert "\u202e" not in shown


def test_axe_finds_nothing_in_hostile_names_either(browser, everywhere):
    sync = pytest.importorskip("axe_playwright_python.sync_playwright")
    with opened(browser, everywhere, 400, color_scheme="dark") as page:
        page.click(".unfold")
        found = sync.Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
