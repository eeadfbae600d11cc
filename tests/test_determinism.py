"""The same command and seed give the same figures and rows, whatever the number of threads."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import MAY_DIFFER, document, hashes, rafair, without

COMMANDS = {
    "affairs": ("--epochs", "2", "--instances", "120", "--steps", "5"),
    "adult": ("--dataset", "adult", "--epochs", "1", "--instances", "30", "--steps", "5"),
}


def audited(out: Path, *options: str) -> Path:
    rafair("audit", *options, "--out", out)
    return out


@pytest.mark.parametrize("data", ["affairs", pytest.param("adult", marks=pytest.mark.data)])
def test_one_thread_and_two_give_the_same_audit(data, tmp_path):
    one, two = (
        audited(tmp_path / threads, *COMMANDS[data], "--threads", threads) for threads in "12"
    )
    first, second = document(one), document(two)
    assert (first["environment"]["threads"], second["environment"]["threads"]) == (1, 2)
    assert without(MAY_DIFFER, first) == without(MAY_DIFFER, second)
    assert hashes(one) == hashes(two)


def test_another_seed_gives_another_sample_and_network(tmp_path):
    options = ("--epochs", "1", "--instances", "20", "--steps", "1")
    zero, one = (audited(tmp_path / seed, *options, "--seed", seed) for seed in "01")
    assert document(zero)["model"]["sha256"] != document(one)["model"]["sha256"]
    assert (
        document(zero)["files"]["adversarial.parquet"]
        != (document(one)["files"]["adversarial.parquet"])
    )
    assert document(zero)["dataset"] == document(one)["dataset"]
