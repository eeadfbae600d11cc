"""How long a server wants to be left alone, as its header Retry-After says."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def asked_pause(retry_after: str | None) -> float:
    """The seconds, from a number or a date; 0 where it says neither.

    Source: RFC 9110, section 10.2.3.

    Example:
        >>> asked_pause("2.5"), asked_pause(None), asked_pause("soon"), asked_pause("nan")
        (2.5, 0.0, 0.0, 0.0)
        >>> asked_pause("Wed, 21 Oct 2015 07:28:00 GMT")
        0.0
    """
    try:
        seconds = float(retry_after or 0)
    except ValueError:
        seconds = _until(retry_after or "")
    return 0.0 if math.isnan(seconds) else max(seconds, 0.0)


def _until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):  # also of years that no calendar has
        return 0.0
