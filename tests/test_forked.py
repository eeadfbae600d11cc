"""The processes that tests start by forking are processes as others, however early they end."""

from __future__ import annotations

import signal
import time

import pytest

from forked import Forked, run

LONGEST_S = 60


def test_what_a_command_reads_says_and_ends_with():
    done = run("gate", "nothing", timeout=LONGEST_S)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rafair: policy: expected")
    assert run("--version", timeout=LONGEST_S).stdout.startswith("rafair ")


@pytest.mark.parametrize("after_s", [0, 0.005, 0.01, 0.02, 0.04, 0.08])
def test_what_is_killed_at_its_start_leaves_no_pipe_open(after_s):
    process = Forked("--help")
    time.sleep(after_s)
    process.kill()
    process.communicate(timeout=LONGEST_S)
    assert process.returncode in (0, -signal.SIGKILL)
