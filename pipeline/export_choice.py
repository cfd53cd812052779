"""Which of a dataset's rows stand for a recording, while there may be more than one of a key. Pure.

While a run goes on, and after a kill, rows of several runs stand side by side. As when a run
ends (`transforms.settle`) the newest run that has something to say counts, and what was cut
by different runs is never mixed in one text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.subtitle_pieces import SpokenSegment
from transforms.records import Status
from transforms.text import join_texts


@dataclass(frozen=True, slots=True)
class SegmentFound:
    """A row of ``segments``; ``recognized_at`` in ISO 8601, to the microsecond."""

    channel: int
    spoken: SpokenSegment
    audio_crc32c: str | None
    engine: str
    request_id: str
    attempts: int
    recognized_at: str
    run_id: str
    speech_ms: int | None = None
    level_dbfs: float | None = None
    clipped_share: float | None = None


@dataclass(frozen=True, slots=True)
class TranscriptFound:
    """A row of ``transcripts``: what is decided by, and every column as it is exported."""

    channel: int
    segments: int
    failed_segments: int
    status: str
    run_id: str
    columns: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FailureFound:
    """What is needed of a row of ``failures``."""

    segment_index: int | None
    code: str
    run_id: str


@dataclass(frozen=True, slots=True)
class ChannelExport:
    """One channel of a recording, as it is exported.

    Attributes:
        columns: those of ``transcripts``; null is what nobody knows as yet.
        segments: in order; empty ones, in which nothing was said, too.
        gaps_ms: from when to when no answer is there, though something was to be transcribed.
        problem: why it is not whole; None where it is.
    """

    channel: int
    columns: Mapping[str, object]
    segments: tuple[SegmentFound, ...]
    gaps_ms: tuple[tuple[int, int], ...] = ()
    problem: str | None = None

    @property
    def is_unfinished(self) -> bool:
        """Whether it has no row of ``transcripts``."""
        return self.columns["segments"] is None

    @property
    def duration_ms(self) -> int | None:
        """Length of the recording; None if it is not known."""
        duration_ms = self.columns["duration_ms"]
        return duration_ms if isinstance(duration_ms, int) else None


@dataclass(frozen=True, slots=True)
class RecordingExport:
    """One recording, as it is exported.

    Attributes:
        channels: in order; none of one that failed as a whole.
        problems: what is said of it at the end; none if all of it is there.
    """

    audio_uri: str
    channels: tuple[ChannelExport, ...]
    problems: tuple[str, ...]


def recording_export(
    audio_uri: str,
    columns: Sequence[str],
    transcripts: Iterable[TranscriptFound],
    segments: Iterable[SegmentFound],
    failures: Iterable[FailureFound],
) -> RecordingExport:
    """Chooses among all rows of one recording.

    Args:
        audio_uri: the recording.
        columns: names of those of ``transcripts``, in order.
        transcripts: its rows, of any runs, in any order.
        segments: likewise.
        failures: likewise.
    """
    by_channel: defaultdict[int, tuple[list[TranscriptFound], list[SegmentFound]]]
    by_channel = defaultdict(lambda: ([], []))
    for transcript in transcripts:
        by_channel[transcript.channel][0].append(transcript)
    for segment in segments:
        by_channel[segment.channel][1].append(segment)
    channels = tuple(
        _of_transcript(channel, *found) if found[0] else _unfinished(audio_uri, columns, channel, found[1])
        for channel, found in sorted(by_channel.items())
    )
    problems = [
        f"channel {each.channel}: {each.problem}" if len(channels) > 1 else each.problem
        for each in channels
        if each.problem
    ]
    return RecordingExport(audio_uri, channels, (*problems, *_failed(channels, list(failures))))


def _of_transcript(
    channel: int, transcripts: Sequence[TranscriptFound], segments: Iterable[SegmentFound]
) -> ChannelExport:
    """Of the transcripts of a channel the newest that has text and all of its segments beside it."""
    by_run: defaultdict[str, dict[int, SegmentFound]] = defaultdict(dict)
    for segment in sorted(segments, key=lambda each: each.recognized_at):
        by_run[segment.run_id][segment.spoken.segment_index] = segment

    def missing_rows(transcript: TranscriptFound) -> int:
        return max(0, transcript.segments - transcript.failed_segments - len(by_run[transcript.run_id]))

    def worse_than_others(transcript: TranscriptFound) -> tuple[bool, bool]:
        hollow = transcript.segments > 0 and transcript.failed_segments == transcript.segments
        return hollow, missing_rows(transcript) > 0

    newest_first = sorted(transcripts, key=lambda each: each.run_id, reverse=True)
    chosen = min(newest_first, key=worse_than_others)
    own = tuple(segment for _, segment in sorted(by_run[chosen.run_id].items()))
    export = ChannelExport(channel, chosen.columns, own)
    return ChannelExport(
        channel,
        chosen.columns,
        own,
        _gaps_ms(export, chosen.segments),
        _problem(chosen, missing_rows(chosen)),
    )


def _problem(transcript: TranscriptFound, missing_rows: int) -> str | None:
    if missing_rows:
        return (
            f"{missing_rows} of its {transcript.segments} segments are not in the dataset: a run is at "
            "work, or a part was taken away"
        )
    if transcript.status != Status.PARTIAL.value:
        return None
    if not transcript.failed_segments:
        return "partial: the recording is damaged"
    return f"partial: {transcript.failed_segments} of {transcript.segments} segments have no answer"


def _gaps_ms(export: ChannelExport, segments: int) -> tuple[tuple[int, int], ...]:
    """Where segments are missing: from the end of the one before to the start of the one behind."""
    gaps: list[tuple[int, int]] = []
    index = reached_ms = 0
    for each in (segment.spoken for segment in export.segments):
        if each.segment_index > index:
            gaps.append((reached_ms, each.start_ms))
        index, reached_ms = each.segment_index + 1, each.end_ms
    if index < segments:
        gaps.append((reached_ms, max(reached_ms, export.duration_ms or 0)))
    return tuple(gaps)


def _unfinished(
    audio_uri: str, columns: Sequence[str], channel: int, segments: Iterable[SegmentFound]
) -> ChannelExport:
    """What is there of a channel whose transcript was never written: the newest answer for each time."""
    chosen: list[SegmentFound] = []
    newest_first = sorted(segments, key=lambda each: (each.run_id, each.recognized_at), reverse=True)
    for segment in newest_first:
        if not any(_disagree(segment.spoken, other.spoken) for other in chosen):
            chosen.append(segment)
    own = tuple(sorted(chosen, key=lambda each: (each.spoken.start_ms, each.spoken.segment_index)))
    known = {
        "audio_uri": audio_uri,
        "audio_crc32c": newest_first[0].audio_crc32c,
        "channel": channel,
        "engine": newest_first[0].engine,
        "text": join_texts(segment.spoken.text for segment in own),
        "status": Status.PARTIAL.value,
        "run_id": newest_first[0].run_id,
    }
    export = ChannelExport(channel, {name: known.get(name) for name in columns}, own)
    return ChannelExport(
        channel,
        export.columns,
        own,
        _gaps_ms(export, 0),
        f"unfinished: no transcript yet, a run was killed or goes on; segments answered so far: {len(own)}",
    )


def _disagree(one: SpokenSegment, other: SpokenSegment) -> bool:
    overlap = one.start_ms < other.end_ms and other.start_ms < one.end_ms
    return overlap or one.segment_index == other.segment_index


def _failed(channels: Sequence[ChannelExport], failures: Sequence[FailureFound]) -> list[str]:
    """What is said of a recording's failures beyond its channels' own problems."""
    if not channels:
        codes = ", ".join(sorted({failure.code for failure in failures}))
        return [f"failed ({codes}): there is nothing to export"] if codes else []
    newest = max(str(channel.columns["run_id"]) for channel in channels)
    whole = [failure for failure in failures if failure.segment_index is None]
    problems = []
    if later := sorted({failure.code for failure in whole if failure.run_id > newest}):
        problems.append(f"failed in a later run ({', '.join(later)}): its earlier transcript was exported")
    own = sorted({failure.code for failure in whole if failure.run_id == newest})
    if own and any(channel.is_unfinished for channel in channels):
        problems.append(f"failed ({', '.join(own)}): its text may have holes")
    return problems
