"""Blocks say the same on a terminal, in Markdown and in a notebook, and no name acts in any."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from rafair.blocks.block_types import (
    Block,
    Card,
    Cells,
    Facts,
    Folded,
    Heading,
    Picture,
    Said,
    Strong,
    Tone,
    warnings,
)
from rafair.blocks.markdown import as_markdown
from rafair.blocks.notebook import as_html
from rafair.blocks.spreadsheet import as_csv
from rafair.blocks.terminal import as_text, render

HOSTILE = "<b>\u202e[bold]x[/]\x1b[31m|`@all` ::error::"
RATE = "0.500\n0.40–0.60"


def everything(name: str) -> list[Block]:
    return [
        Heading(f"About {name}"),
        Said([f"said of {name}"], Tone.STRONG),
        warnings([f"of {name}"]),
        Facts([("Data", f"holds {name}")]),
        Cells(
            "Rates", ["", "value"], [[name, ""], ["  clean", "0.500\n0.40–0.60"]], f"note {name}"
        ),
        Card(f"case {name}", ["", "before", "after"], [["age", "3", name]], f"of {name}"),
        Picture(f"picture {name}", [Cells("", ["", "rate"], [["clean", RATE]])], f"see {name}"),
        Folded("more", [Said([f"folded {name}"], listed=True)]),
    ]


@pytest.mark.parametrize("width", [40, 100])
def test_a_terminal_shows_all_and_nothing_acts(width):
    text = as_text(everything(HOSTILE), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert all(sign.isprintable() for sign in text.replace("\n", ""))
    said = "".join(text.split())
    shown = "<b>⟨U+202E⟩[bold]x[/]⟨U+001B⟩[31m|`@all`⟨U+003A⟩:error::"
    assert said.count(shown) == 12
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=width).print(render(everything(HOSTILE)))
    assert "\x1b[31m" not in stream.getvalue()


def test_markdown_and_html_show_the_same_as_text():
    page = MarkdownIt("commonmark").enable("table").render(as_markdown(everything(HOSTILE)))
    for shown in (page, as_html(everything(HOSTILE))):
        assert "<b>⟨" not in shown
        assert "\u202e" not in shown
        assert shown.count("&lt;b&gt;⟨U+202E⟩") == 12
        for part in ("said of", "holds", "Rates", "note", "case", "0.40–0.60"):
            assert part in shown
    ElementTree.fromstring(f"<div>{as_html(everything(HOSTILE))}</div>".replace("<br>", " "))


def test_a_row_of_which_only_the_name_says_something_is_a_heading():
    cells = Cells("", ["", "first"], [["clean", ""], ["  accuracy", "0.5"]], dense=True)
    assert "| **clean** |  |" in as_markdown([cells])
    assert "| accuracy | 0.5 |" in as_markdown([cells])
    lines = as_text([cells]).splitlines()
    assert [line.rstrip() for line in lines[2:]] == ["clean", "  accuracy    0.5"]


def test_tones_show_on_a_terminal_and_stress_in_markdown():
    cells = Cells("", ["", "rule"], [["failed", "a"], ["fine", "b"]], tones={"failed": Tone.BAD})
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, color_system="standard").print(render([cells]))
    assert "\x1b[1;31mfailed" in stream.getvalue()
    assert "| **failed** | a |\n| fine | b |" in as_markdown([cells])


def test_blocks_stand_apart_and_sentences_together():
    told = [Said(["one"]), Said([]), Said(["two"]), Heading("three"), Said(["four"]), warnings([])]
    assert as_text(told) == "one\ntwo\n\nthree\nfour"


def test_what_is_copied_is_never_broken():
    path = "runs/" + "x" * 90
    assert as_text([Said([path], copied=True)], 40) == path
    assert len(as_text([Said([path])], 40).splitlines()) == 3


def test_counts_stand_to_the_right_among_words():
    rows = [["a", "1,234", "some words"], ["b", "5", "more"]]
    lines = as_text([Cells("", ["x", "n", "what"], rows, prose=True)]).splitlines()
    assert lines[2:] == ["a  1,234  some words", "b      5  more"]


def test_markdown_shows_a_picture_by_its_file_or_in_figures_below_one_title():
    figures = [Cells("", ["", "rate"], [["clean", RATE]])]
    drawn = as_markdown([Picture("Slopes", figures, "of adult", file="slopes.svg")])
    assert drawn == "### Slopes\n\n![Slopes](slopes.svg)\n\nof adult\n"
    told = as_markdown([Heading("Slopes"), Picture("Slopes", figures, "of adult")])
    assert told.count("Slopes") == 1
    assert "| clean | 0.500<br>0.40–0.60 |" in told


def test_markdown_marks_lists_commands_hashes_and_what_stands_out():
    assert as_markdown([Said(["a", "b"], listed=True)]) == "- a\n- b\n"
    assert as_markdown([Said(["rafair show *"], copied=True)]) == "```\nrafair show *\n```\n"
    facts = [Facts([("of", "12 rows"), ("sha256", "0a1b2c3d")]), Facts([("do", "x")], copied=True)]
    assert as_markdown(facts) == "- **of**: 12 rows\n- **sha256**: `0a1b2c3d`\n\n- **do**: `x`\n"
    cells = Cells("", ["of", "at", "n"], [["a", "b", Strong("0.1")]], names=2)
    assert "| :-- | :-- | --: |\n| a | b | **0.1** |" in as_markdown([cells])
    card = Card("row 3", ["", "was", "is"], [["age", "3", "4"], ["sex", "f", "f"]], "wrong")
    assert "| age | 3 | **4** |\n| sex | f | f |" in as_markdown([card])


def test_a_table_as_csv_is_read_back_and_never_computed():
    text = as_csv(Cells("Rates", ["a,b", "=x"], [["clean", RATE], ["-0.5", "+1"]]))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["a,b", "'=x"], ["clean", "0.500 0.40–0.60"], ["-0.5", "'+1"]]
