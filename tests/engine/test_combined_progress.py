"""One bar over many parts: it neither overshoots nor falls short."""

from __future__ import annotations

import pytest

from rafair.engine.combined_progress import WholeProgress


class Bar:
    def __init__(self) -> None:
        self.done = 0.0

    def advance(self, amount: float = 1) -> None:
        assert amount >= 0
        self.done += amount


def test_parts_count_as_much_as_they_were_said_to():
    bar = Bar()
    whole = WholeProgress(bar)
    with whole.part(100), whole.task("audit", 1000) as task:
        task.advance(250)
        assert bar.done == pytest.approx(25)
        # it needed fewer rows than it might have
    assert bar.done == pytest.approx(100)
    with whole.part(50):
        pass  # done before
    assert bar.done == pytest.approx(150)
    with whole.part(10), whole.task("audit", 5) as task:
        for _ in range(8):
            task.advance()
    assert bar.done == pytest.approx(160)


def test_a_task_of_unknown_length_counts_when_its_part_ends():
    bar = Bar()
    whole = WholeProgress(bar)
    with whole.part(7):
        with whole.task("download", None) as task:
            task.advance(1_000)
        assert bar.done == 0
    assert bar.done == 7


def test_notes_of_parts_are_not_shown(capsys):
    WholeProgress(Bar()).note("200 of 1,274 rows")
    assert capsys.readouterr() == ("", "")
