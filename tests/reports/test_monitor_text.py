"""A watch in the terminal: every rate, every alarm, and nothing of a name that acts."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hand_made import HOSTILE
from rich.console import Console

import planted_histories as planted
from rafair.blocks.terminal import render
from rafair.reports.monitor_text import state_blocks, window_blocks, window_line


def printed(readable, *, colours=False):
    console = Console(
        file=io.StringIO(), width=100, highlight=False, force_terminal=colours or None
    )
    console.print(render(readable))
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
    reference, result = history.reference, planted.window_result(history)
    shown = printed(window_blocks(result, reference))
    assert said in shown
    lines = iter(shown.splitlines())
    for condition in reference.conditions:
        for metric, rate in result.rates[condition].items():
            wanted = [reference.rates[condition][metric].value, rate.value, rate.low, rate.high]
            line = next(line for line in lines if metric.replace("_", " ") in line)
            was, now, low, high = (f"{value:.3f}" for value in wanted)
            fell = f"fell {now}" if _fell(result, f"{condition}.{metric}") else now
            assert " ".join(line.split()).startswith(
                f"{metric.replace('_', ' ')} {was} {fell} {low}–{high}"
            )
            if (condition, metric) == ("noise", "accuracy"):
                assert line.rstrip().endswith("cannot be tested")
    assert "4 labels of earlier windows" in shown
    assert "age 7" in shown
    assert "hours" not in shown


def _fell(result, rate):
    return any(rate == fall.rate for one in result.alarms for fall in one.falls)


def test_rates_without_labels_are_dashes():
    history = planted.planted_history(10, late=2)
    shown = printed(window_blocks(planted.window_result(history), history.reference))
    assert shown.count(" – ") == 6, "accuracy and accurate fairness under three conditions"
    assert "acc – (searched –), fairness 0." in window_line(planted.window_result(history))


@pytest.mark.parametrize("windows", [0, 1, 40])
def test_the_state_before_and_after_windows(windows):
    history = planted.planted_history(windows, falls=planted.JOINT_FALL)
    shown = " ".join(printed(state_blocks(history)).split())
    first = {0: "No window has been judged yet.", 1: "No alarm stands after 1 window."}
    assert shown.startswith(first.get(windows, "A joint alarm has stood since window 20"))
    assert f"{windows:,} windows, {windows * 200:,} rows" in shown
    assert "is at most 5 %" in shown


@pytest.mark.parametrize("falls", [planted.JOINT_FALL, planted.ACCURACY_FALL, {}])
def test_a_line_fits_and_ends_in_its_alarm(falls):
    history = planted.planted_history(falls=falls)
    result = replace(planted.window_result(history), quarantined=1)
    value = result.rates["clean"]["individual_fairness"].value
    assert f"fairness {value:.3f}" in window_line(result)
    for n in (200, 10**9, 10**30):
        line = window_line(replace(result, n=n, labelled=n))
        assert len(line) <= 100
        assert "\n" not in line
        for alarm in result.alarms:
            assert line.endswith(f" {alarm.level} {alarm.kind}")


@pytest.mark.parametrize("name", [*HOSTILE, "[red]x[/red]", "[/]", "\x1b[31mred", "\x07"])
def test_names_neither_act_nor_are_markup(name):
    history = planted.planted_history(3, name=name)
    result = replace(planted.window_result(history), outside={name: 2})
    window = window_blocks(result, history.reference)
    shown = printed(window) + printed(state_blocks(history)) + window_line(result)
    assert shown.replace("\n", "").isprintable()
    if name.startswith("["):
        assert name in shown
    assert "\x1b[31m" not in printed(window, colours=True)
