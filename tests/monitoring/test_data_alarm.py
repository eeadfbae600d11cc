"""Windows of which little could be judged: an alarm of its own kind, everywhere alarms are told."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from prometheus_client import CollectorRegistry

from rafair.errors import InputError
from rafair.monitoring.alarm_types import Counted
from rafair.monitoring.entry import Place, Stream, check_file, watch_stream
from rafair.monitoring.evidence.alarm_levels import unjudged
from rafair.monitoring.finished_windows import history_at
from rafair.monitoring.incoming.refusal_summary import summed
from rafair.monitoring.stop_request import Stop
from rafair.monitoring.stream_record import Refused
from rafair.monitoring.telling.prometheus_metrics import Collector, Snapshot
from rafair.monitoring.watch_results import WindowResult
from rafair.reports.monitor_page import render_monitor_page
from receivers import Receiver
from streams import frame_of, write_stream
from watch_commands import run


@pytest.fixture
def rows(affairs) -> pd.DataFrame:
    return frame_of(affairs.test).sample(1_000, random_state=1).astype({"age": object})


def spoilt(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of which none can be judged: a column is called otherwise, and half have a bad age."""
    bad = rows.rename(columns={"children": "kids"})
    bad.iloc[::2, bad.columns.get_loc("age")] = "old"
    return bad


def kinds(result: WindowResult) -> list[tuple[str, str, int, bool]]:
    return [(one.kind, one.level, one.opened, one.new) for one in result.alarms]


def watched(place: Place, **options) -> tuple[bool, list[WindowResult]]:
    """What a watch of the inbox told."""
    results: list[WindowResult] = []
    stream = Stream(str(place.run.parent / "in"), once=True, **options)
    return watch_stream(place, stream, results.append, Stop()), results


def test_a_file_of_which_nothing_can_be_judged_is_an_alarm(folder, rows):
    data = write_stream(spoilt(rows), folder.parent / "bad.csv")
    for _ in range(2):  # the second time the stored result is shown
        done = run("check", folder, "--data", data)
        assert done.returncode == 1, done.stderr
        said = " ".join(done.stdout.split())
        assert "No alarm" not in said
        assert "▲ warn (opened at this window)" in said
        assert "0 of 1,000 rows could be judged, where at least 50 % are to be" in said
        refused = said.split("Refused: ")[1:]
        assert len(refused) == 2, "one for each column and kind of fault"
        assert "'children': expected" in refused[0]
        assert "found no such column (1,000 records)" in refused[0]
        assert "found such as 'old' (500 records)" in refused[1]


def test_it_stands_from_window_to_window_and_is_told_everywhere(folder, rows):
    with Receiver() as receiver:
        place = Place(folder, webhook=receiver.url)
        bad = write_stream(spoilt(rows), folder.parent / "bad.csv")
        first, _ = check_file(place, str(bad))
        second, _ = check_file(place, str(write_stream(spoilt(rows[:30]), bad)))
        history = history_at(place)
        sound, _ = check_file(place, str(write_stream(rows[:400], bad)))
        (message,) = [json.loads(body) for _, body in receiver.taken]
    assert [kinds(one) for one in (first, second, sound)] == [
        [("data", "warn", 1, True)],
        [("data", "warn", 1, False)],
        [],
    ]
    assert first.alarms[0].data.rows == Counted(judged=0, refused=1_000)
    told = first.to_dict()["alarms"][0]["evidence"]["data"]
    assert told["rows"] == {"judged": 0, "refused": 1_000}
    assert message["alarm"]["kind"] == "data"
    assert message["text"].startswith("▲ warn at window 1: 0 of 1,000 rows could be judged")
    registry = CollectorRegistry()
    registry.register(Collector(lambda: Snapshot.of(history)))
    labels = {"kind": "data", "level": "warn"}
    assert registry.get_sample_value("rafair_monitor_alarm", labels) == 1
    page = render_monitor_page(history)
    assert "A warning has stood since window 1: 0 of 30 rows could be judged" in page
    assert "counted, not tested" in page
    page = render_monitor_page(history_at(place))
    assert "No alarm stands after 3 windows." in page
    assert "windows 1 to 2, opened" in page


