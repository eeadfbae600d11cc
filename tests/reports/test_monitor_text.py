"""A watch in the terminal: every rate, every alarm, and nothing of a name that acts."""

from __future__ import annotations

import io

import pytest
from hand_made import HOSTILE
from rich.console import Console

import planted_histories as planted
from rafair.reports.monitor_text import render_state, render_window, window_line


def printed(readable, *, colours=False):
    console = Console(
        file=io.StringIO(), width=100, highlight=False, force_terminal=colours or None
    )
    console.print(readable)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("falls", "said"),
    [
        (planted.JOINT_FALL, "◆ alarm (since window 20)"),
        (planted.ACCURACY_FALL, "▲ warn (since window 20)"),
        (planted.PROBE_FALL, "○ watch (since window 20)"),
        ({}, "No alarm stands."),
    ],
)
def test_a_window_shows_every_rate_and_its_alarm(falls, said):
    history = planted.planted_history(falls=falls, untested=("noise.accuracy",))
    reference, document = history["reference"], planted.window_document(history)
    shown = printed(render_window(document, reference))
    assert said in shown
    lines = iter(shown.splitlines())
    for condition in reference["conditions"]:
        for metric, rate in document["rates"][condition].items():
            wanted = [reference["rates"][condition][metric]["value"], *map(rate.get, ENDS)]
            line = next(line for line in lines if metric.replace("_", " ") in line)
            was, now, low, high = (f"{value:.3f}" for value in wanted)
            fell = f"fell {now}" if _fell(document, f"{condition}.{metric}") else now
            assert " ".join(line.split()).startswith(
                f"{metric.replace('_', ' ')} {was} {fell} {low}–{high}"
            )
            if (condition, metric) == ("noise", "accuracy"):
                assert line.rstrip().endswith("cannot be tested")
    assert "4 labels of earlier windows" in shown
    assert "age 7" in shown
    assert "hours" not in shown


ENDS = ("value", "low", "high")


def _fell(document, rate):
    alarms = document["alarms"]
    return any(rate == fall["rate"] for one in alarms for fall in one["evidence"]["rates"])


def test_rates_without_labels_are_dashes():
    history = planted.planted_history(10, late=2)
    shown = printed(render_window(planted.window_document(history), history["reference"]))
    assert shown.count(" – ") == 6, "accuracy and accurate fairness under three conditions"
    assert "acc – (RAFair –), fairness 0." in window_line(planted.window_document(history))


@pytest.mark.parametrize("windows", [0, 1, 40])
def test_the_state_before_and_after_windows(windows):
    history = planted.planted_history(windows, falls=planted.JOINT_FALL)
    shown = " ".join(printed(render_state(history)).split())
    first = {0: "No window has been judged yet.", 1: "No alarm stands after 1 window."}
    assert shown.startswith(first.get(windows, "A joint alarm has stood since window 20"))
    assert f"{windows:,} windows, {windows * 200:,} rows" in shown
    assert "is at most 5 %" in shown


@pytest.mark.parametrize("falls", [planted.JOINT_FALL, planted.ACCURACY_FALL, {}])
def test_a_line_fits_and_ends_in_its_alarm(falls):
    history = planted.planted_history(falls=falls)
    document = planted.window_document(history) | {"quarantined": 1}
    value = document["rates"]["clean"]["individual_fairness"]["value"]
    assert f"fairness {value:.3f}" in window_line(document)
    for n in (200, 10**9, 10**30):
        line = window_line(document | {"n": n, "labelled": n})
        assert len(line) <= 100
        assert "\n" not in line
        for alarm in document["alarms"]:
            assert line.endswith(f" {alarm['level']} {alarm['kind']}")


@pytest.mark.parametrize("name", [*HOSTILE, "[red]x[/red]", "[/]", "\x1b[31mred", "\x07"])
def test_names_neither_act_nor_are_markup(name):
    history = planted.planted_history(3, name=name)
    document = planted.window_document(history) | {"outside": {name: 2}}
    window = render_window(document, history["reference"])
    shown = printed(window) + printed(render_state(history)) + window_line(document)
    assert shown.replace("\n", "").isprintable()
    if name.startswith("["):
        assert name in shown
    assert "\x1b[31m" not in printed(window, colours=True)
