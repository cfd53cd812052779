"""Any recording to 16-bit mono at the engine's rate, block by block.

pydub's AudioSegment carries the blocks. Its own resampler and downmix are not used:
``set_frame_rate`` removes no alias at all (a 9 kHz tone comes out of 48 to 16 kHz at 0 dB),
``set_channels(1)`` makes silence of antiphase stereo. libsoxr resamples (HQ: aliases at
-87 dB, the floor of 16 bits), `mixing` mixes, before resampling since that is cheaper.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol

import numpy as np
import soxr

from transforms import codes
from transforms.decode import open_decoder
from transforms.decode_base import Decoder
from transforms.errors import RecordingError
from transforms.mixing import finish_mix, mix, start_mix
from transforms.records import Stage
from transforms.samples import Floats, Samples, floats_of, to_int16
from transforms.sound import AudioSegment, sound_of


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """What becomes of the channels of a recording; made by its three class methods."""

    kind: Literal["mix", "split", "only"]
    channel: int = 0

    @classmethod
    def mix(cls) -> ChannelChoice:
        """All of them together, as channel 0."""
        return cls("mix")

    @classmethod
    def split(cls) -> ChannelChoice:
        """Each by itself, under its own number."""
        return cls("split")

    @classmethod
    def only(cls, channel: int) -> ChannelChoice:
        """One of them, counted from 0, which keeps its number."""
        return cls("only", channel)


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
            numbers = _channel_numbers(decoder, self._channels, self._name)
            resampler = _resampler(decoder.sample_rate, self._sample_rate, len(numbers))
            length = 0
            for samples in _resampled(_chosen(decoder, self._channels), resampler):
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

    A channel of ``n`` frames becomes ``resampled_length(n, ...)`` samples, whatever the blocks.
    16-bit mono at ``sample_rate`` comes through bit for bit.

    Args:
        stream: the recording's bytes; needs ``read``, ``readinto``, ``seek`` and ``tell``. It is not closed.
        name: what messages call it.
        sample_rate: samples per second of the result.
        channels: what becomes of the channels.
    """
    return Normalized(stream, name, sample_rate, channels)


def resampled_length(frames: int, from_rate: int, to_rate: int) -> int:
    """How many samples ``frames`` become: ``frames * to_rate / from_rate``, half rounded up."""
    return (2 * frames * to_rate + from_rate) // (2 * from_rate)


def _channel_numbers(decoder: Decoder, choice: ChannelChoice, name: str) -> range:
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


def _chosen(decoder: Decoder, choice: ChannelChoice) -> Iterator[Samples]:
    """The channels that were asked for, as (frames, channels) at the recording's rate."""
    if choice.kind == "split":
        return decoder.blocks()
    if choice.kind == "only":
        return (block[:, choice.channel : choice.channel + 1] for block in decoder.blocks())
    return _mixed(decoder)


def _mixed(decoder: Decoder) -> Iterator[Samples]:
    audible = [number for number in range(decoder.channels) if number != decoder.low_frequency_channel]
    if len(audible) < 2:
        for block in decoder.blocks():
            yield block[:, audible] if audible else block
        return
    state = start_mix(decoder.sample_rate, len(audible))
    for block in decoder.blocks():
        state, mixed = mix(state, block if len(audible) == decoder.channels else block[:, audible])
        yield mixed[:, np.newaxis]
    yield finish_mix(state)[:, np.newaxis]


def _resampled(blocks: Iterator[Samples], resampler: _Resampler) -> Iterator[Samples]:
    for block in blocks:
        samples = resampler.resample(block)
        if len(samples):
            yield samples
    tail = resampler.finish()
    if len(tail):
        yield tail


class _Resampler(Protocol):
    def resample(self, samples: Samples) -> Samples: ...

    def finish(self) -> Floats: ...


def _resampler(from_rate: int, to_rate: int, channels: int) -> _Resampler:
    return _Same(channels) if from_rate == to_rate else _Soxr(from_rate, to_rate, channels)


class _Same:
    """Samples at the right rate already."""

    def __init__(self, channels: int) -> None:
        self._channels = channels

    def resample(self, samples: Samples) -> Samples:
        return samples

    def finish(self) -> Floats:
        return np.zeros((0, self._channels), np.float32)


class _Soxr:
    """libsoxr on a stream, with the length made exact at its end."""

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        self._rates = (from_rate, to_rate)
        self._stream = soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32", quality="HQ")
        self._channels = channels
        self._taken = 0
        self._given = 0

    def resample(self, samples: Samples) -> Floats:
        self._taken += len(samples)
        result: Floats = self._stream.resample_chunk(np.ascontiguousarray(floats_of(samples)))
        self._given += len(result)
        return result

    def finish(self) -> Floats:
        nothing = np.zeros((0, self._channels), np.float32)
        tail: Floats = self._stream.resample_chunk(nothing, last=True)
        missing = resampled_length(self._taken, *self._rates) - self._given
        padding = np.zeros((max(0, missing - len(tail)), self._channels), np.float32)
        return np.concatenate((tail[: max(0, missing)], padding))
