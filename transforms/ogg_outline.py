"""How long an Ogg file with Opus or Vorbis is, and where decoding may begin in it. Pure.

Each page says up to which sample its packets reach (RFC 3533, section 6; RFC 7845, section 4; Vorbis I,
A.2). So a walk over all pages finds where one begins with a new packet, and how much sound lies before.
Only a file of one stream that is whole has an outline: others were joined, or broken off.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, Literal

from transforms.ogg_pages import OggPage, page_content, page_of, scan_pages
from transforms.sniff import Readable

_ENTRY_SECONDS: Final = 15
_HEAD_BYTES: Final = 1 << 16
# The largest page, and what tags behind the last one take.
_TAIL_BYTES: Final = 1 << 17
# Streams that were recorded from their middle begin with any position.
_LATEST_BEGIN_SECONDS: Final = 60
# Of a longer one the places would take much memory; no recording is so long.
_LONGEST_SECONDS: Final = 1_000_000
_OPUS_RATE: Final = 48_000
_HEADERS: Final = {"opus": 2, "vorbis": 3}


@dataclass(frozen=True, slots=True)
class OggEntry:
    """A page that begins with a new packet.

    Attributes:
        place: where it begins, in bytes.
        frame: how much sound lies before it, in samples of each channel.
        end_frame: behind the last packet that ends on it.
        packets: how many end on it.
    """

    place: int
    frame: int
    end_frame: int
    packets: int


@dataclass(frozen=True, slots=True)
class OggPlaces:
    """Where decoding may begin.

    Attributes:
        codec: of the stream.
        head_bytes: what the headers take that a decoder has to see first.
        entries: every 15 s or so, behind the first page with sound.
    """

    codec: Literal["opus", "vorbis"]
    head_bytes: int
    entries: tuple[OggEntry, ...]


@dataclass(frozen=True, slots=True)
class OggOutline:
    """What there is to know of an Ogg file; see `outline.Outline`."""

    frames: int
    sample_rate: int
    channels: int
    places: OggPlaces


@dataclass(frozen=True, slots=True)
class _Stream:
    """What the first packet says."""

    codec: Literal["opus", "vorbis"]
    sample_rate: int
    channels: int
    skipped: int


def outline_of_ogg(
    stream: Readable,
    above_seconds: float = 0.0,
    whole: Callable[[], AbstractContextManager[Readable]] | None = None,
) -> OggOutline | None:
    """Walk the pages; None for another file, and where anything is in doubt.

    The stream is left somewhere.

    Args:
        stream: a file, of which the first and the last page are read.
        above_seconds: those that are no longer, by their last page, are not walked: None.
        whole: opens the file to be read from its start to its end; None if ``stream`` is good for that.
    """
    found = _stream_of(stream)
    if found is None or _end(stream) - found.skipped <= above_seconds * found.sample_rate:
        return None
    walk = _Walk(found)
    try:
        with nullcontext(stream) if whole is None else whole() as walked:
            scan = scan_pages(walked, walk.take)
    except _OddPageError:
        return None
    if scan.describe() is not None or walk.head_bytes is None or walk.end_frame <= 0:
        return None
    places = OggPlaces(found.codec, walk.head_bytes, tuple(walk.entries))
    return OggOutline(walk.end_frame, found.sample_rate, found.channels, places)


def _stream_of(stream: Readable) -> _Stream | None:
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    if not head.startswith(b"OggS") or len(head) < 28:
        return None
    packet = page_content(head)
    if packet.startswith(b"OpusHead") and len(packet) >= 19:
        # Version 1, and channels as in mono and stereo, or as in Vorbis (RFC 7845, 5.1).
        if packet[8] >> 4 or packet[18] > 1:
            return None
        return _Stream("opus", _OPUS_RATE, packet[9], int.from_bytes(packet[10:12], "little"))
    if packet.startswith(b"\1vorbis") and len(packet) >= 16:
        rate = int.from_bytes(packet[12:16], "little")
        return _Stream("vorbis", rate, packet[11], 0) if rate else None
    return None


def _end(stream: Readable) -> int:
    """The position on the last page, as far as it shows; -1 if it does not."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _TAIL_BYTES))
    tail = stream.read(_TAIL_BYTES)
    place = tail.rfind(b"OggS")
    return page_of(tail[place:], 0).granule if 0 <= place <= len(tail) - 27 else -1


class _OddPageError(Exception):
    """The rest of the file need not be read."""


class _Walk:
    """Notes where decoding may begin.

    Attributes:
        head_bytes: what the headers take; None before their end.
        end_frame: where the last page ends.
        entries: where decoding may begin.
    """

    def __init__(self, found: _Stream) -> None:
        self.head_bytes: int | None = None
        self.end_frame = -found.skipped
        self.entries: list[OggEntry] = []
        self._found = found
        self._headers = _HEADERS[found.codec]
        self._stream: int | None = None
        self._has_sound = False
        self._next_entry_frame = 0

    def take(self, place: int, data: bytes) -> None:
        """Take the next page.

        Raises:
            _OddPageError: it belongs to another stream, or its position cannot be right.
        """
        page = page_of(data, place)
        if self._stream is None:
            self._stream = page.stream
        if page.stream != self._stream:
            raise _OddPageError
        if self.head_bytes is None:
            self._take_headers(page)
        elif page.packets:
            self._take_sound(page)

    def _take_headers(self, page: OggPage) -> None:
        self._headers -= page.packets
        if self._headers < 0 or (not self._headers and page.is_open):
            raise _OddPageError
        if not self._headers:
            self.head_bytes = page.place + page.size

    def _take_sound(self, page: OggPage) -> None:
        rate = self._found.sample_rate
        end_frame = page.granule - self._found.skipped
        latest = (_LONGEST_SECONDS if self._has_sound else _LATEST_BEGIN_SECONDS) * rate
        if not self.end_frame <= end_frame <= latest:
            raise _OddPageError
        if self._has_sound and not page.goes_on and self.end_frame >= self._next_entry_frame:
            self.entries.append(OggEntry(page.place, self.end_frame, end_frame, page.packets))
            self._next_entry_frame = self.end_frame + _ENTRY_SECONDS * rate
        self._has_sound = True
        self.end_frame = end_frame
