"""What alarms and states say in words."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import planted_histories as planted
from rafair.monitoring.telling.alarm_sentences import (
    alarm_message,
    evidence,
    promise_sentence,
    state_sentences,
)


@pytest.mark.parametrize(
    ("falls", "said"),
    [
        (planted.JOINT_FALL, "A joint alarm has stood since window 20: accuracy and individual "),
        (planted.ACCURACY_FALL, "A warning has stood since window 20: accuracy alone fell: "),
        (planted.PROBE_FALL, "A notice to watch has stood since window 20: individual fairness "),
        ({}, "No alarm stands after 40 windows."),
    ],
)
def test_the_state_names_what_fell_and_claims_nothing_else(falls, said):
    history = planted.planted_history(falls=falls)
    sentence = " ".join(state_sentences(history))
    assert sentence.startswith(said)
    assert not re.search(r"\b(fair|unfair|debiased|guarantee)\b", sentence)


def test_a_joint_alarm_says_both_rates_and_where_else_they_fell():
    history = planted.planted_history(21, falls=planted.JOINT_FALL)
    (alarm,) = history.windows[-1].alarms
    sentence = " ".join(state_sentences(history))
    for fall in alarm.falls:
        if fall.rate.startswith("clean."):
            assert f"from {fall.reference.value:.3f} to {fall.now.value:.3f} (-" in sentence
    assert "in the 400 labelled rows since window 20" in sentence
    assert sentence.endswith(
        "where 240 was needed; also under noise and under the strongest search."
    )


def test_an_alarm_that_opens_at_the_newest_window_says_so():
    history = planted.planted_history(20, falls=planted.ACCURACY_FALL)
    assert " ".join(state_sentences(history)).startswith("A warning opened at window 20: ")


def test_a_message_holds_the_alarm_and_one_line():
    history = planted.planted_history(20, falls=planted.JOINT_FALL, name="a\u202eb")
    (alarm,) = history.windows[-1].alarms
    message = alarm_message(history.reference.id, history.reference.run, 20, alarm)
    assert set(message) == {"monitor", "run", "window", "alarm", "text"}
    assert message["alarm"] == alarm.to_dict()
    assert message["text"].startswith("◆ alarm at window 20: accuracy and individual fairness")
    assert message["text"].isprintable()


def test_large_evidence_is_a_power_of_ten():
    fall = planted.planted_history(20, falls=planted.JOINT_FALL).standing[0].falls[0]
    for e_value, log_e, said in ((2981.4, 8.0, "2,981"), (None, 800.0, "10^347")):
        assert evidence(replace(fall, e_value=e_value, log_e=log_e)) == said


def test_the_promise_says_what_alpha_is_the_chance_of():
    said = promise_sentence(alpha=0.01, tolerance=0.025)
    assert "more than 2.5 points below" in said
    assert "however long it runs, is at most 1 %" in said
