"""Certificates of models whose runs are finished: added to the run, or proven once more."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rafair._version import __version__
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.certificate_run import Certification, check_certifiable
from rafair.auditing.certify_options import CertifyOptions
from rafair.auditing.default_options import OWN_EPSILONS
from rafair.auditing.entry import audit_named, is_run, overridden
from rafair.certify.property_status import Standing
from rafair.certify.prover_registry import unwrapped
from rafair.engine.atomic_files import copy_file, sha256_of
from rafair.engine.digest_json import write_sealed
from rafair.engine.job import digest
from rafair.engine.run_folder import RunFolder
from rafair.engine.run_settings import RunSettings
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError, RunFolderError
from rafair.models.model_folder import DESCRIPTION, model_folder
from rafair.results.audit_options import Perturbation
from rafair.results.audit_result import Audit
from rafair.results.certificate_file import NAMES, Certificates, read_certificates
from rafair.results.derived_rates import plain
from rafair.results.instance_outcomes import PerInstance
from rafair.results.run_files import ADVERSARIAL, AUDIT, CERTIFICATES, CURVE
from rafair.results.verification import verified_run
from rafair.sources.finished_run import open_finished
from rafair.sources.stream_scan import Sample
from rafair.sources.user_named import NOTHING_NAMED, Named, of_device

CERTIFYING = "certifying"
"""Where in a run's folder the work in progress lies."""

SECTIONS = ("certified", "certificate")


def certify_saved(
    source: Path,
    overrides: dict[str, Any],
    options: CertifyOptions,
    means: RunSettings,
    named: Named = NOTHING_NAMED,
) -> Audit:
    """Certifies the model of a finished run, into that run, or a saved network, in one of its own.

    A run holds one certificate: another takes its place.

    Args:
        source: A run folder, or a folder with a saved model.
        overrides: Options of `AuditConfig` that differ from that run's, or from the defaults.
        options: What is asked of the certificate.
        means: How and where; a place is for a run of its own.
        named: What the folder does not hold: a model and data of one's own.

    Returns:
        The run, with its certificate.

    Raises:
        ModelError: If nothing can be proven of models of this kind, or there is none.
        RunFolderError: If the run was altered, or holds no model that can be opened again.
        InputError: If an option is no good, or something has to be named that is not.
        IncompleteError: If results cannot be stored; what was done is kept.
    """
    folder = model_folder(source)
    if is_run(folder):
        return _Certifying(folder, overrides, options, means, named).go()
    if named.model is not None or named.data is not None:
        raise RunFolderError(
            f"'{source}': expected a run, whose model or data are named again, found no "
            f"{AUDIT}; `rafair audit --certify` takes a model and data"
        )
    if not (folder / DESCRIPTION).exists():
        raise RunFolderError(
            f"'{source}': expected a run's folder with {AUDIT}, or a saved model's with "
            f"{DESCRIPTION}, found neither"
        )
    given = {"attacks": (), "labels": None, "instances": options.instances} | overrides
    if options.instances is None:
        del given["instances"]
    if not given.keys() & {"epsilon", "epsilons"}:
        given["epsilons"] = OWN_EPSILONS
    whole = replace(options, instances=None)
    return audit_named(Named(model=str(folder)), given, means, certify=whole)


def prove_again(folder: Path, means: RunSettings, named: Named = NOTHING_NAMED) -> str | None:
    """Proves a run's certificate once more, and compares every verdict.

    Args:
        folder: The run folder.
        means: How.
        named: What the folder does not hold.

    Returns:
        The first verdict that differs, in words; None where none does.

    Raises:
        RunFolderError: If the run was altered, or has no certificate.
    """
    audit = verified_run(folder)
    record = audit.record.certificate
    if record is None:
        raise RunFolderError(
            f"'{folder}': expected a run with certificates, found none; `rafair certify` adds some"
        )
    stored = read_certificates(audit.folder / CERTIFICATES)
    overrides = {"epsilons": tuple(record.epsilons), "perturbation": record.perturbation}
    options = CertifyOptions(boxes=record.boxes)
    work = _Certifying(folder, overrides, options, means, named)
    with tempfile.TemporaryDirectory(prefix="rafair-") as place:
        work.prove(audit, stored.instances, Path(place), "proven again")
        return _difference(stored, read_certificates(Path(place) / CERTIFICATES))


