"""What an audit is known by, and whether a folder holds the very one that is asked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from rafair._version import __version__
from rafair.auditing.config import AuditConfig
from rafair.auditing.outcomes import Stored
from rafair.engine.files import sha256_of
from rafair.engine.run_folder import PLAN, has_plan
from rafair.errors import RunFolderError
from rafair.results.result import Audit
from rafair.results.run_files import AUDIT, SCHEMA_VERSION
from rafair.sources.source import Source


def plan_of(source: Source, config: AuditConfig, stored: Stored | None) -> dict[str, Any]:
    """What decides every figure of an audit, as plain values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "rafair_version": __version__,
        "subject": source.plan,
        # how much may be asked decides no figure
        "config": {k: value for k, value in config.to_dict().items() if k != "max_queries"},
        "stored": stored.document["config"]["plan"] if stored else None,
    }


def digest(plan: dict[str, Any]) -> str:
    """The hash of a plan, by which work of the same plan is known."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def finished_audit(final: Path, plan: dict[str, Any]) -> Audit | None:
    """The audit at `final` if it is the very one that is asked for.

    Raises:
        RunFolderError: If it is, but one of its files is not as it was written.
    """
    try:
        audit = Audit.load(final)
    except RunFolderError:
        return None
    if audit.record.config.get("plan") != digest(plan):
        return None
    for name in audit.record.files:
        audit.check_file(name)
    return audit


def all_but_done(folder: Path, plan: dict[str, Any]) -> Audit | None:
    """The audit in a folder whose work was stopped when all was written.

    Should one of its files have been altered since, all is made again from the checkpoints.
    """
    try:
        return finished_audit(folder, plan) if has_plan(folder, plan) else None
    except RunFolderError:
        return None


def hashes(folder: Path) -> dict[str, str]:
    """The hashes of what a run folder will hold, but for the document that tells them."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: sha256_of(path) for path in files if path.name not in (PLAN, AUDIT)}
