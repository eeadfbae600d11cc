"""`rafair reproduce`: does the audits, then writes the paper's tables, figures and examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rafair.engine.atomic_files import explaining_storage
from rafair.engine.devices import check_device
from rafair.engine.digest_json import read_sealed, write_sealed
from rafair.engine.run_folder import check_contents
from rafair.engine.run_settings import RunSettings
from rafair.engine.text_file import write_whole
from rafair.errors import RunFolderError
from rafair.results.record_reader import Reader
from rafair.study import claims
from rafair.study.attack_costs import cost_table, networks_table
from rafair.study.config import Part, StudyConfig, parts_of
from rafair.study.drawing_counterparts import drawing_table
from rafair.study.epsilon_table import budgets_table, comparison_table
from rafair.study.examples import examples_markdown, find_examples
from rafair.study.figure_index import draw_all
from rafair.study.formats import frame_csv
from rafair.study.old_outputs import remove_leftovers
from rafair.study.paper_tables import budgets_markdown, rates_latex, rates_markdown
from rafair.study.planned_audits import Purpose, plan_trials
from rafair.study.planned_runs import Done, load_all, run_trials
from rafair.study.reproduction import Reproduction
from rafair.study.reproduction_page import page_markdown
from rafair.study.table_rates import rates_table

STUDY = "study.json"
"""Says with which options the runs in a reproduction's folder were made."""
DEFAULT_OUT = Path("runs/reproduction")
MAY_DIFFER = ("datasets", "models", "seed")
"""Options that add runs to a folder, and leave those that are there as they are."""


def reproduce(what: str, config: StudyConfig, means: RunSettings) -> Reproduction:
    """Reproduces a part of the paper, or all of it.

    Everything is read from ordinary run folders below `means.out`; what is done there already is
    not done again, so an interrupted reproduction carries on when it is given again.

    Args:
        what: "table3", "table4", "epsilons", "figures", "examples" or "all".
        config: What is reproduced.
        means: How and where; `force` replaces runs of other options.

    Raises:
        UnknownNameError: If there is no such part.
        RunFolderError: If the folder holds something else, and `force` is not set.
        InputError: If a data set has too few rows for what is asked.

    Example:
        >>> import tempfile
        >>> quick = StudyConfig(
        ...     datasets=("affairs",), instances=10, steps=2, epochs=1, figure_instances=4,
        ...     figure_steps=3,
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = reproduce("figures", quick, RunSettings(out=Path(folder)))
        >>> found.tables["quadrants"]["goal"].tolist()
        ['rafair-tb', 'rafair-ff', 'rafair-fb']
    """
    parts = parts_of(what)
    check_device(means.device)
    out = means.out or DEFAULT_OUT
    means = replace(means, out=out)
    _check_folder(out, config, force=means.force)
    data = load_all(config, means.progress)
    _claim_folder(out, config, means)
    done = run_trials(plan_trials(parts, config), data, config, means)
    found = Reproduction(Part(what), config, out, warnings=_warnings(done))
    for part in parts:
        WRITERS[part](found, done)
    if found.what == Part.ALL:
        found.tables["drawing"] = drawing_table(_of(done, Purpose.TABLES), out, means.threads)
        _write(found, "drawing.csv", frame_csv(found.tables["drawing"]))
        _write(found, "reproduction.md", page_markdown(found))
    return found


def _of(done: Sequence[Done], *purposes: Purpose) -> list[Done]:
    return [one for one in done if one.trial.purpose in purposes]


def _write(found: Reproduction, name: str, text: str) -> None:
    found.files.append(write_whole(found.out / name, text))


def _rates(found: Reproduction, done: Sequence[Done], part: Part) -> None:
    own, config = _of(done, Purpose.TABLES), found.config
    table = rates_table(part, own, comparable=config.is_comparable)
    found.tables[str(part)] = table
    _write(found, f"{part}.csv", frame_csv(table))
    _write(found, f"{part}.md", rates_markdown(part, table, config))
    _write(found, f"{part}.tex", rates_latex(part, table, config))


def _table3(found: Reproduction, done: Sequence[Done]) -> None:
    _rates(found, done, Part.TABLE3)
    found.claims += claims.rate_claims(found.tables["table3"])
    found.tables["cost"] = cost_table(_of(done, Purpose.TABLES))
    found.tables["networks"] = networks_table(_of(done, Purpose.TABLES))
    for name in ("cost", "networks"):
        _write(found, f"{name}.csv", frame_csv(found.tables[name]))


