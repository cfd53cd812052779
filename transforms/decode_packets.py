"""FFmpeg's packets, decoded: the frames of a container's first audio stream, from its start or from inside.

Two decoders remember without end what they have heard: that of AAC-LC how many numbers it took from its
generator of noise, of which a file only says how loud it is; that of Opus the last bits in its filters.
So both begin anew with each full minute of the stream's time, after two seconds of warm-up, in one piece
too. What comes out behind a full minute is the same then wherever decoding began before it, as long as
the stream has one description and its packets follow each other in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Final, TypeAlias

import av
import av.container
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream

from transforms.av_complaints import Complaints

_Packet: TypeAlias = "av.Packet[AudioStream]"

RENEWAL_SECONDS: Final = 60
WARM_UP_SECONDS: Final = 2
# Those of Opus take 2.5 ms at least; tables may say of any number that they begin in the same moment.
_MOST_WARM_UP_PACKETS: Final = 1000
# Containers whose times are exact, so that the same packet is the first of its minute wherever reading began.
_RENEWED: Final = {("mov,mp4,m4a,3gp,3g2,mj2", "aac"), ("ogg", "opus")}
_LOW_COMPLEXITY: Final = 2
"""As an AudioSpecificConfig has it (ISO/IEC 14496-3, 1.6.2)."""
# By how much the times of packets of Vorbis may be off: where long blocks follow short ones, FFmpeg
# takes a packet for shorter than it is, by a quarter of what the largest has.
_VORBIS_UNITS: Final = 2048
# Whose packets have checksums that FFmpeg compares only when asked, and that programs write right.
_CHECKED: Final = ("wavpack", "tta")


class PacketDecoder:
    """Decodes the packets of the first audio stream.

    Args:
        container: open, with at least one audio stream, at the place where reading begins.
        complaints: what FFmpeg says of it.
        from_minute: nothing is decoded before this full minute of the stream's time; only for streams
            whose decoder begins anew there.

    Attributes:
        damaged_packets: how many could not be decoded, or not rightly, so far.
        broken: why the container broke off; None if it did not.
        jumps: how many packets do not begin where the one before them ended, by their times.
    """

    def __init__(
        self, container: av.container.InputContainer, complaints: Complaints, from_minute: int = 0
    ) -> None:
        self._container = container
        self._complaints = complaints
        self._audio = container.streams.audio[0]
        coder = self._audio.codec_context
        coder.thread_count = 1
        if coder.name in _CHECKED:
            coder.options = {"err_detect": "crccheck"}
        is_renewed = _is_renewed(container.format.name, coder)
        self._coder = _Renewed(self._audio, from_minute) if is_renewed else _Lasting(coder)
        self.damaged_packets = 0
        self.broken: str | None = None
        self.jumps = 0
        self._end: int | None = None  # of the last packet
        self._tolerance = _VORBIS_UNITS if coder.name == "vorbis" else 0

    @property
    def held_back(self) -> int:
        """Samples that a decoder that began inside the stream had not given when its first minute began."""
        return self._coder.held_back

    def frames(self) -> Iterator[tuple[int, av.AudioFrame]]:
        """Frames, and how many packets were read before that of each.

        What cannot be decoded is counted and left out.
        """
        is_bare = self._audio.codec_context.name.startswith("pcm_")
        # Frames of flac carry their numbers; those with a wrong checksum come out without.
        is_numbered = self._container.format.name == "flac"
        try:
            for number, packet in enumerate(self._container.demux(self._audio)):
                self._follow(packet)
                # The file ends in a corrupt one, or its checksum is wrong; it may be heard yet.
                # Bare samples may end anywhere.
                damaged = packet.is_corrupt and not is_bare
                try:
                    decoded = self._coder.decode(packet)
                except av.FFmpegError:
                    decoded, damaged = [], True
                self._complaints.first()
                if damaged:
                    self.damaged_packets += 1
                for frame in decoded:
                    if not damaged and (frame.is_corrupt or (is_numbered and frame.pts is None)):
                        self.damaged_packets += 1
                    if frame.samples:
                        yield number, frame
        except av.FFmpegError as error:
            self.broken = text_of(error)

    def _follow(self, packet: _Packet) -> None:
        if packet.pts is None:
            return
        if self._end is not None and abs(packet.pts - self._end) > self._tolerance:
            self.jumps += 1
        self._end = packet.pts + (packet.duration or 0)


def _is_renewed(container: str, coder: AudioCodecContext) -> bool:
    """Whether decoders of a stream begin anew.

    Other kinds of AAC than that of low complexity predict from more than two seconds, or begin at few
    packets only; and one that only its container tells of needs more than it says to the decoder.
    """
    if (container, coder.name) not in _RENEWED:
        return False
    return coder.name != "aac" or (coder.extradata or b"\0")[0] >> 3 == _LOW_COMPLEXITY


class _Lasting:
    """One decoder from the first packet to the last."""

    held_back = 0

    def __init__(self, coder: AudioCodecContext) -> None:
        self._coder = coder

    def decode(self, packet: _Packet) -> list[av.AudioFrame]:
        return self._coder.decode(packet)


class _Renewed:
    """A decoder that begins anew with each full minute.

    Args:
        stream: of the packets.
        from_minute: the first in which it decodes.

    Attributes:
        held_back: see `PacketDecoder`.
    """

    def __init__(self, stream: AudioStream, from_minute: int) -> None:
        self._stream = stream
        self._coder = None if from_minute else stream.codec_context
        self._minute = max(0, from_minute - 1)
        # What is near the end of the minute.
        self._before: deque[tuple[Fraction, _Packet]] = deque(maxlen=_MOST_WARM_UP_PACKETS)
        self.held_back = 0

    def decode(self, packet: _Packet) -> list[av.AudioFrame]:
        seconds = _seconds(packet)
        if seconds is not None:
            if seconds >= (self._minute + 1) * RENEWAL_SECONDS:
                self._begin_anew(int(seconds // RENEWAL_SECONDS))
            if seconds >= (self._minute + 1) * RENEWAL_SECONDS - WARM_UP_SECONDS:
                self._before.append((seconds, packet))
        return [] if self._coder is None else self._coder.decode(packet)

    def _begin_anew(self, minute: int) -> None:
        fresh = av.CodecContext.create(self._stream.codec_context.codec.name, "r")
        assert isinstance(fresh, AudioCodecContext), "it is a decoder of sound"
        fresh.thread_count = 1
        fresh.extradata = _inside(self._stream.codec_context.extradata)
        begin = minute * RENEWAL_SECONDS - WARM_UP_SECONDS
        heard = [packet for seconds, packet in self._before if seconds >= begin]
        held_back = 0
        for packet in heard:
            try:
                decoded = fresh.decode(packet)
            except av.FFmpegError:  # counted when it was met first
                continue
            held_back += _samples(packet, fresh.sample_rate) - sum(frame.samples for frame in decoded)
        if self._coder is None:
            self.held_back = held_back
        # One that was told something else meanwhile goes on: another description in the same file.
        if self._coder is None or _shape(fresh) == _shape(self._coder):
            self._coder = fresh
        self._minute = minute
        self._before.clear()


def _shape(coder: AudioCodecContext) -> tuple[int, int]:
    """Rate and channels of what a decoder gave last."""
    return coder.sample_rate, coder.layout.nb_channels


def _inside(head: bytes | None) -> bytes | None:
    """What a decoder that begins inside a stream is told: of Opus no pre-skip (RFC 7845, 5.1).

    It would leave out sound where the warm-up is shorter than that, since packets are missing.
    """
    return head[:10] + bytes(2) + head[12:] if head and head.startswith(b"OpusHead") else head


def _seconds(packet: _Packet) -> Fraction | None:
    """The time of a packet; None of the one that stands for the end, and where there is none."""
    if packet.pts is None or packet.time_base is None:
        return None
    return packet.pts * packet.time_base


def _samples(packet: _Packet, sample_rate: int) -> int:
    """How many a packet stands for, in each channel, by its container."""
    if packet.duration is None or packet.time_base is None:
        return 0
    return round(packet.duration * packet.time_base * sample_rate)


def text_of(error: Exception) -> str:
    """What FFmpeg says."""
    return getattr(error, "strerror", None) or str(error)
