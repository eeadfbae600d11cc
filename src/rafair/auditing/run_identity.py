"""Which options and files an audit is known by, and whether a folder holds that very audit."""

from __future__ import annotations

from pathlib import Path

from rafair._version import __version__
from rafair.auditing.attack_outcomes import Stored
from rafair.auditing.audit_setup import REPAIR_OPTIONS, AuditConfig
from rafair.auditing.certify_options import CertifyOptions
from rafair.engine.atomic_files import sha256_of
from rafair.engine.job import Document, digest
from rafair.engine.run_folder import PLAN
from rafair.errors import RunFolderError
from rafair.results.attack_runs import keeps_witnesses
from rafair.results.audit_result import Audit
from rafair.results.run_files import AUDIT, SCHEMA_VERSION
from rafair.sources.source import Source
from rafair.tabular.schema import Schema


def plan_of(
    source: Source,
    config: AuditConfig,
    stored: Stored | None,
    certify: CertifyOptions | None = None,
) -> dict[str, object]:
    """What unfinished work is known by, as plain values: what decides every figure of an audit.

    All but how much may be asked, so that work that a limit stopped is carried on under another.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "rafair_version": __version__,
        "subject": source.plan,
        "config": {k: value for k, value in config.to_dict().items() if k != "max_queries"},
        "stored": stored.audit.record.config["plan"] if stored else None,
        **({"certify": certify.to_dict()} if certify else {}),
    }


def identity_of(plan: dict[str, object], config: AuditConfig, stored: Stored | None) -> str:
    """What a finished audit is known by: its plan, and a limit that decides figures.

    How much may be asked decides none, but of a cascade, whose stages share it.
    """
    shared = any(map(keeps_witnesses, config.attacks)) and stored is None
    limit = {"max_queries": config.max_queries} if shared and config.max_queries else {}
    return digest(plan | limit)


def finished_audit(folder: Path, identity: str) -> Document | None:
    """The document of the audit in a folder, if it is the one with this identity.

    Raises:
        RunFolderError: If it is, but one of its files is not as it was written.
    """
    try:
        audit = Audit.load(folder)
    except RunFolderError:
        return None
    if audit.record.config.get("plan") != identity:
        return None
    for name in audit.record.files:
        audit.check_file(name)
    return dict(audit.document)


def hashes(folder: Path) -> dict[str, str]:
    """The hashes of what a run folder will hold, but for the document that tells them."""
    files = (path for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: sha256_of(path) for path in files if path.name not in (PLAN, AUDIT)}


def config_section(
    config: AuditConfig, schema: Schema, identity: str, stored: Stored | None
) -> dict[str, object]:
    """The section `config` of `audit.json`, but for what the model says."""
    scale = {one.name: one.scale for one in schema.features if one.scale is not None}
    section = config.to_dict() | {"scale": scale, "plan": identity}
    if not stored:
        return section
    # the attacks were run under their own options; these are the repair's
    own = {key: section[key] for key in REPAIR_OPTIONS}
    mine = {key: section[key] for key in ("labels", "bands", "plan")}
    return {**stored.audit.record.config, **mine, "repair": own}
