"""What a decode process and its parent tell each other, as bytes. Pure but for the holds.

JSON rather than pickles: whoever took over a decoder by a made-up recording could run
anything in the parent by a pickle. Sound does not travel; descriptors of its files do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from transforms.checksum import Checked
from transforms.cut_source import ChannelCut, CutTask, SourceCut
from transforms.cuts import CutPolicy
from transforms.errors import RecordingError
from transforms.hold import Hold
from transforms.normalize import ChannelChoice
from transforms.records import PlannedSegment, Stage
from transforms.speech_frames import SpeechFrames


@dataclass(frozen=True, slots=True)
class Progress:
    """Sign of life of a process that is at work.

    Attributes:
        seconds: of the recording that are decoded so far.
    """

    seconds: float


Answer = Progress | SourceCut | RecordingError | OSError
"""What a decode process says: signs of life, and then what came of its task.

The errors are those that `cut_source` raised.
"""


def task_to_bytes(task: CutTask) -> bytes:
    """Write a task."""
    return _dump(asdict(task))


def task_from_bytes(message: bytes) -> CutTask:
    """Read a task."""
    fields = json.loads(message)
    policy = CutPolicy(**fields.pop("policy"))
    channels = ChannelChoice(**fields.pop("channels"))
    return CutTask(**fields, policy=policy, channels=channels)


def answer_to_bytes(answer: Answer) -> bytes:
    """Write an answer; the holds of its channels go beside it, in order."""
    if isinstance(answer, Progress):
        return _dump(["progress", answer.seconds])
    if isinstance(answer, RecordingError):
        return _dump(["recording", *_error_fields(answer)])
    if isinstance(answer, OSError):
        return _dump(["system", answer.errno, answer.strerror or str(answer)])
    checked = answer.checked
    return _dump(
        [
            "cut",
            [checked.crc32c, checked.size_bytes, checked.digest.hex()],
            list(map(_channel_fields, answer.channels)),
            answer.damage,
            None if answer.failure is None else _error_fields(answer.failure),
        ]
    )


def answer_from_bytes(message: bytes, holds: Sequence[Hold]) -> Answer:
    """Read an answer.

    Args:
        message: what `answer_to_bytes` wrote.
        holds: of its channels, in order.
    """
    kind, *fields = json.loads(message)
    if kind == "progress":
        return Progress(*fields)
    if kind == "recording":
        return _error(*fields)
    if kind == "system":
        return OSError(*fields)
    (crc32c, size_bytes, digest), channels, damage, failure = fields
    return SourceCut(
        Checked(crc32c, size_bytes, bytes.fromhex(digest)),
        tuple(_channel(hold, *channel) for hold, channel in zip(holds, channels, strict=True)),
        damage,
        None if failure is None else _error(*failure),
    )


def _dump(fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _error_fields(error: RecordingError) -> list[Any]:
    return [error.stage.value, error.code, error.message, error.retryable]


def _error(stage: str, code: str, message: str, retryable: bool) -> RecordingError:
    return RecordingError(Stage(stage), code, message, retryable=retryable)


def _channel_fields(channel: ChannelCut) -> list[Any]:
    return [
        channel.number,
        channel.total_samples,
        channel.speech_samples,
        [channel.speech.frame_samples, channel.speech.bits.hex()],
        [segment.pairs for segment in channel.segments],
        [digest.hex() for digest in channel.digests],
    ]


def _channel(
    hold: Hold,
    number: int,
    total: int,
    speech_samples: int,
    speech: tuple[int, str],
    segments: list[list[list[int]]],
    digests: list[str],
) -> ChannelCut:
    frame_samples, bits = speech
    return ChannelCut(
        number,
        total,
        speech_samples,
        SpeechFrames(frame_samples, bytes.fromhex(bits)),
        tuple(map(PlannedSegment.of_pairs, segments)),
        tuple(map(bytes.fromhex, digests)),
        hold,
    )
