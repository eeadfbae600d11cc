"""What an audit is known by, and whether a folder holds the very one that is asked for."""

from __future__ import annotations

from pathlib import Path

from rafair._version import __version__
from rafair.auditing.certify_options import CertifyOptions
from rafair.auditing.config import AuditConfig
from rafair.auditing.outcomes import Stored
from rafair.engine.files import sha256_of
from rafair.engine.job import Document
from rafair.engine.run_folder import PLAN
from rafair.errors import RunFolderError
from rafair.results.result import Audit
from rafair.results.run_files import AUDIT, SCHEMA_VERSION
from rafair.results.twins import keeps_witnesses
from rafair.sources.source import Source


def plan_of(
    source: Source,
    config: AuditConfig,
    stored: Stored | None,
    certify: CertifyOptions | None = None,
) -> dict[str, object]:
    """What decides every figure of an audit, as plain values.

    How much may be asked decides none, but of a cascade, whose stages share it.
    """
    shared = any(map(keeps_witnesses, config.attacks)) and stored is None
    spared = () if shared else ("max_queries",)
    return {
        "schema_version": SCHEMA_VERSION,
        "rafair_version": __version__,
        "subject": source.plan,
        "config": {k: value for k, value in config.to_dict().items() if k not in spared},
        "stored": stored.audit.record.config["plan"] if stored else None,
        **({"certify": certify.to_dict()} if certify else {}),
    }


def finished_audit(folder: Path, digest: str) -> Document | None:
    """The document of the audit in a folder, if it is of the plan with this digest.

    Raises:
        RunFolderError: If it is, but one of its files is not as it was written.
    """
    try:
        audit = Audit.load(folder)
    except RunFolderError:
        return None
    if audit.record.config.get("plan") != digest:
        return None
    for name in audit.record.files:
        audit.check_file(name)
    return dict(audit.document)


def hashes(folder: Path) -> dict[str, str]:
    """The hashes of what a run folder will hold, but for the document that tells them."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: sha256_of(path) for path in files if path.name not in (PLAN, AUDIT)}
