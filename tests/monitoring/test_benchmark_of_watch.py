"""The benchmarks of the watch as they are called."""

from __future__ import annotations

from benchmarks import watch_real
from benchmarks.watch import main


def test_it_prints_false_alarms_and_delays(capsys):
    sizes = ["--streams", "2", "--references", "3000", "--window", "100", "--rows", "300"]
    assert main([*sizes, "--populations", "strong", "--losses", "0.2"]) == 0
    said = capsys.readouterr().out
    assert "without drift: 2 streams of 100 windows, alpha 0.05, tolerance 0.01" in said
    assert "0 of 4" in said
    assert "rows until the right alarm: median / 95th percentile / never in 300" in said


def test_it_prints_the_same_of_real_rows(watched, capsys):
    sizes = ["--streams", "2", "--rows", "300", "--losses", "0.25", "0.3"]
    assert watch_real.main([str(watched), *sizes]) == 0
    said = capsys.readouterr().out
    assert "affairs, 1,274 rows; accuracy and fairness: clean" in said
    assert "without drift: 2 streams, alpha 0.05" in said
    assert said.partition("rows until")[0].count("0 of 2") == 2
    title = "rows until the right alarm: median / 95th percentile / never in 300"
    assert title in " ".join(said.split())


def test_it_sends_training_rows_through_the_watch_in_an_order(watched, capsys):
    sizes = ["--by", "yrs_married", "--most", "600", "--window", "100", "--probes", "none"]
    assert watch_real.main([str(watched), *sizes]) == 0
    said = capsys.readouterr().out
    assert "600 training rows in 6 windows, order: random" in said
    assert "600 training rows in 6 windows, order: yrs_married" in said
    assert "0.5 to" in said
    assert "to 23.0" in said
