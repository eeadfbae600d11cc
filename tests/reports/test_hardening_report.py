"""The table and the plot of a hardening, whatever its names are."""

from __future__ import annotations

from made_hardenings import hardening, rate, side
from rafair.blocks.terminal import as_text
from rafair.reports.hardening_blocks import blocks, figure
from rafair.reports.tradeoff_plot import draw_tradeoff
from rafair.results.hardening_record import MeanRate


def record(name="credit", models=2, sd=0.02):
    majority = {"share": 0.68, "robust_accurate_fairness": 0.655, "explains": False}
    sides = side(0.7, 0.6, 0.3, sd), side(0.7, 0.6, 0.7, sd)
    return hardening(*sides, majority, name=name, models=models, sensitive=("[bold]age\u202e",))


def printed(content):
    return as_text(blocks(content), 100)


def test_the_table_shows_both_sides_and_the_change():
    out = printed(record())
    line = next(line for line in out.splitlines() if line.startswith("R-AF at 0.05"))
    assert " ".join(line.split()) == "R-AF at 0.05 0.300 ± 0.020 0.700 ± 0.020 +0.400"
    assert "(4.5 times)" in out
    assert "rose from 0.300 to 0.700 (+40.0 points, 95 % interval +35.0 to +45.0)" in " ".join(
        out.split()
    )
    constant = next(line for line in out.splitlines() if "largest class" in line)
    assert constant.split()[-2:] == ["0.655", "0.655"]


def test_names_are_no_markup():
    out = printed(record())
    assert "[bold]age⟨U+202E⟩" in out
    assert "\u202e" not in out
    assert "Warning: [red]beware" in out


def test_one_network_shows_its_intervals():
    assert figure(MeanRate(**rate(0.5))) == "0.500 [0.45, 0.55]"
    assert "[0.25, 0.35]" in printed(record(models=1, sd=None))


def test_the_plot_is_drawn_of_any_name_and_always_the_same(tmp_path):
    for models in (1, 3):
        content = record(name=r"$\frac{a$ <b>&", models=models)
        files = draw_tradeoff(content, tmp_path)
        first = [path.read_bytes() for path in files]
        assert [path.name for path in files] == ["tradeoff.svg", "tradeoff.png"]
        assert [path.read_bytes() for path in draw_tradeoff(content, tmp_path)] == first
        assert first[0].startswith(b"<?xml")
        assert first[1].startswith(b"\x89PNG")
