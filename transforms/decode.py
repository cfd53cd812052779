"""From the bytes of a recording to its samples, in blocks: constant memory at any length.

Which library decodes is chosen by content. libsndfile is the faster one where it reads at
all; FFmpeg, through PyAV, takes the rest and what libsndfile gives up on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from transforms import codes
from transforms.announced import missing_part
from transforms.decode_base import Decoder, ShieldedStream, UndecodableError
from transforms.decode_sndfile import SndfileDecoder
from transforms.errors import RecordingError
from transforms.records import Stage
from transforms.samples import Samples
from transforms.sniff import HEAD_BYTES, WavLayout, is_for_libsndfile, read_wav_layout
from transforms.wholeness import look_over

if TYPE_CHECKING:
    from transforms.decode_av import AvDecoder

_SAMPLE_RATES = range(1000, 1_000_000)
_MAX_CHANNELS = 64
# Frames of mp3 hold more than comes out: the encoder's delay and padding are taken off.
_PADDING_SECONDS = 1.0
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
        stream: its bytes; needs ``read``, ``readinto``, ``seek`` and ``tell``. It is not closed.
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
        code, reason = error.code, error.reason
        missing = missing_part(shielded)
        if missing is not None:
            code = codes.DECODE_FAILED if code == codes.NOT_AUDIO else code
            reason += f"; {missing}"
        raise RecordingError(Stage.DECODE, code, _MESSAGES[code].format(name=name, reason=reason)) from error


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
    size_is_wrong = layout is not None and layout.size_is_wrong
    if layout is not None and size_is_wrong and layout.raw is not None:
        # Everything behind the header is samples, whatever the header says.
        samples = ShieldedStream(stream, layout.data_start)
        with closing(SndfileDecoder(samples, layout.low_frequency_channel, layout.raw)) as bare:
            yield bare
        return
    trouble = None
    if is_for_libsndfile(head) and not size_is_wrong:
        try:
            first = SndfileDecoder(shielded, layout.low_frequency_channel if layout else None)
        except UndecodableError as error:
            # FFmpeg reads some files under the same magic bytes that libsndfile does not. What
            # libsndfile has begun to read and given up is damaged, though.
            trouble = error.reason if error.code == codes.NO_SAMPLES else None
        else:
            with closing(first):
                yield _WatchedDecoder(first, shielded, layout)
            return
    with _open_av(shielded, ignore_length=size_is_wrong) as second:
        yield _WatchedDecoder(second, shielded, None, trouble)


def _open_av(stream: ShieldedStream, *, ignore_length: bool = False) -> AbstractContextManager[AvDecoder]:
    # Imported when first needed: many runs never need it, and it takes 0.1 s and 20 MB in every process.
    from transforms.decode_av import open_av

    return open_av(stream, ignore_length=ignore_length)


class _WatchedDecoder:
    """A decoder, a look at whether the file is whole, and FFmpeg from where libsndfile breaks off.

    libsndfile gives up at the first damaged place of a flac file and the worst ones of an mp3
    file; FFmpeg goes on behind them. Which samples are lost in between is not known, so the
    seam may be off by what was damaged.
    """

    def __init__(
        self,
        first: SndfileDecoder | AvDecoder,
        stream: ShieldedStream,
        layout: WavLayout | None,
        trouble: str | None = None,
    ) -> None:
        self._first = first
        self._stream = stream
        self._layout = layout
        self._trouble = trouble
        self.sample_rate = first.sample_rate
        self.channels = first.channels
        self.low_frequency_channel = first.low_frequency_channel
        self.structure = first.structure
        self.damage: str | None = None

    def blocks(self) -> Iterator[Samples]:
        """The samples, once; a block is good until the next one is asked for.

        Raises:
            RecordingError, OSError: reading the stream failed.
        """
        frames = 0
        for block in self._first.blocks():
            frames += len(block)
            yield block
        found = [self._trouble, self._first.damage]
        wholeness = look_over(self._stream, self.structure)
        self._stream.check()
        missing = (wholeness.samples or 0) - frames > _PADDING_SECONDS * self.sample_rate
        if isinstance(self._first, SndfileDecoder) and (self._first.damage is not None or missing):
            found += ["FFmpeg went on from there as far as it could"] if self._first.damage else []
            yield from self._rest(frames)
        found.append(wholeness.damage)
        if self._layout is not None and self._layout.missing_bytes:
            found.append(
                f"the header announces {self._layout.declared_bytes} bytes of audio, "
                f"{self._layout.present_bytes} are there"
            )
        self.damage = "; ".join(each for each in found if each) or None

    def _rest(self, frames: int) -> Iterator[Samples]:
        """What FFmpeg makes of the recording behind its first ``frames`` frames."""
        try:
            with _open_av(self._stream) as second:
                if (second.sample_rate, second.channels) != (self.sample_rate, self.channels):
                    return
                for block in second.blocks():
                    if len(block) > frames:
                        yield block[frames:]
                    frames = max(0, frames - len(block))
        except UndecodableError:
            return
