"""Reads an opened recording to its end, and cuts it: all that decoders and detectors do.

It runs in a process of its own (`decode_process`), or here; and so it imports neither
Beam nor anything of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from blake3 import blake3

from transforms import codes
from transforms.checksum import Checked, ChecksumReader
from transforms.chosen import ChannelChoice
from transforms.cuts import CutPolicy
from transforms.cutting import Cutter
from transforms.errors import RecordingError
from transforms.hold import Hold, joined
from transforms.normalize import normalize
from transforms.records import PlannedSegment, Stage
from transforms.speech import open_detector
from transforms.speech_frames import SpeechFrames


@dataclass(frozen=True, slots=True)
class CutTask:
    """How a recording is decoded and cut.

    Attributes:
        name: what messages call it.
        sample_rate: samples per second of its sound.
        channels: what becomes of its channels.
        policy: where it may be cut, at that rate.
        detector: what tells speech from silence, one of `speech.DETECTORS`.
        max_hours: what decodes to more, its channels together, is a failure.
    """

    name: str
    sample_rate: int
    channels: ChannelChoice
    policy: CutPolicy
    detector: str
    max_hours: float


@dataclass(frozen=True, slots=True)
class ChannelCut:
    """One channel, cut.

    Attributes:
        number: in the recording.
        total_samples: its length.
        speech_samples: how much of it is taken for speech.
        speech: where that is.
        segments: in order.
        digests: BLAKE3 of the sound that is sent for each of them.
        hold: its sound.
    """

    number: int
    total_samples: int
    speech_samples: int
    speech: SpeechFrames
    segments: tuple[PlannedSegment, ...]
    digests: tuple[bytes, ...]
    hold: Hold


@dataclass(frozen=True, slots=True)
class SourceCut:
    """What came of reading a recording to its end.

    Attributes:
        checked: of its bytes.
        channels: by number; none if it could not be decoded.
        damage: what of it was missing or broken; None for nothing.
        failure: why it could not be decoded. Bytes that are not the expected ones explain
            more: look at ``checked`` first.
    """

    checked: Checked
    channels: tuple[ChannelCut, ...] = ()
    damage: str | None = None
    failure: RecordingError | None = None


def tell_nobody(seconds: float) -> None:
    """Progress that nobody asks for."""


def cut_source(source: BinaryIO, task: CutTask, progress: Callable[[float], None] = tell_nobody) -> SourceCut:
    """Decode, resample, checksum and cut a recording, in this process.

    Args:
        source: its bytes, without a buffer of its own; it is closed.
        task: how.
        progress: told again and again how many seconds have been decoded.

    Raises:
        RecordingError: the bytes cannot be read.
        OSError: the temporary folder is full (ENOSPC) or not writable.
    """
    with ChecksumReader(source, task.name) as reader:
        normalized = normalize(reader, name=task.name, sample_rate=task.sample_rate, channels=task.channels)
        cutters: dict[int, Cutter] = {}
        try:
            for block in normalized:
                if block.channel not in cutters:
                    cutters[block.channel] = Cutter(
                        task.policy, open_detector(task.detector, task.sample_rate)
                    )
                cutter = cutters[block.channel]
                cutter.push(block.audio)
                _check_length(cutters, task)
                progress(cutter.total_samples / task.sample_rate)
        except RecordingError as error:
            # If the bytes could not be read, this tells it instead.
            return SourceCut(reader.finish(), failure=error)
        channels = tuple(_finished(number, cutter, task, progress) for number, cutter in cutters.items())
        return SourceCut(reader.finish(), channels, normalized.damage)


def _check_length(cutters: dict[int, Cutter], task: CutTask) -> None:
    # Together, since together they fill the temporary folder.
    samples = sum(cutter.total_samples for cutter in cutters.values())
    if samples > task.max_hours * 3600 * task.sample_rate:
        raise RecordingError(
            Stage.DECODE,
            codes.TOO_LONG,
            f"{task.name}: decodes to more than {task.max_hours:g} hours of sound, all channels that are "
            "transcribed together. A small file can claim to be days long; if this one is meant to be, "
            "raise audio.max_hours and set input.retry_failed: all once.",
        )


def _finished(number: int, cutter: Cutter, task: CutTask, progress: Callable[[float], None]) -> ChannelCut:
    cutter.finish()

    def digests() -> Iterator[bytes]:
        for segment in cutter.segments:
            yield blake3(joined(cutter.hold, segment.sent)).digest()
            progress(cutter.total_samples / task.sample_rate)

    return ChannelCut(
        number=number,
        total_samples=cutter.total_samples,
        speech_samples=cutter.speech_samples,
        speech=cutter.speech,
        segments=tuple(cutter.segments),
        digests=tuple(digests()),
        hold=cutter.hold,
    )
