"""From the bytes of a recording to its samples, in blocks: constant memory at any length.

Which library decodes is chosen by content. libsndfile is the faster one where it reads at
all (mp3: 583-625 x real time against 310, with resampling to 16 kHz); FFmpeg, through PyAV,
takes the rest and what libsndfile gives up on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from transforms import codes
from transforms.decode_av import open_av
from transforms.decode_base import Decoder, ShieldedStream, UndecodableError
from transforms.decode_sndfile import SndfileDecoder
from transforms.errors import RecordingError
from transforms.records import Stage
from transforms.sniff import HEAD_BYTES, WavLayout, is_for_libsndfile, read_wav_layout

_SAMPLE_RATES = range(1000, 1_000_000)
_MAX_CHANNELS = 64
_MESSAGES = {
    codes.NOT_AUDIO: (
        "{name} is not recognised as audio or video ({reason}). Perhaps it is another kind of file, "
        "is cut off or damaged, or is a playlist, which is never followed: give the media itself."
    ),
    codes.NO_AUDIO_STREAM: (
        "{name} has no audio ({reason}). Perhaps it was exported without sound: export it again, "
        "or leave it out."
    ),
    codes.NO_SAMPLES: (
        "{name} is a media file, and no sound comes out of it ({reason}). Perhaps the recording was "
        "broken off at once, or the copy is damaged: compare it with the original."
    ),
    codes.DECODE_FAILED: (
        "{name} cannot be decoded ({reason}). Perhaps it is damaged or of a rare kind: "
        "compare it with the original, or convert it to wav or flac."
    ),
}


@contextmanager
def open_decoder(stream: BinaryIO, name: str) -> Iterator[Decoder]:
    """Open a recording for decoding.

    Args:
        stream: its bytes; needs ``read``, ``seek`` and ``tell``. It is not closed.
        name: what messages call it.

    Raises:
        RecordingError: of stage decode: it is empty, not audio, without an audio stream or
            without samples; or what reading the stream raised.
    """
    shielded = ShieldedStream(stream)
    shielded.seek(0)
    head = shielded.read(HEAD_BYTES)
    shielded.check()
    if not head:
        raise RecordingError(
            Stage.DECODE,
            codes.EMPTY_FILE,
            f"{name} is empty, 0 bytes long. Perhaps its recording or its copying failed: fetch it again.",
        )
    try:
        with _open_best(stream, shielded, head) as decoder:
            _check_plausible(decoder)
            yield decoder
    except UndecodableError as error:
        message = _MESSAGES[error.code].format(name=name, reason=error.reason)
        raise RecordingError(Stage.DECODE, error.code, message) from error


def _check_plausible(decoder: Decoder) -> None:
    """A header may claim anything; memory and time must not follow it."""
    if decoder.sample_rate not in _SAMPLE_RATES or decoder.channels > _MAX_CHANNELS:
        raise UndecodableError(
            codes.DECODE_FAILED, f"its header says {decoder.channels} channels at {decoder.sample_rate} Hz"
        )


@contextmanager
def _open_best(stream: BinaryIO, shielded: ShieldedStream, head: bytes) -> Iterator[Decoder]:
    layout = read_wav_layout(shielded)
    shielded.check()
    if layout is not None and layout.size_is_wrong and layout.raw is not None:
        # Everything behind the header is samples, whatever the header says.
        samples = ShieldedStream(stream, layout.data_start)
        with closing(SndfileDecoder(samples, layout.low_frequency_channel, layout.raw)) as bare:
            yield bare
        return
    if is_for_libsndfile(head):
        try:
            first = SndfileDecoder(shielded, layout.low_frequency_channel if layout else None)
        except UndecodableError:
            pass  # FFmpeg reads some files under the same magic bytes that libsndfile does not.
        else:
            with closing(first):
                yield _MendingDecoder(first, shielded, layout)
            return
    with open_av(shielded) as second:
        yield second


class _MendingDecoder:
    """libsndfile, and FFmpeg from where libsndfile breaks off.

    libsndfile gives up at the first damaged place of a flac or mp3 file, FFmpeg goes on
    behind it. Which samples are lost in between is not known, so the seam may be off by
    what was damaged.
    """

    def __init__(self, first: SndfileDecoder, stream: ShieldedStream, layout: WavLayout | None) -> None:
        self._first = first
        self._stream = stream
        self._layout = layout
        self.sample_rate = first.sample_rate
        self.channels = first.channels
        self.low_frequency_channel = first.low_frequency_channel
        self.damage: str | None = None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The samples, once, as arrays of shape (frames, channels) in [-1, 1).

        Raises:
            RecordingError, OSError: reading the stream failed.
        """
        frames = 0
        for block in self._first.blocks():
            frames += len(block)
            yield block
        self.damage = self._first.damage
        if self.damage is not None:
            self.damage += "; FFmpeg went on from there as far as it could"
            yield from self._rest(frames)
        elif self._layout is not None and (self._layout.missing_bytes or self._layout.size_is_wrong):
            self.damage = (
                f"the header announces {self._layout.declared_bytes} bytes of audio, "
                f"{self._layout.present_bytes} are there"
            )

    def _rest(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """What FFmpeg makes of the recording behind its first ``frames`` frames."""
        try:
            with open_av(self._stream) as second:
                if (second.sample_rate, second.channels) != (self.sample_rate, self.channels):
                    return
                for block in second.blocks():
                    if len(block) > frames:
                        yield block[frames:]
                    frames = max(0, frames - len(block))
        except UndecodableError:
            return
