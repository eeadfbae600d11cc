"""The processes that tests start by forking are processes as others, however early they end."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from forked import Forked, program, run

LONGEST_S = 60


def test_what_a_command_reads_says_and_ends_with():
    done = run("gate", "nothing", timeout=LONGEST_S)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rafair: --policy: expected")
    assert run("--version", timeout=LONGEST_S).stdout.startswith("rafair ")


@pytest.mark.parametrize("after_s", [0, 0.005, 0.01, 0.02, 0.04, 0.08])
def test_what_is_killed_at_its_start_leaves_no_pipe_open(after_s):
    process = Forked("--help")
    time.sleep(after_s)
    process.kill()
    process.communicate(timeout=LONGEST_S)
    assert process.returncode in (0, -signal.SIGKILL)


def test_a_script_calls_the_program_in_its_own_folder_and_with_its_own_variables(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "policy.toml").write_text("version = 9\n")
    script = "set -o pipefail; rafair --version | cat; rafair gate nothing --policy policy.toml"
    with program(tmp_path) as path:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path / "here",
            env=os.environ | {"PATH": os.pathsep.join([str(path.parent), os.environ["PATH"]])},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )
    assert done.returncode == 2
    assert done.stdout.startswith("rafair ")
    assert done.stderr.startswith("rafair: 'policy.toml': version: expected")
