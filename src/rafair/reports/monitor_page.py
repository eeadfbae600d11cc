"""The dashboard of a watch as one page: a single file that opens offline and runs no script."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from rafair.engine.text_file import write_whole
from rafair.monitoring.telling.alarm_sentences import promise_sentence, state_sentences
from rafair.monitoring.watch_results import History
from rafair.monitoring.watched_rates import METRICS
from rafair.reports import monitor_tables as tables
from rafair.reports.monitor_axis import MARKS
from rafair.reports.monitor_cases import cases_tables
from rafair.reports.monitor_chart import family
from rafair.reports.monitor_series import alarm_spans, pool_size
from rafair.reports.page_parts import joined, policy, templates
from rafair.sanitize import shortened

MONITOR_REPORT = "monitor.html"
TEMPLATE = "monitor.html.jinja"
STYLES = ("report.css", "monitor.css", "print.css", "monitor_print.css")


def write_monitor_page(history: History, path: Path) -> None:
    """Writes the page.

    Args:
        history: The history of a watch.
        path: Where; it is written whole or not at all.

    Raises:
        StorageError: If the disk is full.
        InputError: If the folder may not be written to.
    """
    write_whole(path, render_monitor_page(history))


def render_monitor_page(history: History) -> str:
    """The whole page as HTML."""
    windows, reference, style = history.windows, history.reference, joined(STYLES)
    spans = alarm_spans(windows)
    families = [
        (family(history, spans, metric), tables.rates_table(history, spans, metric))
        for metric in METRICS
        if windows
    ]
    text: str = (
        templates()
        .get_template(TEMPLATE)
        .render(
            title=f"Watch of {shortened(reference.dataset)}",
            policy=policy(style),
            style=Markup(style),
            state=state_sentences(history),
            standing=bool(history.standing),
            promise=promise_sentence(reference.alpha, reference.tolerance),
            untested=[tables.untested_name(name) for name in reference.untested],
            totals=history.totals,
            windows=windows,
            moment=tables.moment,
            marks={level: Markup(mark) for level, mark in MARKS.items()},
            pooled=pool_size(len(windows)),
            families=families,
            alarms=tables.alarms_table(spans),
            cases=cases_tables(spans),
            counts=tables.windows_table(windows),
            reasons=tables.reasons(windows),
            refused=tables.refused_lines(history.quarantine),
            longest=tables.LONGEST_CONTENT,
            shortened=shortened,
            reference=tables.reference_table(reference),
            facts=tables.reference_facts(history),
            made=[
                ("Made", tables.moment(history.created)),
                ("rafair", history.rafair_version),
            ],
        )
    )
    return text
