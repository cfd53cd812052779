"""What a plan has found in recordings, and which of their calls are the same. Pure."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from transforms.records import Failure


@dataclass(frozen=True, slots=True)
class Due:
    """A call to be paid.

    Attributes:
        key: the first bytes of its answer's key, as a number: among 10 million segments two
            different ones have the same with a chance of 1 in 300,000.
        payload_bytes: before base64.
        encode_seconds: that making its payload takes.
    """

    key: int
    payload_bytes: float
    encode_seconds: float


@dataclass(frozen=True, slots=True)
class Contents:
    """What reading a recording has found.

    Attributes:
        seconds: how long it is; 0 for an address that is passed on.
        channel_seconds: of its channels together.
        speech_seconds: of these.
        segments: into which it is cut.
        paid_before: of them.
        refused_before: of them, for good.
        due: the others; equal ones among them.
        failure: why it is not, or not wholly, to be transcribed.
    """

    seconds: float = 0.0
    channel_seconds: float = 0.0
    speech_seconds: float = 0.0
    segments: int = 0
    paid_before: int = 0
    refused_before: int = 0
    due: tuple[Due, ...] = ()
    failure: Failure | None = None


class DistinctCalls:
    """Calls of which equal ones count once, 24 bytes each."""

    def __init__(self) -> None:
        self._keys = array("Q")
        self._bytes = array("d")
        self._seconds = array("d")

    def add(self, due: tuple[Due, ...]) -> None:
        """Take the calls of a recording."""
        for each in due:
            self._keys.append(each.key)
            self._bytes.append(each.payload_bytes)
            self._seconds.append(each.encode_seconds)

    def __len__(self) -> int:
        return len(self._keys)

    def totals(self) -> tuple[int, float, float]:
        """How many different ones there are, their payload in bytes, and seconds to encode them."""
        if not self._keys:
            return 0, 0.0, 0.0
        _, first = np.unique(np.asarray(self._keys), return_index=True)
        return (
            len(first),
            float(np.asarray(self._bytes)[first].sum()),
            float(np.asarray(self._seconds)[first].sum()),
        )


def distinct_totals(due: tuple[Due, ...]) -> tuple[int, float, float]:
    """`DistinctCalls.totals` of one recording."""
    calls = DistinctCalls()
    calls.add(due)
    return calls.totals()
