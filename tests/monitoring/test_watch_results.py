"""What is told of windows, as types and as JSON: nothing is lost between them."""

from __future__ import annotations

import json

import pytest

import planted_histories as planted
from rafair.errors import RunFolderError
from rafair.monitoring.alarm_types import Alarm, Counted, Unjudged
from rafair.monitoring.stream_record import Refusal
from rafair.monitoring.watch_results import WindowResult, read_window

COUNTS = ["n", "labelled", "late_labels", "waiting_labels", "quarantined", "refusals", "duplicates"]
KEYS = ["window", "source", "opened", "closed", *COUNTS, "outside", "rates", "alarms"]
SHORT = Unjudged(0.5, Counted(1, 3), Counted(0, 0), [Refusal("column 'a': expected 1", 3, "2")])


def results() -> list[WindowResult]:
    found = [
        planted.window_result(
            planted.planted_history(25, falls=falls, late=late, name="a\0\udcff\u202e")
        )
        for falls in (planted.JOINT_FALL, planted.PROBE_FALL, {})
        for late in (0, 1)
    ]
    found[-1].alarms.append(Alarm("data", "warn", 25, True, data=SHORT))
    return found


@pytest.mark.parametrize("result", results())
def test_a_result_is_read_from_its_json(result):
    told = result.to_dict()
    assert list(told) == KEYS
    again = json.loads(json.dumps(told))
    assert again == told, "lists are lists"
    assert read_window(again, "'watch.sqlite'") == result
    for alarm in told["alarms"]:
        assert list(alarm) == ["kind", "level", "opened", "new", "evidence"]
        data = alarm["kind"] == "data"
        assert list(alarm["evidence"]) == ["rates", "cases", *["data"] * data]
        assert (alarm["evidence"]["cases"] == {}) == data


def test_a_result_of_before_there_were_refusals_is_read():
    told = results()[0].to_dict()
    del told["refusals"]
    assert read_window(told, "'watch.sqlite'").refusals == []


def test_a_result_that_was_altered_is_one_line():
    told = results()[0].to_dict()
    told["alarms"][0]["evidence"]["rates"][0]["since"] = "long ago"
    with pytest.raises(RunFolderError) as caught:
        read_window(told, "'watch.sqlite'")
    line = str(caught.value)
    assert line.startswith("'watch.sqlite': edited: alarms.0.evidence.rates.0.since: expected a")


def test_a_history_is_what_its_json_says():
    history = planted.planted_history(25, falls=planted.JOINT_FALL, quarantine=("a;b",))
    told = json.loads(json.dumps(history.to_dict()))
    assert told == history.to_dict()
    assert told["windows"] == [window.to_dict() for window in history.windows]
    assert told["quarantine"][0]["content"] == "a;b"
