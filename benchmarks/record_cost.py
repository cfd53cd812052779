"""What the record of paid answers costs: segments settled in a second with and without it.

48 threads settle segments against a service that answers at once, so that nothing but
the record can take time; the reference is the same without it. Real calls are limited
to 25 a second and wait some 50 times longer for the service than for the record.

    python -m benchmarks.record_cost [--quick]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from benchmarks.tables import milliseconds, show, times
from transforms.answer import Answer, HeardWord
from transforms.answer_book import borrowed_book, give_back
from transforms.calling import Caller, Reply
from transforms.client import PreparedCall
from transforms.keys import url_key
from transforms.retry import RetryPolicy, RetryQuota
from transforms.stopping import StopSignal

THREADS = 48
ROUNDS = 5
# A minute of speech: 150 words with their times.
ANSWER = Answer(
    "word " * 150, tuple(HeardWord("word", at * 400, at * 400 + 300) for at in range(150)), 59_000, "r"
)


class Instant:
    """A service that answers at once, and a quota without end."""

    def send(self, call: PreparedCall) -> Answer:
        """The same for every call."""
        return ANSWER

    def acquire(self, stopped: Callable[[], bool]) -> float:
        """Every call may go."""
        return 0.0

    def refused(self) -> None:
        """Never."""


def settled_per_second(folder: Path, segments: int, *, recorded: bool) -> float:
    """Segments settled in a second, each of another content."""
    instant = Instant()
    caller = Caller(instant, instant, StopSignal(folder), RetryPolicy(), RetryQuota())
    call = PreparedCall(b"{}", "0" * 64)
    book = borrowed_book(folder, folder) if recorded else None

    def settle(number: int) -> Reply:
        if book is None:
            return caller.settle(call)
        key = url_key(url=str(number), mark="", voice_format="wav", fingerprint=())
        return book.settle(key, lambda: caller.settle(call))

    with ThreadPoolExecutor(THREADS) as threads:
        begun = time.perf_counter()
        for _ in threads.map(settle, range(segments)):
            pass
        seconds = time.perf_counter() - begun
    if book is not None:
        give_back(book)
    return segments / seconds


def measure(segments: int, rounds: int) -> tuple[float, float]:
    """Medians of alternating rounds, without the record and with it."""

    def one(recorded: bool) -> float:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "answers").mkdir()
            return settled_per_second(Path(folder), segments, recorded=recorded)

    measured = [(one(False), one(True)) for _ in range(rounds)]
    return median(without for without, _ in measured), median(with_it for _, with_it in measured)


def main(arguments: Sequence[str], report: Callable[..., None] = show) -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--quick", action="store_true", help="few segments, one round")
    quick = options.parse_args(arguments).quick
    without, with_it = measure(200 if quick else 5_000, 1 if quick else ROUNDS)
    report(
        f"Settled segments, {THREADS} threads, a service that answers at once",
        ("", "answers/s", "per answer", "against no record"),
        [
            ("no record (reference)", f"{without:,.0f}", milliseconds(1 / without), times(1.0)),
            (
                "recorded before it is handed on",
                f"{with_it:,.0f}",
                milliseconds(1 / with_it),
                times(with_it / without),
            ),
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
