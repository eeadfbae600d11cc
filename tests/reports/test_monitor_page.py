"""The dashboard of a watch: as text, and in a real Chromium."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest
from browsing import opened
from hand_made import HOSTILE
from page_reader import Reader

import planted_histories as planted
from rafair.errors import InputError
from rafair.monitoring.watched_rates import METRICS
from rafair.reports.monitor_page import render_monitor_page, write_monitor_page
from rafair.reports.monitor_series import alarm_spans, runs_of_points
from rafair.sanitize import visible

HISTORIES = {
    "none": lambda: planted.planted_history(),
    "joint": lambda: planted.planted_history(
        falls=planted.JOINT_FALL, quarantine=("a;b", "12,,"), untested=("strongest.accuracy",)
    ),
    "accuracy": lambda: planted.planted_history(falls=planted.ACCURACY_FALL, since=15, until=25),
    "probe": lambda: planted.planted_history(12, falls=planted.PROBE_FALL, since=6),
    "late": lambda: planted.planted_history(12, late=3),
    "one": lambda: planted.planted_history(1),
    "zero": lambda: planted.planted_history(0),
    "many": lambda: planted.planted_history(
        2_000, falls=planted.JOINT_FALL, since=1_500, days=0.04
    ),
    "hostile": lambda: planted.planted_history(
        30, falls=planted.JOINT_FALL, name="".join(HOSTILE), quarantine=HOSTILE
    ),
}


@pytest.fixture(scope="module")
def histories():
    return {name: make() for name, make in HISTORIES.items()}


@pytest.fixture(scope="module")
def pages(histories, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboards")
    for name, history in histories.items():
        write_monitor_page(history, folder / f"{name}.html")
    return folder


@pytest.mark.parametrize("name", HISTORIES)
def test_the_page_is_closed_well_formed_and_small(pages, name):
    text = (pages / f"{name}.html").read_text("utf-8")
    read = Reader(text)
    assert len(text.encode()) < 3_000_000
    assert read.named("script") == []
    assert not [at for _, at in read.elements if "style" in at or any(k[:2] == "on" for k in at)]
    (policy,) = [m["content"] for m in read.named("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy
    identifiers = [at["id"] for _, at in read.elements if "id" in at]
    assert len(identifiers) == len(set(identifiers))
    for _, attributes in read.elements:
        for key in ("aria-labelledby", "href"):
            for one in (attributes.get(key) or "").split():
                assert one.lstrip("#") in identifiers


LOOKED_AT = [
    *product(("joint", "one", "hostile"), ("light", "dark"), (400, 1_400)),
    *(("late", "light", 1_400), ("zero", "dark", 400), ("many", "light", 400)),
]


@pytest.mark.parametrize(("name", "theme", "width"), LOOKED_AT)
def test_it_is_silent_and_axe_finds_nothing(browser, pages, name, theme, width):
    sync = pytest.importorskip("axe_playwright_python.sync_playwright")
    with opened(browser, pages / f"{name}.html", width, color_scheme=theme) as page:
        for summary in page.query_selector_all("summary"):
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (max(map(int, re.findall(r"\d+", ground))) < 80) == (theme == "dark")
        found = sync.Axe().run(page).response["violations"]
        told = [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found]
        assert told == []


@pytest.mark.parametrize(
    ("name", "said", "lane"),
    [
        ("none", "No alarm stands after 40 windows.", None),
        ("joint", "A joint alarm has stood since window 20: accuracy and", "alarm"),
        ("accuracy", "No alarm stands after 40 windows.", "warn"),
        ("probe", "A notice to watch has stood since window 6: individual fairness", "watch"),
        ("one", "No alarm stands after 1 window.", None),
        ("zero", "No window has been judged yet.", None),
    ],
)
def test_the_state_and_alarms_are_texts(browser, histories, pages, name, said, lane):
    with opened(browser, pages / f"{name}.html", java_script_enabled=False) as page:
        assert page.inner_text("#state .lead").startswith(said)
        assert "is at most 5 %" in page.inner_text("#state")
        drawn = {one.text_content() for one in page.query_selector_all(".plot .level")}
        assert drawn == ({lane} if lane else set())
        shown = page.inner_text("#alarms")
        spans = alarm_spans(histories[name].windows)
        assert ("None so far." in shown) == (not spans)
        for span in spans:
            assert f"{span.alarm.level} ({span.alarm.kind})" in shown
            for fall in span.alarm.falls:
                assert f"{fall.reference.value:.3f}\t{fall.now.value:.3f}" in shown


def test_the_quarantine_and_what_cannot_be_tested_are_named(browser, pages):
    with opened(browser, pages / "joint.html") as page:
        shown = page.inner_text("#quarantine")
        assert "column '12,,': expected a number, found '12,,'\t1" in shown
        assert "line 3, window 40" in shown
        assert "accuracy, under the strongest search" in page.inner_text("#state")
        assert page.inner_text("#reference").count("cannot be tested") == 1


def test_tables_hold_the_rates_of_every_window(browser, histories, pages):
    windows = histories["late"].windows
    with opened(browser, pages / "late.html", java_script_enabled=False) as page:
        for metric in METRICS:
            page.click(f"#chart-{metric} summary")
            rows = page.query_selector_all(f"#chart-{metric} tbody tr")
            assert len(rows) == len(windows)
            for row, window in zip(rows, reversed(windows), strict=True):
                cells = [cell.inner_text() for cell in row.query_selector_all("td")]
                rates = [window.rates[one][metric] for one in window.rates]
                expected = [f"{one.value:.3f}" if one else "–" for one in rates]
                assert [cell.split("\n")[0] for cell in cells[:3]] == expected


def test_lines_bands_and_marks_stand_where_the_figures_are(browser, histories, pages):
    """Heights are read off two drawn levels, and then the line is checked against them."""
    history = histories["joint"]
    rate = history.reference.rates["clean"]["accuracy"].value
    bound = history.reference.bounds["clean.accuracy"]
    windows = history.windows
    with opened(browser, pages / "joint.html") as page:
        paths = {
            name: page.get_attribute(f"#chart-accuracy .plot .{name}", "d")
            for name in ("line", "band", "reference", "bound")
        }
        mark = page.query_selector("#chart-accuracy .plot > svg > .alarm").bounding_box()
        box = page.query_selector("#chart-accuracy .plot").bounding_box()
    levels = [float(paths[one].split(" ")[1].split("H")[0]) for one in ("reference", "bound")]
    per_pixel = (rate - bound) / (levels[1] - levels[0])

    def value(height):
        return rate - (float(height) - levels[0]) * per_pixel

    points = [one.split(" ") for one in paths["line"][1:].split("L")]
    band = [one.split(" ") for one in paths["band"][1:-1].split("L")]
    assert len(points) == len(windows)
    for number, window in enumerate(windows):
        told = window.rates["clean"]["accuracy"]
        assert float(points[number][0]) == pytest.approx((number + 0.5) * 25, abs=0.1)
        for (_, height), key in (
            (points[number], "value"), (band[number], "low"), (band[-1 - number], "high")
        ):  # fmt: skip
            key = {"low": "high", "high": "low"}.get(key, key)
            assert value(height) == pytest.approx(getattr(told, key), abs=0.002)
    middle = (mark["x"] + mark["width"] / 2 - box["x"]) / box["width"]
    assert middle == pytest.approx(19.5 / 40, abs=0.003)


def test_labels_that_have_not_come_leave_a_gap(histories):
    windows = histories["late"].windows
    (accuracy,) = runs_of_points(windows, "clean", "accuracy")
    (fairness,) = runs_of_points(windows, "clean", "individual_fairness")
    assert (len(accuracy), len(fairness)) == (9, 12)
    windows = [*windows[:3], windows[-1], *windows[3:6]]
    assert [len(run) for run in runs_of_points(windows, "clean", "accuracy")] == [3, 3]


def test_many_windows_are_pooled_not_dropped_and_it_is_said(browser, histories, pages):
    windows = histories["many"].windows
    (run,) = runs_of_points(windows, "clean", "accuracy")
    assert len(run) == 286
    first = [one.rates["clean"]["accuracy"] for one in windows[:7]]
    assert run[0].value == sum(one.count for one in first) / sum(one.n for one in first)
    assert run[0].low < run[0].value < run[0].high
    with opened(browser, pages / "many.html") as page:
        assert "each point is the rate of 7 windows taken together" in page.inner_text("#rates")
        page.click("#chart-accuracy summary")
        numbers = [
            int(one.inner_text().split("\n")[0].replace(",", ""))
            for one in page.query_selector_all("#chart-accuracy tbody th")
        ]
        assert numbers[:200] == list(range(2_000, 1_800, -1))
        opened_at = {span.first for span in alarm_spans(windows)}
        assert set(numbers[200:]) == {one for one in opened_at if one <= 1_800}
        assert "Of 2,000 windows, the newest 200" in page.inner_text("#chart-accuracy")


def test_an_alarm_at_every_other_window_of_2000_still_fits(tmp_path, browser, histories):
    history = replace(histories["many"], windows=[])
    (alarm,) = histories["many"].windows[-1].alarms
    for window in histories["many"].windows:
        standing = [replace(alarm, opened=window.window)] if window.window % 2 else []
        history.windows.append(replace(window, alarms=standing))
    path = tmp_path / "page.html"
    write_monitor_page(history, path)
    assert path.stat().st_size < 3_000_000
    with opened(browser, path) as page:
        assert "The newest 30 of 1,000 alarms." in page.inner_text("#alarms")


@pytest.mark.parametrize("width", [400, 1_400])
def test_hostile_names_are_shown_and_nothing_of_them_runs(browser, pages, width):
    with opened(browser, pages / "hostile.html", width) as page:
        for summary in page.query_selector_all("summary"):
            summary.click()
        assert page.evaluate("document.querySelectorAll('img, iframe, script').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shown = page.evaluate("document.body.textContent")
        title = page.title()
    for name in HOSTILE:
        assert visible(name) in shown
    assert "\u202e" not in shown + title


def test_spans_of_a_rate_end_where_it_is_no_longer_among_those_that_fell():
    windows = planted.planted_history(10, falls=planted.JOINT_FALL, since=4).windows
    for number in (6, 7):
        (alarm,) = windows[number].alarms
        falls = tuple(one for one in alarm.falls if one.rate != "strongest.accuracy")
        windows[number] = replace(windows[number], alarms=[replace(alarm, falls=falls)])
    whole = [(one.first, one.last, one.stands) for one in alarm_spans(windows)]
    parts = [(one.first, one.last) for one in alarm_spans(windows, "strongest.accuracy")]
    assert whole[-1][1:] == (10, True)
    assert parts[-2:] == [(parts[-2][0], 6), (9, 10)]


def test_it_prints(browser, pages):
    with opened(browser, pages / "joint.html") as page:
        page.emulate_media(media="print")
        assert not page.query_selector("nav.contents").is_visible()
        assert not page.query_selector("summary").is_visible()
        assert page.query_selector("#chart-accuracy .line").is_visible()
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path, histories):
    with pytest.raises(InputError):
        write_monitor_page(histories["one"], tmp_path / "missing" / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_no_sentence_claims_that_a_model_is_fair(histories):
    for history in histories.values():
        text = re.sub(r"<style>.*?</style>", "", render_monitor_page(history), flags=re.DOTALL)
        assert not re.search(r"\b(is|are|was) (fair|unfair|debiased)\b|guarantee", text)
