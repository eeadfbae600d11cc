"""`python -m benchmarks.report RUN`: what a run's page weighs, and how fast Chromium is with it.

Milliseconds tell one machine from another, so each stands beside something of the same browser: the
first paint beside a blank page's, filtering beside parsing the same data as JSON.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from rafair.errors import RafairError
from rafair.reports.report_builder import contents_of
from rafair.reports.report_formats import DEFAULT, FORMATS
from rafair.results.verification import finished_run

ROUNDS = 7
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
BLANK = "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>blank</title><p>blank</p></html>"
PAINT = """new Promise((done) => new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.name === "first-contentful-paint") done(entry.startTime);
  }
}).observe({ type: "paint", buffered: true }))"""
READY = "#case-controls:not([hidden])"
FILTER = """() => {
  const input = document.getElementById("case-text");
  return ["a", "no", "1", "true biased", "nothing of the kind", ""].map((text) => {
    const start = performance.now();
    input.value = text;
    input.dispatchEvent(new Event("input"));
    document.body.getBoundingClientRect();
    return performance.now() - start;
  });
}"""
PARSE = """async () => {
  let text = document.getElementById("case-data").textContent;
  const block = JSON.parse(text);
  if (block.gzip) {
    const bytes = Uint8Array.from(atob(block.gzip), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    text = await new Response(stream).text();
  }
  const start = performance.now();
  const count = JSON.parse(text).instance.length;
  return [performance.now() - start, count];
}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures a run's page; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a finished run folder")
    program = shutil.which("chromium")
    try:
        audit = finished_run(parser.parse_args(arguments).run)
    except RafairError as error:
        parser.exit(error.exit_code, f"benchmarks: {error}\n")
    if program is None:
        parser.exit(2, "benchmarks: expected a program 'chromium', found none\n")
    with tempfile.TemporaryDirectory() as folder:
        page, blank = Path(folder) / FORMATS[DEFAULT].file, Path(folder) / "blank.html"
        blank.write_text(BLANK, encoding="utf-8")
        start = perf_counter()
        contents = contents_of(audit)
        gathered = perf_counter()
        FORMATS[DEFAULT].write(contents, page)
        written = perf_counter()
        print(f"size             {page.stat().st_size / 1e6:.3f} MB, {len(contents.cases):,} cases")
        print(
            f"made in          {gathered - start:.2f} s gathering, {written - gathered:.2f} s page"
        )
        measure(program, page, blank)
    return 0


def measure(program: str, page: Path, blank: Path) -> None:
    """Prints paints and filtering, medians of some rounds."""
    from playwright.sync_api import sync_playwright

    paints: dict[Path, list[float]] = {page: [], blank: []}
    filters: list[float] = []
    parses: list[float] = []
    shown = 0
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=program, args=list(FLAGS))
        for _ in range(ROUNDS):
            for path, times in paints.items():
                opened = browser.new_page(viewport={"width": 1400, "height": 900})
                opened.goto(path.as_uri())
                times.append(opened.evaluate(PAINT))
                if path == page and len(contents_shown(opened)):
                    filters += opened.evaluate(FILTER)
                    parse, shown = opened.evaluate(PARSE)
                    parses.append(parse)
                opened.close()
        browser.close()
    ours, theirs = (statistics.median(paints[path]) for path in (page, blank))
    print(f"first paint      {ours:.0f} ms, {ours / theirs:.2f} of a blank page's {theirs:.0f} ms")
    if filters:
        took, parse = statistics.median(filters), statistics.median(parses)
        print(
            f"filter           {took:.1f} ms (most {max(filters):.1f}) for {shown:,} cases, "
            f"{took / parse:.2f} of parsing them as JSON in {parse:.1f} ms"
        )


def contents_shown(page: Any) -> list[Any]:
    """The page's controls, once its script is ready; none where there are no cases."""
    if page.query_selector("#case-table") is None:
        return []
    page.wait_for_selector(READY)
    found: list[Any] = page.query_selector_all(READY)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
