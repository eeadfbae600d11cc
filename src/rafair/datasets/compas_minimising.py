"""Takes personal data out of ProPublica's file, before anything of it is kept.

Only listed columns are copied, so a column that nobody thought of cannot slip through.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime

from rafair.errors import DataFileError

KEPT = (
    "sex",
    "age",
    "age_cat",
    "race",
    "juv_fel_count",
    "juv_misd_count",
    "juv_other_count",
    "priors_count",
    "days_b_screening_arrest",
    "c_days_from_compas",
    "c_charge_degree",
    "c_charge_desc",
    "is_recid",
    "is_violent_recid",
    "decile_score",
    "score_text",
    "v_decile_score",
    "v_score_text",
    "two_year_recid",
)


def minimise_compas(data: bytes) -> bytes:
    """Keeps of `compas-scores-two-years.csv` the columns that identify nobody, and jail days.

    Args:
        data: The publisher's bytes.

    Returns:
        A CSV file with LF line ends. `jail_days` are the calendar days from `c_jail_in` to
        `c_jail_out`, as in ProPublica's own analysis; empty where a date is.

    Raises:
        DataFileError: If a column is not there.

    Example:
        >>> header = ",".join(("name", *KEPT, "c_jail_in", "c_jail_out")).encode()
        >>> minimise_compas(header).decode().split(",")[0]
        'sex'
    """
    rows = csv.reader(io.StringIO(data.decode("utf-8"), newline=""))
    header = next(rows, [])
    # decile_score and priors_count stand twice in the header, with equal values: the first counts
    kept = [_place(header, name) for name in KEPT]
    jail_in, jail_out = _place(header, "c_jail_in"), _place(header, "c_jail_out")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*KEPT, "jail_days"))
    for row in rows:
        writer.writerow((*(row[i] for i in kept), _days(row[jail_in], row[jail_out])))
    return text.getvalue().encode()


def _place(header: list[str], name: str) -> int:
    if name not in header:
        raise DataFileError(f"compas-scores-two-years.csv: expected a column '{name}', found none")
    return header.index(name)


def _days(start: str, end: str) -> str:
    if not start or not end:
        return ""
    return str((datetime.fromisoformat(end).date() - datetime.fromisoformat(start).date()).days)
