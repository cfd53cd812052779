"""What listing a million objects takes: memory, by the interface of the store, without one.

    python -m benchmarks.listing 1000000

lists objects that are made as they are asked for, by a folder and a pattern that overlap, and prints
how many recordings came and how much the peak of the process's memory grew meanwhile.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from transforms import patterns
from transforms.listing import Sources, list_recordings
from transforms.object_listing import object_pattern
from transforms.objects import Listed
from transforms.records import Mark

ADDRESS = "s3://bucket/calls"


@dataclass(frozen=True)
class ManyObjects:
    """Stands in for `Objects`: so many recordings, made as they are listed, in the order of names."""

    count: int
    uri: str

    def mark(self, name: str) -> None:
        """There is no object of just this name."""

    def listed(self, folder: str = "", after: str | None = None) -> Iterator[Listed]:
        """All of them behind a name."""
        for number in range(self.count):
            name = f"2026-{number // 10_000:04}/recording-{number:08}.wav"
            if after is None or name > after:
                yield Listed(name, Mark(32_000 + number, f'"{number:032x}"'))


@dataclass(frozen=True)
class Listing:
    """Attributes:
    recordings: how many came.
    grown_bytes: by how much the peak of memory grew.
    """

    recordings: int
    grown_bytes: int


def measure(count: int) -> Listing:
    """List so many objects by two patterns that both match all of them."""
    patterns.object_pattern = partial(object_pattern, find=partial(ManyObjects, count))  # type: ignore[assignment]
    try:
        sources = Sources((ADDRESS, f"{ADDRESS}/**/*.wav"))
        before = _peak_bytes()
        recordings = sum(1 for _ in list_recordings(sources, on_other=lambda _: None))
    finally:
        patterns.object_pattern = object_pattern
    return Listing(recordings, _peak_bytes() - before)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    found = measure(count)
    print(f"{count:,} objects, {found.recordings:,} recordings: the peak grew by {found.grown_bytes:,} bytes")


if __name__ == "__main__":
    main()
