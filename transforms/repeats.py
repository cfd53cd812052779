"""Which rows of manifests say a thing again, and which contradict an earlier one. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from transforms.records import Recording

_PACKED = struct.Struct("<16sqQ")
ROW_BYTES = _PACKED.size
"""The length of a row, as `packed` writes it."""

_ROW = np.dtype([("high", "<u8"), ("low", "<u8"), ("details", "<i8"), ("place", "<u8")])
# Four digits of channel, and none: the number of the row lies above them.
_CHANNEL_BITS = 14
_NOTHING = np.iinfo(np.int64).max

_Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found among rows.

    Attributes:
        repeated: numbers of rows that ask for nothing new: for an address and channel that an
            earlier row asked for, or for a whole recording of which one asked for a channel.
        contradiction: the first row that asks for a recording in another way than an earlier
            one: with another language, id or checksum, or whole and not by channel.
    """

    repeated: _Numbers
    contradiction: int | None


def address_digest(location: bytes) -> bytes:
    """16 bytes that stand for an address."""
    return blake2b(location, digest_size=16).digest()


def packed(number: int, recording: Recording) -> bytes:
    """A row as `ROW_BYTES` bytes; they begin with the digest of its address.

    Args:
        number: of the row, from 0 over all manifests.
        recording: what it asks for.
    """
    # Only compared with rows of the same address and channel, so 64 bits are plenty.
    details = hash((recording.language, recording.recording_id, recording.expected_crc32c))
    channel = 0 if recording.channel is None else recording.channel + 1
    return _PACKED.pack(address_digest(recording.location), details, number << _CHANNEL_BITS | channel)


def judge(rows: bytes) -> Judged:
    """Judge rows that were packed by this very process.

    Args:
        rows: all those of some addresses, in the order of their numbers.
    """
    found = _of_repeated_addresses(np.frombuffer(rows, _ROW))
    if not len(found):
        return Judged(np.empty(0, np.int64), None)
    channel = (found["place"] & np.uint64((1 << _CHANNEL_BITS) - 1)).astype(np.int64)
    order = np.lexsort((channel, found["low"], found["high"]))  # stable: rows stay in their order
    found, channel = found[order], channel[order]
    number = (found["place"] >> np.uint64(_CHANNEL_BITS)).astype(np.int64)
    begins_address = _differs(found["high"]) | _differs(found["low"])
    begins = begins_address | _differs(channel)
    address, group = np.cumsum(begins_address) - 1, np.cumsum(begins) - 1
    whole = channel == 0
    after_whole = ~whole & (number > _first(number, address, whole))
    after_channel = whole & (number > _first(number, address, ~whole))
    other_details = found["details"] != found["details"][np.flatnonzero(begins)[group]]
    contradicting = number[after_whole | after_channel | other_details]
    return Judged(
        np.sort(number[~begins | after_channel]),
        int(contradicting.min()) if len(contradicting) else None,
    )


def _of_repeated_addresses(rows: NDArray[np.void]) -> NDArray[np.void]:
    """The rows whose address may be that of another one: few, in most manifests."""
    ordered = np.sort(rows["high"])
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return rows[np.isin(rows["high"], repeated)] if len(repeated) else rows[:0]


def _differs(column: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Where a sorted column has another value than just before."""
    return np.concatenate([[True], column[1:] != column[:-1]])


def _first(number: _Numbers, address: _Numbers, among: NDArray[np.bool_]) -> _Numbers:
    """For each row the lowest number among some rows of its address."""
    first = np.full(int(address[-1]) + 1, _NOTHING, dtype=np.int64)
    np.minimum.at(first, address[among], number[among])
    found: _Numbers = first[address]
    return found
