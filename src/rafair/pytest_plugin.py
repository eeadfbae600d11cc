"""The pytest plugin: audits in tests (`rafair_audit`), and gates that fail them (`assert_gate`)."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rafair.gating.assert_gate_text import assert_gate

if TYPE_CHECKING:
    from rafair.results.audit_result import Audit

__all__ = ["assert_gate", "rafair_audit"]

FIXTURE = "rafair_audit"
OPTION = "--rafair-runs"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that says where run folders are kept."""
    parser.getgroup("rafair", "rafair: audits of models").addoption(
        OPTION,
        metavar="DIR",
        help="Keep the run folders of rafair_audit in DIR, in the place of those that the last "
        "session left there.  [default: with pytest's temporary folders]",
    )


@pytest.fixture(scope="session")
def rafair_audit(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Audit]:
    """Audits a model on a table: `rafair_audit(model, table, **options)`, as `rafair.audit` does.

    The run folder is kept: with pytest's temporary folders, or under `--rafair-runs DIR` as
    `DIR/<table>-<n>`. Where a test that asks for this fixture fails, its report says where.
    """
    given = request.config.getoption(OPTION)
    root = (
        tmp_path_factory.mktemp("rafair")
        if given is None
        else request.config.invocation_params.dir / given
    )
    audits = _Audits(root)
    request.config.stash[_AUDITS] = audits
    return audits


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Says in the report of a failed test where its run folders are."""
    report = yield
    audits = item.config.stash.get(_AUDITS, None)
    if report.failed and audits and FIXTURE in getattr(item, "fixturenames", ()):
        report.sections.append(("rafair run folders", "\n".join(map(str, audits.folders))))
    return report


class _Audits:
    """Audits that keep their run folders.

    Args:
        root: The folder that they are kept in.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._taken: Counter[str] = Counter()
        self.folders: list[Path] = []

    def __bool__(self) -> bool:
        return bool(self.folders)

    def __call__(self, model: Any, table: Any, **options: Any) -> Audit:
        from rafair.auditing.entry import audit

        if "out" not in options:
            folder = self._next(getattr(table, "name", "table"))
            options = {"force": True} | options | {"out": folder}
        result = audit(model, table, **options)
        self.folders.append(result.folder)
        return result

    def _next(self, table: str) -> Path:
        """The same name for the same audit in every session, whatever the table is called."""
        name = re.sub(r"[^\w-]+", "-", table).strip("-") or "table"
        self._taken[name] += 1
        # workers of pytest-xdist are sessions of their own beside each other
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        parts = [name, str(self._taken[name]), *([worker] if worker else [])]
        return self._root / "-".join(parts)


_AUDITS = pytest.StashKey[_Audits]()
