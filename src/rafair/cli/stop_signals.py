"""Ctrl-C and SIGTERM as requests to stop between two steps; a second one stops at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rafair.monitoring.stop_request import Stop


@contextmanager
def stopping() -> Iterator[Stop]:
    """Gives what the signals set; the handlers of before come back at the end."""
    stop = Stop()

    def hear(number: int, _: FrameType | None) -> None:
        if stop.wished:
            raise KeyboardInterrupt
        stop.wished, stop.interrupted = True, number == signal.SIGINT

    signals = [
        number
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN  # as nohup and some shells ask
    ]
    before = [(number, signal.signal(number, hear)) for number in signals]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler)
