"""The page as text: well-formed, closed by its policy, small, and whole."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hand_made import HOSTILE, contents_with
from page_reader import Reader

from rafair.reports.case_data import case_data
from rafair.reports.page import render_page
from rafair.reports.report_contents import NONE
from rafair.reports.report_formats import FORMATS
from rafair.reports.static_cases import static_cases
from rafair.sanitize import visible

PLAIN = ("age", "income", "sex", "job")


@pytest.fixture(scope="module", params=[PLAIN, HOSTILE], ids=["plain", "hostile"])
def names(request):
    return request.param


@pytest.fixture(scope="module")
def page(names):
    return render_page(contents_with(names, 300))


@pytest.fixture(scope="module")
def read(page):
    return Reader(page)


def test_the_policy_allows_these_blocks_and_nothing_else(page, read):
    (policy,) = (
        meta["content"]
        for meta in read.named("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    blocks = {
        tag: re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL).group(1)
        for tag in ("style", "script")
    }
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for tag, text in blocks.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert rules == dict.fromkeys(("default-src", "base-uri", "form-action"), "'none'")
    assert len(read.named("style")) == 1
    kinds = [script.get("type") for script in read.named("script")]
    assert kinds == ["application/json", None], "no name became a script"


def test_nothing_is_styled_or_executed_by_attributes_nor_fetched(read):
    for tag, attributes in read.elements:
        assert not [key for key in attributes if key == "style" or key.startswith("on")], tag
        assert not {"src", "srcset", "action", "xlink:href", "data"} & set(attributes), tag
        assert (attributes.get("href") or "#").startswith("#"), tag
    assert not {"img", "link", "iframe", "object", "base", "form"} & {e[0] for e in read.elements}


def test_the_script_parses_no_html_and_evaluates_nothing(page):
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL).group(1)
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch",
    ):
        assert word not in script


def test_ids_are_unique_and_all_that_is_pointed_at_is_there(read):
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in read.elements:
        pointed = (attributes.get("aria-labelledby") or "").split()
        pointed += [(attributes.get("href") or "#main")[1:], attributes.get("for") or "main"]
        assert set(pointed) <= set(ids)


def test_headings_come_in_order(read):
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_every_name_can_be_read(read, names):
    texts = "".join(text for texts in read.texts.values() for text in texts)
    for name in names:
        assert visible(name) in texts


def test_pictures_say_what_they_show(read):
    pictures = [svg for svg in read.named("svg") if svg.get("role") == "img"]
    assert len(pictures) >= 4
    assert all(svg["aria-labelledby"] for svg in pictures)
    others = [svg for svg in read.named("svg") if svg.get("class", "").startswith("strip")]
    assert others
    assert all(svg.get("aria-hidden") == "true" for svg in others)


def unpacked(text):
    document = json.loads(text)
    if "gzip" in document:
        document = json.loads(gzip.decompress(base64.b64decode(document["gzip"])))
    return document


@pytest.mark.parametrize("n", [1, 40, 5_000])
def test_the_data_hold_every_case(n):
    cases = contents_with(HOSTILE, n).cases
    text, shown = case_data(cases)
    assert shown == n
    assert "<" not in text
    document = unpacked(text)
    assert document["instance"] == cases.instance.tolist()

    def whole(codes):
        return np.full(n, codes) if isinstance(codes, int) else np.array(codes)

    for name, column in document["columns"].items():
        found, expected = whole(column["codes"]), getattr(cases, name)
        assert (found == expected.codes).all()
        assert column["texts"] == [visible(text) for text in expected.texts]
    for found, expected in zip(document["features"], cases.features, strict=True):
        clean = whole(found["clean"])
        perturbed = whole(found["perturbed"])
        perturbed = np.where(perturbed == NONE, clean, perturbed)
        others = {kind: whole(found[kind]) for kind in ("counterpart", "repaired")}
        columns = {"clean": clean, "perturbed": perturbed} | {
            kind: np.where(codes == NONE, perturbed, codes) for kind, codes in others.items()
        }
        for kind, codes in columns.items():
            wanted = getattr(expected, kind)
            there = wanted != NONE
            texts = [found["texts"][code] for code in codes[there]]
            assert texts == [visible(expected.texts[code]) for code in wanted[there]], kind


def test_fifteen_thousand_cases_fit_into_three_megabytes(tmp_path):
    names = tuple(f"level number {number}" for number in range(14))
    contents = contents_with(names, 15_060)
    path = tmp_path / "report.html"
    FORMATS["html"].write(contents, path)
    assert path.stat().st_size < 3_000_000
    assert case_data(contents.cases)[1] == 15_060


def test_what_would_be_too_large_is_cut_and_said(monkeypatch):
    contents = contents_with(PLAIN, 6_000)
    monkeypatch.setattr("rafair.reports.page.case_data", lambda cases: case_data(cases, 20_000))
    page = render_page(contents)
    text, shown = case_data(contents.cases, 20_000)
    assert len(text) <= 20_000
    assert 100 < shown < 6_000
    assert unpacked(text)["instance"] == contents.cases.instance[:shown].tolist()
    assert f"The page holds the {shown:,} most telling of 6,000 cases" in page
    assert "rafair report RUN --format csv" in page


def test_static_cases_are_the_first(names):
    cases = contents_with(names, 250).cases
    found = static_cases(cases)
    assert [case.instance for case in found] == cases.instance[:200].tolist()
    for number, case in enumerate(found):
        for feature in case.features:
            (told,) = (one for one in cases.features if one.name == feature.name)
            moved = told.clean[number] != told.perturbed[number]
            assert (feature.name in case.moved) == bool(moved)


def test_no_cases_at_all_are_said_in_a_sentence():
    page = render_page(contents_with(PLAIN, 0))
    assert "No violation was found within this budget" in page
    Reader(page)


def test_the_same_contents_give_the_same_page():
    contents = contents_with(PLAIN, 2_000)
    assert render_page(contents) == render_page(contents)


LONG = "L" * 800


def test_long_names_are_cut_as_headings_and_labels_and_whole_in_titles():
    names = (LONG, *PLAIN)
    page = render_page(contents_with(names, 3))
    cut = f"{LONG[:79]}…"
    (heading,) = re.findall("<h1>(.*?)</h1>", page)
    assert heading == f'<bdi title="Audit of {LONG}">Audit of {LONG[:70]}…</bdi>'
    labels = re.findall('<th scope="(?:row|rowgroup|col)"[^>]*>(.*?)</th>', page)
    assert f'<bdi title="{LONG}">{cut}</bdi>' in labels
    static = page.partition('<div class="scroll cases"')[0]
    plain = re.sub("<dd>.*?</dd>", "", re.sub('title=".*?"', "", static))
    shown = [text for text in re.findall(r"(?<=>)[^<]+(?=</bdi>)", plain) if "L" * 80 in text]
    assert shown == []


def test_one_more_feature_is_one():
    contents = contents_with(PLAIN, 3)
    for count, said in ((5, "1 more feature<"), (6, "2 more features<")):
        page = render_page(replace(contents, features=contents.features[:count]))
        assert f"<summary><bdi>{said}" in page