def _table4(found: Reproduction, done: Sequence[Done]) -> None:
    _rates(found, done, Part.TABLE4)
    found.claims += claims.repair_claims(found.tables["table4"])


def _epsilons(found: Reproduction, done: Sequence[Done]) -> None:
    own = _of(done, Purpose.TABLES, Purpose.EPSILONS)
    budgets, comparison = budgets_table(own), comparison_table(own)
    found.tables |= {"epsilons": budgets, "comparison": comparison}
    found.claims += claims.budget_claims(budgets, comparison)
    _write(found, "epsilons.csv", frame_csv(budgets))
    _write(found, "comparison.csv", frame_csv(comparison))
    _write(found, "epsilons.md", budgets_markdown(budgets, comparison, found.config))


def _figures(found: Reproduction, done: Sequence[Done]) -> None:
    drawn = draw_all(_of(done, Purpose.FIGURES), found.out)
    found.tables["quadrants"] = drawn.quadrants
    found.claims += claims.area_claims(drawn.quadrants)
    found.captions += drawn.captions
    found.files += drawn.files


def _examples(found: Reproduction, done: Sequence[Done]) -> None:
    found.examples += find_examples(_of(done, Purpose.TABLES))
    cases = [example.to_dict() for example in found.examples]
    text = json.dumps(cases, indent=2, ensure_ascii=False, allow_nan=False)
    _write(found, "examples.json", text + "\n")
    _write(found, "examples.md", examples_markdown(found.examples))


WRITERS: dict[Part, Callable[[Reproduction, Sequence[Done]], None]] = {
    Part.TABLE3: _table3,
    Part.TABLE4: _table4,
    Part.EPSILONS: _epsilons,
    Part.FIGURES: _figures,
    Part.EXAMPLES: _examples,
}


@dataclass(frozen=True)
class StudyRecord:
    """The content of `study.json`: the options of the last call that wrote it."""

    config: StudyConfig


_read = Reader(StudyRecord)


def _recorded(out: Path) -> StudyConfig | None:
    """The options of the last call that wrote here; None where they cannot be read."""
    try:
        return _read(read_sealed(out / STUDY), STUDY).config
    except (OSError, ValueError):
        return None


def _check_folder(out: Path, config: StudyConfig, *, force: bool) -> None:
    """Refuses a folder that holds something else, before any work is done."""
    with explaining_storage(out):
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return
    if not out.is_dir():
        raise RunFolderError(f"'{out}': expected a folder, or none yet; found a file")
    if force:
        return
    recorded = _recorded(out)
    if recorded is not None:
        check_contents(out)
    if recorded is None:
        found = f"its {STUDY} cannot be read" if (out / STUDY).exists() else f"it has no {STUDY}"
        raise RunFolderError(
            f"'{out}': expected a new or empty folder, or one of an earlier reproduction; {found}; "
            "`force=True` writes into it all the same, and keeps finished runs"
        )
    earlier = vars(recorded)
    for key, value in vars(config).items():
        if key not in MAY_DIFFER and earlier[key] != value:
            raise RunFolderError(
                f"'{out}' holds a reproduction with {key} {earlier[key]}, not {value}: choose "
                "another folder, or replace its runs with `force=True`"
            )


def _warnings(done: Sequence[Done]) -> list[str]:
    """What the audits say that a reader of their rates should know, each once."""
    return list(
        dict.fromkeys(
            f"{one.trial.dataset}, seed {one.trial.seed}: {warning}"
            for one in done
            for warning in one.audit.warnings
        )
    )


def _claim_folder(out: Path, config: StudyConfig, means: RunSettings) -> None:
    with explaining_storage(out):
        out.mkdir(parents=True, exist_ok=True)
        if _recorded(out) not in (None, config):
            removed = remove_leftovers(out)
            if removed:
                means.progress.note(
                    f"removed {len(removed)} tables and figures of other networks or options from "
                    f"'{out}'; rafair reproduce makes them again from the runs that are there"
                )
    write_sealed(out / STUDY, asdict(StudyRecord(config)))
