"""How many samples come out of an mp3 file, and where decoding may begin inside it. Pure.

Only of files in which nothing is in doubt: one layer III stream of one rate and one kind of channels
from the first frame to the last, whole as `mpeg_frames` sees it, with an encoder's tag that counts
its frames rightly, or with none and a bit rate that never changes (libsndfile guesses the length of others).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from transforms.mpeg_frames import behind_tags, layer_3_bytes, sample_rate_of, samples_a_frame, scan_frames
from transforms.sniff import Readable

_ENTRY_SECONDS: Final = 15
_HEAD_BYTES: Final = 256  # a header, side information and the encoder's tag
# libmpg123 adds up windowed values in the order in which they lie in a ring, and comes to the same place of
# the ring after 4 frames, or 8 of MPEG-2: begun elsewhere, the last bits of all samples differ.
_ALIKE_FRAMES: Final = 8
DECODER_DELAY: Final = 529
"""Encoders tell how many samples they put in front; libmpg123 takes away so many more."""
_NAMES: Final = (b"Xing", b"Info")
_LAME_BYTES: Final = 24
_MONO: Final = 0xC0
_BIT_RATE, _RATE, _PADDED = 0xF0, 0x0C, 0x02


@dataclass(frozen=True, slots=True)
class MpegPlaces:
    """Where the frames of an mp3 file lie.

    Attributes:
        count: of the frames that are decoded, so not of one that holds the encoder's tag.
        frame_samples: samples of each, in each channel.
        skipped: samples that are decoded first and do not come out.
        is_tagged: whether the encoder's tag says how many frames there are.
        step: from one of the next to another, in frames.
        entries: where every ``step``-th frame begins, from the first one on, in bytes.
        end: behind the last frame, in bytes.
    """

    count: int
    frame_samples: int
    skipped: int
    is_tagged: bool
    step: int
    entries: tuple[int, ...]
    end: int


@dataclass(frozen=True, slots=True)
class MpegOutline:
    """What there is to know of an mp3 file; see `outline.Outline`."""

    frames: int
    sample_rate: int
    channels: int
    places: MpegPlaces


@dataclass(frozen=True, slots=True)
class _Tag:
    """An encoder's tag.

    Attributes:
        frames: how many follow.
        delay: samples that the encoder put in front; 0 if it does not say.
        padding: samples that it put behind.
    """

    frames: int
    delay: int
    padding: int


def outline_of_mpeg(
    stream: Readable,
    above_seconds: float = 0.0,
    whole: Callable[[], AbstractContextManager[Readable]] | None = None,
) -> MpegOutline | None:
    """Walk the frames of an mp3 file; None for another one, and where anything is in doubt.

    The stream is left somewhere.

    Args:
        stream: a file, of which the first frame is read.
        above_seconds: those that are no longer, by what stands there, are not walked: None.
        whole: opens the file to be read from its start to its end; None if ``stream`` is good for that.
    """
    size = stream.seek(0, 2)
    start = behind_tags(stream, 0)
    stream.seek(start)
    head = stream.read(_HEAD_BYTES)
    length = layer_3_bytes(head)
    if not length or not head[1] & 1:  # its checksum would not be that of a frame that is silenced
        return None
    tag = None
    if _tag_name(head) in _NAMES:
        tag = _tag_of(head[8 + side_bytes(head) :])
        if tag is None:
            return None
    elif head[2] & _PADDED:  # from its length libsndfile guesses too few, and breaks off
        return None
    expected = (size - start) / length if tag is None else tag.frames
    if expected * samples_a_frame(head) <= above_seconds * sample_rate_of(head):
        return None
    walk = _Walk(start, head, is_tagged=tag is not None)
    try:
        with nullcontext(stream) if whole is None else whole() as walked:
            scan = scan_frames(walked, walk.take)
    except _OddFrameError:
        return None
    if scan is None or scan.describe() is not None:
        return None
    if scan.announced if tag is None else tag.frames != walk.frames:  # Fraunhofer's tag, or another number
        return None
    return _outline(head, tag, walk)


def _outline(head: bytes, tag: _Tag | None, walk: _Walk) -> MpegOutline | None:
    frame_samples = samples_a_frame(head)
    frames, skipped = walk.frames * frame_samples, 0
    if tag is not None:
        skipped = tag.delay + DECODER_DELAY
        frames -= skipped + max(0, tag.padding - DECODER_DELAY)
    if frames <= 0:
        return None
    places = MpegPlaces(
        walk.frames, frame_samples, skipped, tag is not None, walk.step, tuple(walk.entries), walk.end
    )
    return MpegOutline(frames, sample_rate_of(head), 1 if is_mono(head) else 2, places)


def is_mono(head: bytes | bytearray) -> bool:
    """Whether the header of a layer III frame says that it has one channel."""
    return head[3] >= _MONO


def side_bytes(head: bytes | bytearray) -> int:
    """How long the side information of a layer III frame is."""
    if samples_a_frame(head) == 1152:
        return 17 if is_mono(head) else 32
    return 9 if is_mono(head) else 17


def _tag_name(head: bytes) -> bytes:
    """What stands where a tag has its name."""
    at = 4 + side_bytes(head)
    return head[at : at + 4]


def _tag_of(data: bytes) -> _Tag | None:
    """What stands behind the name; None if it does not say how many frames there are."""
    flags = int.from_bytes(data[:4], "big")
    if not flags & 1:
        return None
    frames = int.from_bytes(data[4:8], "big")
    at = 8 + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    more = data[at : at + _LAME_BYTES]
    if not any(more):
        return _Tag(frames, 0, 0)
    numbers = int.from_bytes(more[21:24], "big")
    return _Tag(frames, numbers >> 12, numbers & 0xFFF) if more[0] else None


class _OddFrameError(Exception):
    """The rest of the file need not be read."""


class _Walk:
    """Notes where frames begin, as long as they are all of one kind.

    Args:
        start: where the first one must begin.
        head: of the first one.
        is_tagged: whether that is the encoder's tag, which is not counted.

    Attributes:
        frames: how many there were.
        step: each so many-th is noted.
        entries: where those begin.
        end: behind the last one.
    """

    def __init__(self, start: int, head: bytes, *, is_tagged: bool) -> None:
        self.frames = -is_tagged
        self.step = _ALIKE_FRAMES * math.ceil(
            _ENTRY_SECONDS * sample_rate_of(head) / (samples_a_frame(head) * _ALIKE_FRAMES)
        )
        self.entries: list[int] = []
        self.end = start
        self._second = head[1]
        # The rate; and the bit rate too, where it must not change.
        self._mask = _RATE if is_tagged else _RATE | _BIT_RATE
        self._third = head[2] & self._mask
        self._is_mono = is_mono(head)

    def take(self, position: int, data: bytes, places: NDArray[np.intp]) -> None:
        """Take the frames of a window; the last place is where they end.

        Raises:
            _OddFrameError: one is of another kind, or does not follow the one before.
        """
        begins = places[:-1]
        raw = np.frombuffer(data, np.uint8)
        if not (
            position == self.end
            and (raw[begins + 1] == self._second).all()
            and (raw[begins + 2] & self._mask == self._third).all()
            and ((raw[begins + 3] >= _MONO) == self._is_mono).all()
        ):
            raise _OddFrameError
        first = -self.frames % self.step
        self.entries += (position + begins[first :: self.step]).tolist()
        self.frames += len(begins)
        self.end = position + int(places[-1])
