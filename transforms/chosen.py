"""Which channels of a recording are transcribed, and how they are made of its blocks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from transforms.mixing import finish_mix, memory_of, mix, start_mix
from transforms.samples import Floats, Samples


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


class Chosen(Protocol):
    """Makes the chosen channels of a recording's blocks, shape ``(frames, channels)`` both."""

    def take(self, block: Samples) -> Samples:
        """Take the next block; what is certain by now. It is good until the next one is taken."""
        ...

    def finish(self) -> Samples:
        """The rest: in all, as many frames as were taken."""
        ...

    def memory(self) -> bytes:
        """What it remembers of the frames that were taken: the same bytes, the same from here on."""
        ...


def chosen_of(
    choice: ChannelChoice, *, channels: int, low_frequency_channel: int | None, sample_rate: int
) -> Chosen:
    """What makes the chosen channels of a recording with so many, before its first block.

    Args:
        choice: which and how; the one that ``only`` names is there.
        channels: of the recording.
        low_frequency_channel: of these, see `decode_base.Decoder`.
        sample_rate: frames per second.
    """
    if choice.kind == "split":
        return _Picked(range(channels), channels)
    if choice.kind == "only":
        return _Picked(range(choice.channel, choice.channel + 1), channels)
    audible = [number for number in range(channels) if number != low_frequency_channel]
    if len(audible) < 2:
        return _Picked(audible or range(channels), channels)
    return _Mixed(audible, channels, sample_rate)


class _Picked:
    """Channels as they are."""

    def __init__(self, numbers: Sequence[int], channels: int) -> None:
        self._numbers = None if len(numbers) == channels else list(numbers)
        self._channels = len(numbers)

    def take(self, block: Samples) -> Samples:
        return block if self._numbers is None else block[:, self._numbers]

    def finish(self) -> Floats:
        return np.zeros((0, self._channels), np.float32)

    def memory(self) -> bytes:
        return b""


class _Mixed:
    """Several channels as one."""

    def __init__(self, numbers: Sequence[int], channels: int, sample_rate: int) -> None:
        self._numbers = None if len(numbers) == channels else list(numbers)
        self._state = start_mix(sample_rate, len(numbers))

    def take(self, block: Samples) -> Floats:
        self._state, mixed = mix(self._state, block if self._numbers is None else block[:, self._numbers])
        return mixed[:, np.newaxis]

    def finish(self) -> Floats:
        return finish_mix(self._state)[:, np.newaxis]

    def memory(self) -> bytes:
        return memory_of(self._state)
