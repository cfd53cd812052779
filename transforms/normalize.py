"""Any recording to 16-bit mono at the engine's rate, block by block.

pydub's AudioSegment carries the blocks. Its own resampler and downmix are not used:
``set_frame_rate`` removes no alias at all (a 9 kHz tone comes out of 48 to 16 kHz at 0 dB),
``set_channels(1)`` makes silence of antiphase stereo. `resampling` resamples, `mixing` mixes,
before resampling since that is cheaper.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from transforms import codes
from transforms.chosen import ChannelChoice, Chosen, chosen_of
from transforms.decode import open_decoder
from transforms.decode_base import Decoder
from transforms.errors import RecordingError
from transforms.records import Stage
from transforms.resampling import Resampler, open_resampler
from transforms.samples import Samples, to_int16
from transforms.sound import AudioSegment, sound_of


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of one channel, 16-bit mono; the pieces of a channel follow without a gap."""

    channel: int
    audio: AudioSegment


class Normalized:
    """A recording as blocks; iterate once.

    Attributes:
        damage: what of the recording was missing or could not be decoded; None for nothing.
            Known after the last block.
    """

    def __init__(self, stream: BinaryIO, name: str, sample_rate: int, channels: ChannelChoice) -> None:
        self._stream = stream
        self._name = name
        self._sample_rate = sample_rate
        self._channels = channels
        self.damage: str | None = None

    def __iter__(self) -> Iterator[Block]:
        """Decode, mix or split, resample.

        Raises:
            RecordingError: of stage decode: not decodable, or no such channel; or what
                reading the stream raised.
        """
        with open_decoder(self._stream, self._name) as decoder:
            numbers = channel_numbers(decoder, self._channels, self._name)
            resampler = open_resampler(decoder.sample_rate, self._sample_rate, len(numbers))
            length = 0
            chosen = chosen_of(
                self._channels,
                channels=decoder.channels,
                low_frequency_channel=decoder.low_frequency_channel,
                sample_rate=decoder.sample_rate,
            )
            for samples in filter(len, _resampled(decoder.blocks(), chosen, resampler)):
                length += len(samples)
                yield from self._blocks(numbers, samples)
            if not length:
                raise RecordingError(
                    Stage.DECODE,
                    codes.NO_SAMPLES,
                    f"{self._name} is shorter than one sample at {self._sample_rate} Hz. Perhaps the "
                    "recording was broken off at once: compare it with the original.",
                )
            self.damage = decoder.damage

    def _blocks(self, numbers: range, samples: Samples) -> Iterator[Block]:
        whole = to_int16(samples)
        for column, number in enumerate(numbers):
            yield Block(number, sound_of(whole[:, column].tobytes(), self._sample_rate))


def normalize(stream: BinaryIO, *, name: str, sample_rate: int, channels: ChannelChoice) -> Normalized:
    """Decode a recording to 16-bit mono, in blocks of about six seconds.

    A channel of ``n`` frames becomes `resampling.resampled_length` samples, whatever the blocks.
    16-bit mono at ``sample_rate`` comes through bit for bit.

    Args:
        stream: the recording's bytes; needs ``read``, ``readinto``, ``seek`` and ``tell``. It is not closed.
        name: what messages call it.
        sample_rate: samples per second of the result.
        channels: what becomes of the channels.
    """
    return Normalized(stream, name, sample_rate, channels)


def channel_numbers(decoder: Decoder, choice: ChannelChoice, name: str) -> range:
    """The numbers of the channels that are made of a recording.

    Raises:
        RecordingError: one was asked for that is not there.
    """
    if choice.kind == "mix":
        return range(1)
    if choice.kind == "split":
        return range(decoder.channels)
    if not 0 <= choice.channel < decoder.channels:
        raise RecordingError(
            Stage.DECODE,
            codes.NO_SUCH_CHANNEL,
            f"{name} has {decoder.channels} channel(s), counted from 0, and channel {choice.channel} is "
            "asked for. Perhaps the manifest counts from 1, or names another file: correct its column "
            "channel.",
        )
    return range(choice.channel, choice.channel + 1)


def _resampled(blocks: Iterator[Samples], chosen: Chosen, resampler: Resampler) -> Iterator[Samples]:
    for block in blocks:
        yield resampler.resample(chosen.take(block))
    yield resampler.resample(chosen.finish())
    yield resampler.finish()
