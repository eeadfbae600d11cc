"""What an audit says first, in 30 lines: verdict, warnings, what could change, a table, a case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rafair.blocks.block_types import Block, Card, Said, Tone, warnings
from rafair.blocks.terminal import as_text
from rafair.results.allowed_changes_text import moves_in_words
from rafair.results.attack_runs import in_words
from rafair.results.audit_record import AuditRecord
from rafair.results.case_details import Case
from rafair.results.headline import headline
from rafair.results.headline_attacks import most_telling
from rafair.results.immovable_features import still
from rafair.results.main_table import main_table
from rafair.results.verdict_text import repaired
from rafair.sanitize import shortened
from rafair.verdicts import Verdict

MOST_LINES = 30
REPAIR = "repair"
"""What stands in `config` where `rafair repair` made the run, which is asked about that."""

HEADERS = ("as it came", "changed", "counterpart")
MEANING = {
    Verdict.TRUE_FAIR: "right and treated like its counterparts",
    Verdict.TRUE_BIASED: "right, but a counterpart is treated otherwise",
    Verdict.FALSE_FAIR: "wrong, and so are all counterparts",
    Verdict.FALSE_BIASED: "wrong, and a counterpart is treated otherwise",
}


class Room(NamedTuple):
    """How much there is room for.

    Args:
        warnings: How many warnings.
        letters: Of each of them, and of what could not change.
        budgets: How many budgets.
        values: How many features of the case.
    """

    warnings: int
    letters: int
    budgets: int
    values: int


ROOMS = (
    Room(3, 400, 5, 6),
    Room(3, 230, 4, 5),
    Room(2, 230, 4, 4),
    Room(2, 130, 3, 4),
    Room(2, 130, 2, 4),
    Room(1, 130, 2, 3),
    Room(1, 130, 2, 2),
    Room(2, 130, 3, 0),
    Room(1, 130, 2, 0),
    Room(1, 100, 1, 0),
)
"""From much to little; the first that leaves no more lines than there may be is taken."""


def first_screen(
    record: AuditRecord, case: Case | None, rest: Sequence[str], width: int
) -> list[Block]:
    """The blocks that fit on a screen.

    Args:
        record: The audit.
        case: Its most telling case; None of none.
        rest: Where all else is, a line each.
        width: The most characters of a line.
    """
    for room in ROOMS:
        blocks = list(_blocks(record, case, rest, room))
        if as_text(blocks, width).count("\n") < MOST_LINES:
            break
    return blocks


def _blocks(
    record: AuditRecord, case: Case | None, rest: Sequence[str], room: Room
) -> Iterator[Block]:
    yield Said([headline(record)], Tone.STRONG)
    if record.warnings:
        yield warnings(_some([*record.warnings], room))
    if could := _could_change(record, room):
        yield Said([could])
    attack = most_telling(record)
    if attack and REPAIR in record.config:
        yield Said(list(repaired(record, attack)))
    yield main_table(record, room.budgets)
    if case and room.values:
        yield _card(case, room.values)
    yield Said(rest, copied=True)


def _some(texts: Sequence[str], room: Room) -> list[str]:
    """The first warnings, each cut where it is long; of the others how many there are."""
    shown = [shortened(text, room.letters) for text in texts[: room.warnings]]
    if more := len(texts) - len(shown):
        shown[-1] += f" (and {more} more)"
    return shown


def _could_change(record: AuditRecord, room: Room) -> str:
    """What was allowed to move, and what was not."""
    moves = moves_in_words(record.moves or {}, record.dataset.schema, max(room.values, 4))
    rest = shortened(still(record), room.letters)
    could = [f"Allowed to change, at most: {moves}."] * bool(moves)
    return " ".join([*could, *[f"Not changed: {rest}."] * bool(rest)])


def _card(case: Case, values: int) -> Card:
    """The case in words for those who know none of ours."""
    was, found = case.clean_verdict, case.verdict
    then = "it still is" if was == found else f"it is {MEANING[found]} ({found})"
    rows, n = case.largest_changes(values), len(case.rows)
    predicted = case.clean_prediction, case.prediction, case.counterpart_prediction or ""
    shown = 2 if case.counterpart is None else len(HEADERS)
    return Card(
        f"A case, of class '{shortened(case.label)}': row {case.instance} (from 0) came "
        f"{MEANING[was]} ({was}); changed so, {then}.",
        [f"{len(rows)} of {n} that differ" if len(rows) < n else "", *HEADERS[:shown]],
        [row[: shown + 1] for row in [*rows, ("prediction", *predicted)]],
        f"Found by {in_words(case.attack)[:-1]}, step {case.step}).",
    )
