"""What a decode process and its parent tell each other, as bytes. Pure but for the holds.

JSON rather than pickles: whoever took over a decoder by a made-up recording could run
anything in the parent by a pickle. Sound does not travel; descriptors of its files do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from operator import index
from typing import Any, Literal

from transforms.chapter_work import ChapterHeard, ListenTask, SoundTaken, TakeTask
from transforms.chapters import Chapters
from transforms.checksum import Checked
from transforms.chosen import ChannelChoice
from transforms.cut_source import ChannelCut, CutTask, SourceCut
from transforms.cuts import CutPolicy
from transforms.errors import RecordingError
from transforms.hold import Hold
from transforms.mpeg_outline import MpegPlaces
from transforms.ogg_outline import OggEntry, OggPlaces
from transforms.outline import Outline
from transforms.records import PlannedSegment, Stage
from transforms.speech_frames import SpeechFrames


@dataclass(frozen=True, slots=True)
class Progress:
    """Sign of life of a process that is at work.

    Attributes:
        seconds: of the recording that are decoded so far.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """A process asks for a block of the file that it reads; see `object_file`.

    Attributes:
        block: its number.
    """

    block: int


Task = CutTask | ListenTask | TakeTask
"""What a decode process is asked for."""

Done = SourceCut | ChapterHeard | SoundTaken
"""What comes of it, in the same order."""

Answer = Progress | Wanted | Done | RecordingError | OSError
"""What a decode process says: signs of life, what it needs, and then what came of its task.

The errors are those that the work raised.
"""


def task_to_bytes(task: Task, block_bytes: int | None = None) -> bytes:
    """Write a task.

    Args:
        task: what to do.
        block_bytes: size of the blocks of the file that have to be asked for; None for a file that is whole.
    """
    return _dump([block_bytes, *_task_fields(task)])


def task_from_bytes(message: bytes) -> tuple[Task, int | None]:
    """Read a task, and the size of the blocks of its file, if they have to be asked for."""
    block_bytes, kind, fields = json.loads(message)
    return _task(kind, fields), block_bytes


def _task_fields(task: Task) -> tuple[str, dict[str, Any]]:
    if isinstance(task, CutTask):
        return "cut", asdict(task)
    if isinstance(task, ListenTask):
        return "listen", asdict(task)
    pairs = [(number, [each.pairs for each in segments]) for number, segments in task.segments]
    return "take", {**asdict(replace(task, segments=())), "segments": pairs}


def _task(kind: str, fields: dict[str, Any]) -> Task:
    fields["channels"] = ChannelChoice(**fields["channels"])
    if kind == "cut":
        return CutTask(**{**fields, "policy": CutPolicy(**fields["policy"])})
    outline = _outline(**fields["chapters"].pop("outline"))
    fields["chapters"] = Chapters(outline, **fields["chapters"])
    if kind == "listen":
        return ListenTask(**fields)
    segments = fields.pop("segments")
    return TakeTask(
        **fields,
        segments=tuple((number, tuple(map(PlannedSegment.of_pairs, pairs))) for number, pairs in segments),
    )


def _outline(places: dict[str, Any] | Literal["times"] | None, **fields: Any) -> Outline:
    if not isinstance(places, dict):
        return Outline(**fields, places=places)
    if "codec" in places:
        entries = tuple(OggEntry(**entry) for entry in places["entries"])
        return Outline(**fields, places=OggPlaces(**{**places, "entries": entries}))
    return Outline(**fields, places=MpegPlaces(**{**places, "entries": tuple(places["entries"])}))


def holds_of(answer: Answer) -> list[Hold]:
    """What goes beside an answer, in order."""
    if isinstance(answer, SourceCut):
        return [channel.hold for channel in answer.channels]
    return list(answer.holds) if isinstance(answer, SoundTaken) else []


def answer_to_bytes(answer: Answer) -> bytes:
    """Write an answer; what `holds_of` tells goes beside it."""
    if isinstance(answer, Progress):
        return _dump(["progress", answer.seconds])
    if isinstance(answer, Wanted):
        return _dump(["wanted", answer.block])
    if isinstance(answer, RecordingError):
        return _dump(["recording", *_error_fields(answer)])
    if isinstance(answer, OSError):
        return _dump(["system", answer.errno, answer.strerror or str(answer)])
    if isinstance(answer, ChapterHeard):
        channels = [(number, frames.hex()) for number, frames in answer.channels]
        return _dump(["heard", answer.number, answer.before.hex(), answer.behind.hex(), channels])
    if isinstance(answer, SoundTaken):
        digests = [[digest.hex() for digest in channel] for channel in answer.digests]
        return _dump(["taken", [hold.first_sample for hold in answer.holds], digests])
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
        holds: that came beside it, in order.
    """
    kind, *fields = json.loads(message)
    if kind == "progress":
        return Progress(*fields)
    if kind == "wanted":
        (block,) = fields
        return Wanted(index(block))
    if kind == "recording":
        return _error(*fields)
    if kind == "system":
        return OSError(*fields)
    if kind == "heard":
        return _heard(*fields)
    if kind == "taken":
        return _taken(holds, *fields)
    (crc32c, size_bytes, digest), channels, damage, failure = fields
    return SourceCut(
        Checked(crc32c, size_bytes, bytes.fromhex(digest)),
        tuple(_channel(hold, *channel) for hold, channel in zip(holds, channels, strict=True)),
        damage,
        None if failure is None else _error(*failure),
    )


def _heard(number: int, before: str, behind: str, channels: list[tuple[int, str]]) -> ChapterHeard:
    frames = tuple((channel, bytes.fromhex(packed)) for channel, packed in channels)
    return ChapterHeard(number, bytes.fromhex(before), bytes.fromhex(behind), frames)


def _taken(holds: Sequence[Hold], first_samples: list[int], digests: list[list[str]]) -> SoundTaken:
    for hold, first_sample in zip(holds, first_samples, strict=True):
        hold.first_sample = first_sample
    return SoundTaken(tuple(tuple(map(bytes.fromhex, channel)) for channel in digests), tuple(holds))


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
