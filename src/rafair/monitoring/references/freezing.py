"""From a finished audit to a reference in `RUN/monitor/`, and from there to a judge of streams."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rafair._version import __version__
from rafair.auditing.audit_setup import AuditConfig
from rafair.auditing.row_estimate import Cost, describe, measure_rate
from rafair.engine.atomic_files import explaining_storage, sha256_of, writing_folder
from rafair.engine.option_groups import Threaded
from rafair.engine.progress import SILENT, Progress
from rafair.engine.run_folder import MONITOR, move_aside
from rafair.engine.thread_pool import Workers
from rafair.errors import InputError, ModelError, RunFolderError
from rafair.models.classifier import Labels
from rafair.monitoring.judged_rows import joined
from rafair.monitoring.option_groups import LEAST_ROWS
from rafair.monitoring.probes import PROBES
from rafair.monitoring.references.freeze_options import FreezeOptions
from rafair.monitoring.references.frozen_reference import Reference
from rafair.monitoring.references.observed_values import Observed
from rafair.monitoring.references.reference_record import FrozenDataset, FrozenModel, FrozenRun
from rafair.monitoring.references.reference_rows import ReferenceRows
from rafair.monitoring.references.reference_sources import Split, open_again, open_split
from rafair.monitoring.references.stream_judge import StreamJudge
from rafair.results.audit_options import Perturbation
from rafair.results.audit_result import Audit
from rafair.results.run_files import AUDIT
from rafair.results.verification import verified_run
from rafair.search.seeded_draws import row_keys
from rafair.sources.user_named import NOTHING_NAMED, Named
from rafair.tabular.encoding import Rows

FEW_ROWS = 500
OTHERWISE = 0.001
"""The share of rows that a model may get right or wrong otherwise than in its audit: answers are
rounded otherwise on other machines."""


__all__ = ["FreezeOptions", "freeze", "open_watched"]

DEFAULTS = FreezeOptions()
HERE = Threaded()


def freeze(
    run_folder: Path,
    options: FreezeOptions = DEFAULTS,
    named: Named = NOTHING_NAMED,
    threaded: Threaded = HERE,
    *,
    force: bool = False,
    progress: Progress = SILENT,
) -> Reference:
    """Judges all rows of a finished audit's test split, and keeps that in `RUN/monitor/`.

    Args:
        run_folder: The audit's folder.
        options: What is decided.
        named: What the folder does not hold: a model and data of one's own.
        threaded: Who computes.
        force: Whether to put it in the place of another, which is moved aside with what was
            watched.
        progress: Where bars and notes are shown.

    Raises:
        RunFolderError: If there is no run, or it was altered, or holds another reference already.
        UnfinishedRunError: If the audit was not carried to its end.
        InputError: If an option does not fit, the model or the data are others, or there are too
            few rows.
        IncompleteError: If the model is gone, or nothing can be stored; nothing is left behind.
    """
    folder = Path(run_folder)
    audit = verified_run(folder)
    if opaque := [feature.name for feature in audit.schema.features if feature.is_opaque]:
        raise InputError(
            f"feature '{opaque[0]}': expected no opaque feature in an audit that is watched, as "
            "rows that arrive hold values that its table does not; audit without it (drop = true)"
        )
    device = threaded.device
    split = open_split(audit, named, device, progress)
    judge = StreamJudge(
        split.classifier,
        split.schema,
        options.judge(_resolved(audit, split, device)),
        threaded.threads,
    )
    judge.check()
    freezing = _Freezing(audit, split, options, judge, progress)
    earlier = _earlier(folder, force=force)
    if earlier is not None and freezing.would_give(earlier):
        progress.note(f"done before: '{folder / MONITOR}' holds this very reference")
        return earlier
    if earlier is not None and not force:
        raise RunFolderError(
            f"'{folder / MONITOR}': expected no reference, or one with these options, found "
            f"another ({_told(earlier)}); `force=True` moves it aside with what was watched"
        )
    freezing.check_rows()
    freezing.check_queries(named.max_queries)
    with writing_folder(folder / MONITOR) as temporary:
        reference = freezing.go()
        with explaining_storage(folder / MONITOR):
            reference.write(temporary)
            if (folder / MONITOR).exists():
                aside = move_aside(folder / MONITOR)
                progress.note(f"moved aside: '{aside}' holds the former reference")
    return reference


def open_watched(
    run_folder: Path,
    named: Named = NOTHING_NAMED,
    *,
    threads: int | None = None,
    device: str = "cpu",
) -> tuple[Reference, StreamJudge]:
    """Opens a frozen reference and its model, to judge further rows as those of the reference.

    Args:
        run_folder: The audit's folder.
        named: A model of one's own, where it has to be named again, or lies elsewhere now.
        threads: How many threads compute; None takes one per core.
        device: Where a network computes.

    Raises:
        RunFolderError: If there is no reference, it was altered, or the run is another one now.
        InputError: If the model has to be named.
        ModelError: If it is gone, or another.
    """
    folder = Path(run_folder)
    reference = Reference.read(folder / MONITOR)
    try:
        found = sha256_of(folder / AUDIT)
    except OSError as error:
        raise RunFolderError(
            f"'{folder / AUDIT}': expected the audit that the reference was frozen from: "
            f"{error.strerror}"
        ) from error
    if found != reference.run.sha256:
        raise RunFolderError(
            f"'{folder / AUDIT}': expected the audit that the reference was frozen from, sha256 "
            f"{reference.run.sha256}, found {found}"
        )
    model = open_again(folder, reference.schema, reference.model, named, device)
    judge = StreamJudge(model, reference.schema, reference.judge, threads)
    judge.check()
    return reference, judge


@dataclass(frozen=True)
class _Freezing:
    """One freezing under way."""

    audit: Audit
    split: Split
    options: FreezeOptions
    judge: StreamJudge
    progress: Progress

    @property
    def n(self) -> int:
        """How many rows are judged."""
        return min(self.options.instances or self.split.n, self.split.n)

    def check_rows(self) -> None:
        """Refuses a split that tells too little, or less than was asked for."""
        asked = self.options.instances
        if asked is not None and asked > self.split.n:
            raise InputError(
                f"instances: expected at most {self.split.n:,}, the rows of the test split, got "
                f"{asked:,}"
            )
        if self.n < LEAST_ROWS:
            raise InputError(
                f"'{self.audit.folder}': expected at least {LEAST_ROWS} rows in its test split, "
                f"which a reference needs, found {self.n:,}"
            )

    def check_queries(self, limit: int | None) -> None:
        """Says what is ahead, and refuses what may not be asked."""
        needed = self.judge.cost(self.n)
        black = not self.judge.asked.differentiable
        if black and limit is not None and needed > limit:
            raise InputError(
                f"max_queries: expected at least {needed:,}, the most that {self.n:,} rows can "
                f"need, got {limit:,}"
            )
        rows, labels = next(self._chosen())
        some = slice(0, 512)
        with Workers(self.judge.threads) as workers:
            config = self.judge.config
            sweep = config.sweep(self.judge.asked, self.split.schema, workers, lambda rows: None)
            rate = measure_rate(
                sweep,
                rows[some],
                labels[some],
                differentiate=any(PROBES[name].follows for name in self.options.probes),
                sparing=limit is not None,
            )
            ahead = describe(Cost(needed, {}, {}), rate, workers.threads)
        if black:
            ahead += f"; at most {needed:,} queries"
        each = self.judge.cost(1)
        self.progress.note(
            f"{self.n:,} of {self.split.n:,} rows of '{self.audit.record.dataset.name}', "
            f"{', '.join(self.judge.options.conditions)}: {ahead} ({each:,} for each row, of a "
            "stream as well)"
        )

    def go(self) -> Reference:
        """Judges the rows."""
        observed, parts, labels, keys = Observed(self.split.schema), [], [], []
        with self.progress.task("judging", self.judge.cost(self.n), "rows") as task:
            for rows, classes in self._chosen():
                observed.add(rows)
                parts.append(self.judge(rows, task.advance))
                labels.append(classes)
                keys.append(row_keys(rows, 0).view(np.int64))
        conditions = self.judge.options.conditions
        whole = ReferenceRows(
            np.concatenate(keys), np.concatenate(labels), joined(parts, conditions)
        )
        self._check_answers(whole)
        now = datetime.datetime.now(datetime.UTC)
        return replace(
            self._empty(),
            observed=observed.values(),
            rows=whole,
            warnings=self._warnings(),
            created=now.isoformat(timespec="seconds"),
        ).sealed()

    def would_give(self, earlier: Reference) -> bool:
        """Whether a reference is the one that these options, rows and this model give.

        Wherever the run and the model lie by now.
        """
        mine = self._empty()
        mine = replace(
            mine,
            run=replace(mine.run, name=earlier.run.name),
            model=replace(mine.model, place=earlier.model.place),
            observed=earlier.observed,
            rows=earlier.rows,
            warnings=earlier.warnings,
            rafair_version=earlier.rafair_version,
            created=earlier.created,
            id=earlier.id,
        )
        return earlier.n == self.n and mine.to_dict() == earlier.to_dict()

    def _empty(self) -> Reference:
        """The reference without what only judging tells."""
        record, none = self.audit.record, np.empty(0, np.int64)
        data, model = record.dataset, record.model
        return Reference(
            run=FrozenRun(self.audit.folder.resolve().name, sha256_of(self.audit.folder / AUDIT)),
            dataset=FrozenDataset(data.name, data.variant, data.rows, data.sha256, data.file),
            schema=self.split.schema,
            model=FrozenModel(
                name=model.name,
                kind=model.kind,
                sha256=model.sha256,
                input=model.input,
                decision=model.decision,
                place=self.split.place,
            ),
            judge=self.judge.options,
            alpha=float(self.options.alpha),
            tolerance=float(self.options.tolerance),
            instances=self.options.instances,
            observed={},
            rows=ReferenceRows(none, none, joined([], self.judge.options.conditions)),
            warnings=(),
            rafair_version=__version__,
            created="",
            id="",
        )

    def _chosen(self) -> Iterator[tuple[Rows, Labels]]:
        """The rows that are judged, block by block."""
        wanted = _drawn(self.split.n, self.n, self.judge.options.seed)
        start = 0
        for rows, labels in self.split.blocks():
            here = wanted[start : start + len(rows)]
            start += len(rows)
            if here.any():
                yield rows[here], labels[here]

    def _check_answers(self, rows: ReferenceRows) -> None:
        """Refuses a model of one's own that answers otherwise than when it was audited."""
        model = self.audit.record.model
        said = model.test_accuracy
        if said.n != len(rows):  # not the same rows, or not all of them
            return
        right = int(np.count_nonzero(rows.judged.predictions == rows.labels))
        if abs(right - said.count) > max(1, OTHERWISE * len(rows)):
            raise ModelError(
                f"model '{model.name}': expected {said.count:,} of "
                f"{len(rows):,} rows to be classified rightly, as in the audit, found {right:,}; "
                "was it opened with the same options?"
            )

    def _warnings(self) -> tuple[str, ...]:
        found = []
        if self.n < FEW_ROWS:
            found.append(
                f"the reference has {self.n:,} rows: its own error is large, and only large falls "
                "are found"
            )
        if self.options.probes and self.judge.options.perturbation == Perturbation.FEASIBLE:
            coarse = self.judge.config.feasible_set(self.split.schema).coarse
            if coarse:
                found.append(
                    f"probes never move {', '.join(coarse)}: their epsilon is less than the "
                    "distance between two of their values"
                )
        return tuple(found)


