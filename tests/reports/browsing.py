"""Pages opened in a real browser, under watch for all they must not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # it finds no host, whatever it looks for by itself
]
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@contextmanager
def opened(
    browser: Any, path: Path, width: int = 1400, *, script: bool = True, **options: Any
) -> Iterator[Any]:
    """Opens a file; on leaving, checks that it asked for nothing and nothing went wrong.

    Requests other than for the file itself, console messages, errors, dialogs and violations of the
    page's policy each fail the test. Without `script` the page is one that has none.
    """
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    page.set_default_timeout(10_000)
    asked: list[str] = []
    wrong: list[str] = []

    def dismiss(dialog: Any) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("dialog", dismiss)
    with_script = options.get("java_script_enabled", True)
    if with_script:
        page.add_init_script(WATCH)
    try:
        page.goto(path.as_uri())
        if with_script and script and page.query_selector("#case-table"):
            page.wait_for_selector("#case-controls:not([hidden])")
        yield page
        if with_script:
            wrong += page.evaluate("window.violations")
        assert wrong == []
        assert asked == [path.as_uri()]
    finally:
        context.close()


def status(page: Any) -> str:
    """What the page says of how many cases fit."""
    return str(page.inner_text("#case-status"))


def fitting(page: Any) -> int:
    """How many cases fit the filters."""
    first = status(page).split(" ")[0]
    return 0 if first == "None" else int(first.replace(",", ""))


def column(page: Any, number: int) -> list[str]:
    """The texts of a column of the table of cases; 0 is the first."""
    cells = page.query_selector_all(
        f"#case-table > tbody > tr:first-child > :nth-child({number + 1})"
    )
    return [cell.inner_text().strip() for cell in cells]
