"""The service as a command: runs until it is told to stop."""

from __future__ import annotations

import signal
from threading import Event
from types import FrameType

from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings


def serve(settings: ServiceSettings) -> None:
    """Runs the service until SIGINT or SIGTERM; call it from the main thread.

    Prints the address and how to use it once it is ready; credentials only if they are
    the public test ones.

    Raises:
        UsageError: the script of answers cannot be read.
        OSError: the address or port cannot be listened on.
    """
    stop = Event()

    def stop_serving(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, stop_serving) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with LocalService(settings) as service:
            print(usage(settings, service.endpoint), flush=True)
            stop.wait()
            stats = service.stats()
        refused = sum(stats.refused.values())
        print(f"{stats.calls} calls, {stats.billed} billed, {refused} refused", flush=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def usage(settings: ServiceSettings, endpoint: str) -> str:
    """Tells how to use a running service.

    Args:
        settings: how it behaves.
        endpoint: its address.

    Returns:
        Lines to print, without secrets.
    """
    lines = [f"SentenceRecognition on this machine: {endpoint} ({settings.recognizer})", ""]
    if (settings.secret_id, settings.secret_key) == (TEST_SECRET_ID, TEST_SECRET_KEY):
        lines += [
            f"  export TENCENTCLOUD_SECRET_ID={TEST_SECRET_ID}",
            f"  export TENCENTCLOUD_SECRET_KEY={TEST_SECRET_KEY}",
        ]
    else:
        lines.append("  It expects the credentials that it was started with (not shown).")
    if settings.token is not None:
        lines.append("  Calls must carry the session token that it was started with (TENCENTCLOUD_TOKEN).")
    lines += [
        f"  python -m pipeline run --set recognition.endpoint={endpoint} ...",
        "",
        f"Counts: {endpoint}/stats   Stop: Ctrl-C",
    ]
    return "\n".join(lines)
