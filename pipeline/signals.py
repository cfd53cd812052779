"""SIGTERM and Ctrl-C: the first stops calls and lets the run end, the second ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from transforms.stopping import StopReason, StopSignal

INTERRUPTED = "Interrupted"


@contextmanager
def stopping_on_signals(stop: StopSignal) -> Iterator[None]:
    """While inside, a first signal stops the run politely; main thread only."""

    def told_to_stop(number: int, _: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        name = signal.Signals(number).name
        stop.stop(
            StopReason(
                INTERRUPTED,
                f"{name} was received: calls in flight are waited for and nothing paid is lost. "
                "Run the same command again to continue.",
            )
        )

    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    for each in before:
        signal.signal(each, told_to_stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
