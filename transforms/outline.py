"""How long a recording is where samples can be found by their number. Pure.

These are the forms of wav with samples that are not compressed (RIFF, RF64, Wave64), flac, mp3 and
Ogg (of which all frames or pages are walked), and m4a and mp4 with AAC. A recording that is not in order
has no outline: it is decoded from its first byte to its last.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Literal

from transforms.mp4_outline import Mp4Outline, outline_of_mp4
from transforms.mpeg_outline import MpegOutline, MpegPlaces, outline_of_mpeg
from transforms.ogg_outline import OggOutline, OggPlaces, outline_of_ogg
from transforms.sniff import HEAD_BYTES, Readable, is_mpeg_layer_3, read_wav_layout

_SAMPLE_BYTES: Final = {
    "PCM_U8": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
    "ALAW": 1,
    "ULAW": 1,
}
# RFC 9639, 8.1 and 8.2: the marker, a header of 4 bytes, sizes of blocks and frames in 10; then the
# rate in 20 bits, channels in 3, bits of a sample in 5 (both less 1), samples in 36.
_FLAC_NUMBERS: Final = slice(18, 26)


@dataclass(frozen=True, slots=True)
class Outline:
    """What the header of a recording says.

    Attributes:
        frames: how many there are.
        sample_rate: frames per second.
        channels: of each frame.
        low_frequency_channel: see `decode_base.Decoder`; None too where the decoder knows it.
        places: where decoding may begin; "times" if FFmpeg finds a place by its time, None if the
            decoder finds any frame by its number.
    """

    frames: int
    sample_rate: int
    channels: int
    low_frequency_channel: int | None = None
    places: MpegPlaces | OggPlaces | Literal["times"] | None = None

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.sample_rate


def outline_of(
    stream: Readable,
    above_seconds: float = 0.0,
    whole: Callable[[], AbstractContextManager[Readable]] | None = None,
) -> Outline | None:
    """Read a header, or walk the frames; None for what can only be decoded in one piece.

    The stream is left somewhere.

    Args:
        stream: the file.
        above_seconds: an mp3 or Ogg file that is not longer, as far as shows without a walk, has none.
        whole: opens the file to be read from its start to its end; None if ``stream`` is good for that.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    if head.startswith(b"fLaC"):
        return _of_flac(head)
    if head[4:8] == b"ftyp":
        return _outline(outline_of_mp4(stream))
    if head.startswith(b"OggS"):
        return _outline(outline_of_ogg(stream, above_seconds, whole))
    if is_mpeg_layer_3(head) or head.startswith(b"ID3"):
        return _outline(outline_of_mpeg(stream, above_seconds, whole))
    return _of_wav(stream)


def _outline(found: Mp4Outline | MpegOutline | OggOutline | None) -> Outline | None:
    if found is None:
        return None
    return Outline(found.frames, found.sample_rate, found.channels, places=found.places)


def _of_flac(head: bytes) -> Outline | None:
    if len(head) < _FLAC_NUMBERS.stop or head[4] & 0x7F:
        return None
    numbers = int.from_bytes(head[_FLAC_NUMBERS], "big")
    sample_rate, channels, frames = numbers >> 44, (numbers >> 41 & 7) + 1, numbers & (1 << 36) - 1
    return Outline(frames, sample_rate, channels) if sample_rate and frames else None


def _of_wav(stream: Readable) -> Outline | None:
    layout = read_wav_layout(stream)
    if layout is None or layout.raw is None or layout.size_is_wrong or layout.missing_bytes:
        return None
    frame_bytes = layout.raw.channels * _SAMPLE_BYTES[layout.raw.subtype]
    # From 2 GiB on a size may be meant as it is written.
    frames = min(layout.written_bytes, layout.present_bytes) // frame_bytes
    if not frames:
        return None
    return Outline(frames, layout.raw.sample_rate, layout.raw.channels, layout.low_frequency_channel)
