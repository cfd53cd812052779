"""What crosses the steps of the pipeline: one frozen record per thing.

Time is counted in samples of the normalized audio (16-bit mono at the engine's
rate), from the start of the recording; ``end_sample`` is exclusive. Milliseconds
exist only in requests, answers and Parquet rows.

Every record can be pickled and crosses a shuffle cheaply, but those that carry audio and
must stay inside a fused stage: a `Segment`, an `Utterance` with ``flac``, and a `Recording`
with its content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from transforms.sound import AudioSegment, Sound


class Stage(str, Enum):
    """Where a recording or segment failed."""

    READ = "read"
    DECODE = "decode"
    RECOGNIZE = "recognize"
    WRITE = "write"


class Status(str, Enum):
    """How whole a transcript is."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a store says of an object, by which a change shows without reading it.

    Attributes:
        size_bytes: its size.
        modified: its modification mark: a time in nanoseconds, an entity tag.
    """

    size_bytes: int
    modified: str


@dataclass(frozen=True, slots=True)
class Recording:
    r"""A recording that was found and not yet read.

    Attributes:
        audio_uri: its name in the dataset: the absolute local path, bytes that
            are not UTF-8 as ``\xNN``, or the URI. Valid UTF-8 always.
        location: what is opened: ``os.fsencode`` of the absolute local path, or
            the URI in UTF-8. Bytes, since a local name need not be text.
        language: picks the engine where a map of engines is configured.
        channel: the one channel to transcribe, counted from 0; None for what
            the configuration says of channels.
        expected_crc32c: the checksum that the bytes must have.
        recording_id: the manifest's own name for it.
        mark: what its store said of it when it was found; None if it does not tell.
        content: its bytes, where they are there already; None to open its location.
    """

    audio_uri: str
    location: bytes
    language: str | None = None
    channel: int | None = None
    expected_crc32c: int | None = None
    recording_id: str | None = None
    mark: Mark | None = None
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SampleRange:
    """``[start_sample, end_sample)`` of a channel."""

    start_sample: int
    end_sample: int

    @property
    def samples(self) -> int:
        """How long it is."""
        return self.end_sample - self.start_sample


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """What one call is to transcribe, before there is a recording round it.

    Attributes:
        own: the part of the channel that it stands for. Those of a channel follow each
            other and never overlap; what lies between them is skipped silence.
        sent: what the service hears, in order: its payload is these pieces joined.
            Usually ``(own,)``. Squeezed silence is missing between two of them; where
            a cut had to fall into speech, the outer ones may reach beyond ``own``, and
            words whose middle lies out there are another segment's.
    """

    own: SampleRange
    sent: tuple[SampleRange, ...]

    @classmethod
    def of_pairs(cls, pairs: Sequence[Sequence[int]]) -> PlannedSegment:
        """The segment that `pairs` was asked of."""
        own, *sent = (SampleRange(start, end) for start, end in pairs)
        return cls(own, tuple(sent))

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Start and end of ``own`` and of each piece that is sent: as numbers, to be written down."""
        return [(each.start_sample, each.end_sample) for each in (self.own, *self.sent)]

    @property
    def sent_samples(self) -> int:
        """How much of it is sent."""
        return sum(piece.samples for piece in self.sent)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a segment lies: ``[start_sample, end_sample)`` of one channel.

    Attributes:
        audio_crc32c: CRC-32C of the recording's bytes; None if they were not
            read here (a URL that the service fetches itself).
        sample_rate: samples per second of the normalized audio, the engine's.
    """

    audio_uri: str
    audio_crc32c: int | None
    channel: int
    segment_index: int
    start_sample: int
    end_sample: int
    sample_rate: int
    engine: str

    @property
    def samples(self) -> int:
        """How long the segment is, in samples."""
        return self.end_sample - self.start_sample


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a channel that one call transcribes.

    Exactly one of the two is set: ``sound``, 16-bit mono at the engine's rate,
    or ``url``, an address that the service downloads itself (then the span's
    end is 0 until the service has told the duration).

    Attributes:
        key: by which its answer is recorded (`keys`); None where nothing tells its
            content.
        sent: which parts of the channel ``sound`` joins, as `PlannedSegment.sent`;
            empty for just what the span covers.
        own: what the span covers, where ``sound`` is something else.
        speech_samples: how much of the span is taken for speech; None if nobody looked.
    """

    span: Span
    sound: Sound | None = field(default=None, repr=False)
    url: str | None = None
    key: bytes | None = None
    sent: tuple[SampleRange, ...] = ()
    own: Sound | None = field(default=None, repr=False)
    speech_samples: int | None = None

    @property
    def own_sound(self) -> Sound | None:
        """The sound of what the span covers."""
        return self.own or self.sound

    @property
    def audio(self) -> AudioSegment | None:
        """Its sound, loaded now."""
        return None if self.sound is None else self.sound.load()


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it is spoken, in samples of the recording."""

    word: str
    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class Quality:
    """How the sound of a span is.

    Attributes:
        speech_samples: how much of it is taken for speech; None if nobody looked.
        level_dbfs: its level, in decibels of full scale (`quality.quality_of`).
        clipped_share: how much of it, 0 to 1, is at either end of the 16-bit range.
    """

    speech_samples: int | None
    level_dbfs: float
    clipped_share: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said in a segment; empty text where nothing was.

    Attributes:
        attempts: calls made for it, refused ones included.
        recognized_at_us: when the answer came, microseconds since 1970 UTC.
        quality: of the span's sound; None where that is not here.
        flac: the span's sound as a FLAC file, if it is kept. It is for the writer alone.
    """

    span: Span
    text: str
    words: tuple[Word, ...]
    request_id: str
    attempts: int
    recognized_at_us: int
    quality: Quality | None = None
    flac: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a channel of a recording reaches, and into what it was cut.

    Known when the recording has been read to its end. ``segments`` segments,
    numbered from 0, cover ``covered_samples`` of its ``duration_samples``; the
    rest was skipped as silence. ``speech_samples`` of it are taken for speech; that
    is less, for segments hold pauses too. ``damaged`` where the recording holds more
    than could be decoded. ``mark`` and ``settings`` are what a later run knows it by.
    """

    audio_uri: str
    audio_crc32c: int | None
    channel: int
    engine: str
    sample_rate: int
    duration_samples: int
    covered_samples: int
    speech_samples: int
    segments: int
    recording_id: str | None = None
    damaged: bool = False
    mark: Mark | None = None
    settings: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording or a segment that could not be transcribed: the dead letter.

    Attributes:
        segment_index: None where the whole recording failed.
        code: the service's error code, or one of this package's (`codes`).
        message: what happened, the likely cause and what to do.
        retryable: whether the same command may succeed later.
        mark: of the recording, where it failed as a whole.
        settings: that shape its rows, where it failed as a whole.
    """

    audio_uri: str
    stage: Stage
    code: str
    message: str
    retryable: bool
    audio_crc32c: int | None = None
    channel: int | None = None
    segment_index: int | None = None
    start_sample: int | None = None
    end_sample: int | None = None
    sample_rate: int | None = None
    attempts: int = 0
    request_id: str | None = None
    mark: Mark | None = None
    settings: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole text of one channel of one recording.

    Attributes:
        mark: what its store said of the recording when it was found.
        settings: digest of the options that shape the rows.
    """

    audio_uri: str
    audio_crc32c: int | None
    channel: int
    recording_id: str | None
    engine: str
    sample_rate: int
    duration_samples: int
    speech_samples: int
    text: str
    segments: int
    failed_segments: int
    status: Status
    mark: Mark | None = None
    settings: str = ""