def _resolved(audit: Audit, split: Split, device: str) -> AuditConfig:
    """The audit's options, with rows computed at once as they were then."""
    return AuditConfig.of(audit.options).resolved(split.schema, device)


def _drawn(n: int, size: int, seed: int) -> NDArray[np.bool_]:
    """Which rows are judged: all, or so many drawn at random; shape `(n,)`."""
    if size >= n:
        return np.ones(n, bool)
    wanted = np.zeros(n, bool)
    wanted[np.random.default_rng(seed).choice(n, size, replace=False)] = True
    return wanted


def _earlier(folder: Path, *, force: bool) -> Reference | None:
    """The reference that is there; None where there is none, or one that is not to be kept."""
    if not (folder / MONITOR).exists():
        return None
    try:
        return Reference.read(folder / MONITOR)
    except RunFolderError as error:
        if force:
            return None
        raise RunFolderError(f"{error}; `force=True` moves '{folder / MONITOR}' aside") from error


def _told(reference: Reference) -> str:
    options = {
        "alpha": reference.alpha,
        "tolerance": reference.tolerance,
        "probes": " and ".join(reference.judge.probes) or "none",
        "epsilon": reference.judge.epsilon,
        "steps": reference.judge.steps,
        "rows": f"{reference.n:,}",
    }
    return ", ".join(f"{name} {value}" for name, value in options.items())
