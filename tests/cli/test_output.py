"""What happens to the output when its reader stops, or there is no room for it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import planted
import rafair
from rafair.blocks.terminal import as_text
from rafair.results.rate_headers import COLUMNS
from rafair.results.show_everything import everything

PROGRAM = [sys.executable, "-c", "from rafair.cli.main import main; main()"]


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    command = " ".join([f"'{part}'" for part in [*PROGRAM, "data", "show", "affairs"]])
    for reader in ("head -1", "true"):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command} | {reader}"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("options", [[], ["--json", "-"]])
def test_no_room_for_the_output(options):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "data", "list", *options], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 3
    assert done.stderr == "rafair: standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    "attacks",
    [("rafair",), ("pgd:restarts=10", "eidig:momentum=0.5,update_interval=5")],
    ids=["short names", "long names"],
)
@pytest.mark.parametrize("columns", [80, 100, 120])
def test_no_figure_is_cut_off(columns, attacks):
    table = planted.random_table(20, domains=(3, 2))
    result = rafair.audit(planted.network(5), table, attacks=attacks, steps=2, step_size=0.05)
    text = as_text(everything(result), columns)
    assert "…" not in text
    shown = [result.document["clean"][rate] for rate in COLUMNS] * 2  # in two tables
    for attack in result.document["attacks"].values():
        shown += [*attack["robust"].values(), *attack["exposed"].values()]
        shown += [attack["outcome"][rate] for rate in COLUMNS]
    for repair in result.document["repairs"].values():
        shown += [repair["corrected"], *(repair["final"][rate] for rate in COLUMNS)]
    intervals = [f"{rate['low']:.2f}–{rate['high']:.2f}" for rate in shown]
    assert sorted(re.findall(r"\d\.\d\d–\d\.\d\d", text)) == sorted(intervals)


def test_data_alone_shows_its_help():
    done = subprocess.run([*PROGRAM, "data"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: rafair data")
    assert done.stderr == ""