@dataclass(frozen=True)
class _Certifying:
    """The certificate of one finished run."""

    folder: Path
    overrides: Mapping[str, Any]
    options: CertifyOptions
    means: RunSettings
    named: Named

    def go(self) -> Audit:
        """Proves what is not proven yet, and writes it into the run."""
        if self.means.out is not None:
            raise InputError(
                f"out: expected only with a saved model; the certificate of '{self.folder}' goes "
                "into that folder"
            )
        audit = verified_run(self.folder)
        config = self.config(audit)
        plan = self._plan(audit, config)
        before = audit.record.certificate
        if before and before.plan == digest(plan):
            self.means.progress.note(f"done before: '{self.folder}' holds this very certificate")
            return audit
        with RunFolder(self.folder / CERTIFYING, plan, force=True) as work:
            if work.resumed:
                self.means.progress.note("carrying on where it was left")
            try:
                instances = PerInstance.read(audit.folder).instances
                sections = self.prove(audit, instances, work.partial, digest(plan))
            except InputError as error:
                if not (work.resumed or isinstance(error.__cause__, OSError)):
                    work.discard()
                raise
            found = _with(audit, sections, work.partial / CERTIFICATES)
            work.discard()
        return found

    def config(self, audit: Audit) -> AuditConfig:
        """The options of the run, with those that differ for the certificate."""
        config = AuditConfig.of(audit.options)
        kind = self.overrides.get("perturbation")
        if kind is not None and config.perturbation not in (kind, Perturbation.BOTH):
            raise InputError(
                f"perturbation: expected {config.perturbation}, that of the run, got {kind}: "
                "what attacks found is held against what is proven"
            )
        return overridden(config, dict(self.overrides))

    def _plan(self, audit: Audit, config: AuditConfig) -> dict[str, object]:
        record = audit.record
        seen = {name: record.files[name] for name in (ADVERSARIAL, CURVE) if name in record.files}
        return {
            "rafair_version": __version__,
            "run": record.config["plan"],
            "files": seen,
            "model": record.model.sha256,
            "config": config.to_dict(),
            "certify": self.options.to_dict(),
        }

    def prove(
        self, audit: Audit, instances: np.ndarray[Any, Any], folder: Path, plan: str
    ) -> dict[str, object]:
        """Writes the certificates of instances into a folder; returns their sections.

        Args:
            audit: The run, verified.
            instances: What its files call the instances; shape `(n,)`.
            folder: Where the file goes, and what is done of it.
            plan: The hash of all that decides the verdicts.
        """
        means = self.means
        source = open_finished(audit, of_device(self.named, means.device), means.progress)
        data, config = source.data, self.config(audit)
        model = unwrapped(source.stand_in())
        certified = check_certifiable(model, data.schema, config)
        sample = Sample(len(instances), config.seed, np.sort(instances))
        data.gather(sample, folder / "rows", plan, means.progress)
        place = {int(number): row for row, number in enumerate(data.table.row_numbers)}
        rows = np.array([place[int(number)] for number in instances], np.int64)
        with Workers(means.threads) as workers:
            given = self.options, certified, audit.options, model, data.table, rows
            work = Certification(*given, means, workers)
            return work.sections(audit.folder, folder, folder / "shards", plan)


def _with(audit: Audit, sections: Mapping[str, object], file: Path) -> Audit:
    """The run with its certificate; whenever this ends early, the folder holds a whole run."""
    path, document = audit.folder / AUDIT, dict(audit.document)
    if any(document.pop(name, None) for name in SECTIONS):
        rest = {name: known for name, known in audit.record.files.items() if name != CERTIFICATES}
        write_sealed(path, {**document, "files": rest})
    copy_file(file, audit.folder / CERTIFICATES)
    files = {**audit.record.files, CERTIFICATES: sha256_of(audit.folder / CERTIFICATES)}
    whole = {**document, "files": files, **plain(sections)}
    return Audit(write_sealed(path, whole), audit.folder)


def _difference(stored: Certificates, found: Certificates) -> str | None:
    """The first verdict that is another now."""
    differs = np.argwhere(stored.verdicts != found.verdicts)
    if not len(differs):
        return None
    row, place, column = differs[0]
    said, now = (
        Standing(int(some.verdicts[row, place, column])).key.replace("_", " ")
        for some in (stored, found)
    )
    others = f", and {len(differs) - 1:,} more differ" if len(differs) > 1 else ""
    return (
        f"instance {stored.instances[row]}, epsilon {stored.epsilons[place]:g}, {NAMES[column]}: "
        f"the run says {said}, proven again it is {now}{others}"
    )