def test_a_stream_of_which_nothing_can_be_judged_has_windows(folder, rows):
    write_stream(spoilt(rows[:250]), folder.parent / "in" / "a.jsonl")
    alarmed, results = watched(Place(folder), window_rows=100)
    assert alarmed
    assert [one.quarantined for one in results] == [100, 100, 50]
    assert [kinds(one)[0][2:] for one in results] == [(1, True), (1, False), (1, False)]
    write_stream(rows[:90], folder.parent / "in" / "b.jsonl")
    alarmed, results = watched(Place(folder), window_rows=100)
    assert (alarmed, [kinds(one) for one in results]) == (False, [[]])


@pytest.mark.parametrize(("least", "alarms"), [(0.0, 0), (0.6, 0), (0.61, 1), (1.0, 1)])
def test_the_share_can_be_chosen(folder, rows, least, alarms):
    part = rows[:100].copy()
    part.iloc[:40, part.columns.get_loc("age")] = "old"
    data = write_stream(part, folder.parent / "part.csv")
    result, _ = check_file(Place(folder, least_judged=least), str(data))
    assert (result.n, result.quarantined) == (60, 40)
    assert len(result.alarms) == alarms


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(folder, least):
    with pytest.raises(InputError, match="least_judged: expected a number from 0 up to 1"):
        Place(folder, least_judged=least)


def test_labels_alone_are_counted_apart_from_rows(folder, rows):
    data = folder.parent / "labels.jsonl"
    rest = [{"id": f"w{n}", "label": "affair"} for n in range(400)]
    lines = [*rest, {"id": "x", "age": "old"}]
    data.write_text("".join(json.dumps(one) + "\n" for one in lines))
    result, _ = check_file(Place(folder), str(data))
    assert result.alarms[0].data.rows == Counted(judged=0, refused=1)
    data.write_text("".join(json.dumps(one | {"label": "maybe"}) + "\n" for one in rest))
    result, _ = check_file(Place(folder), str(data))
    (alarm,) = result.alarms
    assert alarm.data.labels == Counted(judged=0, refused=400)
    assert alarm.data.rows == Counted(judged=0, refused=0)
    assert result.refusals[0].count == 400


def test_nothing_that_came_is_no_alarm():
    assert unjudged({"rows": (0, 0), "labels": (0, 0)}, 1.0, 1, {}) == []


def test_reasons_are_summed_up_by_column_and_kind_of_fault():
    sentences = [
        ("column 'a': expected 1, found 'x, found y'", "column 'b': expected a level, found 'q'"),
        ("column 'a': expected 1, found 7", "column 'b': expected a level, found a missing value"),
        ("column 'a': expected 1, found no such column",),
        ("id 'k: expected the ': expected once, found again with other values",),
        ("id 'm': expected once, found again with other values",),
        ("label of id 'm': expected the one that was counted before, found others",),
        ("expected JSON: Expecting value, character 1",),
        ("expected JSON: Expecting ',' delimiter, character 9",),
    ]
    found = summed(Refused("-", n, "; ".join(one), "", one) for n, one in enumerate(sentences))
    assert {(one.reason, one.count, one.example) for one in found} == {
        ("column 'a': expected 1", 2, "'x, found y'"),
        ("column 'a': expected 1, found no such column", 1, ""),
        ("column 'b': expected a level", 1, "'q'"),
        ("column 'b': expected a level, found a missing value", 1, ""),
        ("id: expected one row of each", 2, "others of id 'k: expected the '"),
        ("id: expected one label of each", 1, "others of id 'm'"),
        ("expected JSON", 2, "text that is none (Expecting value, character 1)"),
    }  # fmt: skip
