"""Walks the pages of an Ogg file (RFC 3533) and checks them. Pure.

Every page carries a checksum, a number and, on the last of its stream, a mark. Decoders
pass over all three, so that a damaged or shortened file sounds like a whole one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from transforms.sniff import Readable

_WINDOW_BYTES = 1 << 20
_MAGIC = b"OggS"
_HEADER = struct.Struct("<4sBBqIIIB")
_MAX_PAGE_BYTES = _HEADER.size + 255 + 255 * 255
_CHECKSUM = slice(22, 26)
_GOES_ON, _FIRST, _LAST = 1, 2, 4
# No file has so many; one that pretends to must not take memory for each.
_MAX_STREAMS = 1000
# Ogg's CRC is that of zlib with the bits of every byte, and those of the result, the other way round.
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFFFFFF


@dataclass(slots=True)
class _Stream:
    """One logical stream, from its first page on.

    Attributes:
        pages: how many there were.
        number: that of its last page.
        has_ended: whether that page was marked as the last one.
    """

    pages: int
    number: int
    has_ended: bool


@dataclass(slots=True)
class OggScan:
    """What was found.

    Attributes:
        pages: how many whole ones.
        gaps: places where no page follows the one before, or a page is missing.
        broken: pages whose checksum is wrong.
        unended: streams without a last page.
    """

    pages: int = 0
    gaps: int = 0
    broken: int = 0
    unended: int = 0

    def describe(self) -> str | None:
        """What is damaged, as a clause; None for nothing."""
        found = []
        if self.broken:
            found.append(f"{self.broken} of {self.pages} Ogg pages have a wrong checksum")
        if self.gaps:
            found.append(f"at {self.gaps} place(s) Ogg pages are missing")
        if self.unended:
            found.append("the Ogg stream has no last page, so its end seems to be cut off")
        return ", ".join(found) or None


@dataclass(frozen=True, slots=True)
class OggPage:
    """What a page says of itself.

    Attributes:
        place: where it begins, in bytes.
        size: of all of it, in bytes.
        stream: the number of the logical stream that it belongs to.
        granule: the position, in samples, behind the last packet that ends on it; -1 if none does.
        packets: how many end on it.
        goes_on: whether it begins inside a packet.
        is_open: whether it ends inside a packet.
    """

    place: int
    size: int
    stream: int
    granule: int
    packets: int
    goes_on: bool
    is_open: bool


def page_of(data: bytes, place: int) -> OggPage:
    """Read the header of a whole page.

    Args:
        data: the page.
        place: where it begins in its file.
    """
    _, _, flags, granule, serial, _, _, segments = _HEADER.unpack_from(data)
    table = data[_HEADER.size : _HEADER.size + segments]
    is_open = table.endswith(b"\xff")
    packets = segments - table.count(b"\xff")
    return OggPage(place, len(data), serial, granule, packets, bool(flags & _GOES_ON), is_open)


def page_content(data: bytes) -> bytes:
    """What a page holds of packets."""
    return data[_HEADER.size + data[_HEADER.size - 1] :]


def scan_pages(stream: Readable, seen: Callable[[int, bytes], None] | None = None) -> OggScan:
    """Walk all pages. The stream is left somewhere.

    Args:
        stream: the file.
        seen: told where a whole page begins, and its bytes, of each that is not broken; what it raises
            ends the walk.
    """
    size = stream.seek(0, 2)
    scan = OggScan()
    streams: dict[int, _Stream] = {}
    position = 0
    while position < size:
        stream.seek(position)
        data = stream.read(_WINDOW_BYTES)
        if not data:
            break
        is_last = position + len(data) >= size
        position += _walk(data, is_last, scan, streams, partial(_tell, seen, position))
    scan.unended += sum(not each.has_ended for each in streams.values())
    return scan


def _tell(seen: Callable[[int, bytes], None] | None, window: int, position: int, page: bytes) -> None:
    if seen is not None:
        seen(window + position, page)


def _walk(
    data: bytes,
    is_last: bool,
    scan: OggScan,
    streams: dict[int, _Stream],
    tell: Callable[[int, bytes], None],
) -> int:
    """Take the whole pages of a window; how many bytes were dealt with."""
    position = 0
    while position < len(data):
        length = _page_length(data, position)
        if position + (length or _MAX_PAGE_BYTES) > len(data) and not is_last:
            return max(1, position)
        if not length or position + length > len(data):
            following = data.find(_MAGIC, position + 1)
            # Zeros and the like behind the last page are no lost audio, half a page is.
            scan.gaps += bool(scan.pages) and (following >= 0 or length > 0)
            if following < 0:
                return len(data) if is_last else len(data) - len(_MAGIC)
            position = following
            continue
        page = data[position : position + length]
        if _take(page, scan, streams):
            tell(position, page)
        position += length
    return position


def _page_length(data: bytes, position: int) -> int:
    """Bytes of the page that begins there, as far as is known; 0 if none does."""
    if not data.startswith(_MAGIC, position):
        return 0
    if position + _HEADER.size > len(data):
        return _HEADER.size
    segments = data[position + 26]
    table = data[position + _HEADER.size : position + _HEADER.size + segments]
    return _HEADER.size + segments + sum(table)


def _take(page: bytes, scan: OggScan, streams: dict[int, _Stream]) -> bool:
    """Count a page; whether its checksum is right."""
    _, _, flags, _, serial, number, checksum, _ = _HEADER.unpack_from(page)
    scan.pages += 1
    known = streams.get(serial)
    if checksum != page_checksum(page):
        scan.broken += 1
        if known is not None and number == known.number + 1:
            known.number, known.has_ended = number, bool(flags & _LAST)
        return False
    if flags & _FIRST or known is None:
        scan.unended += known is not None and not known.has_ended
        if len(streams) >= _MAX_STREAMS:
            streams.clear()
        streams[serial] = _Stream(1, number, bool(flags & _LAST))
        return True
    # A recorded broadcast has its headers in front, and begins anywhere.
    if number != known.number + 1 and known.pages > 2:
        scan.gaps += 1
    known.pages += 1
    known.number = number
    known.has_ended = bool(flags & _LAST)
    return True


def page_checksum(page: bytes) -> int:
    """The CRC of a page, its own field taken as zeros (RFC 3533, section 6)."""
    head = page[: _CHECKSUM.start] + bytes(4)
    mirrored = (head + page[_CHECKSUM.stop :]).translate(_MIRRORED)
    result = zlib.crc32(mirrored, _ALL_ONES) ^ _ALL_ONES
    return int.from_bytes(result.to_bytes(4, "little").translate(_MIRRORED), "big")
