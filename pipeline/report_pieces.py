"""Pictures of a recording's sound and the lines of its text, before they are drawn. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.export_choice import ChannelExport, SegmentFound
from pipeline.subtitle_pieces import pieces_of

WHOLE_MS = 5 * 60_000
"""A recording up to this length can be heard whole."""

AROUND_MS = 5_000
"""Heard at either side of a cut, of longer ones."""

MOST_CUTS = 6
"""Cuts that can be heard of one channel, of longer ones."""

MOST_LINES = 120
"""Segments of a channel whose text is shown."""


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of a picture, in percent of its width.

    Attributes:
        kind: ``segment``, or ``gap`` where a segment has no answer.
        number: of the segment; None for a gap.
        start_ms: where the segment begins in the recording.
    """

    left: float
    width: float
    kind: str
    number: int | None
    start_ms: int


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a channel that is drawn, and heard if ``is_heard``."""

    start_ms: int
    end_ms: int
    is_heard: bool
    title: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A picture of a part of a channel.

    Attributes:
        outline: an SVG path, see `waveforms.outline`.
        audio: a data URI; None if it cannot be heard.
        heard: parts that others let hear, in percent: left and width.
    """

    window: Window
    outline: str
    bands: tuple[Band, ...]
    audio: str | None
    heard: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A word with its punctuation and when it is said; times are None where it cannot be heard."""

    text: str
    is_spaced: bool
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TextLine:
    """What was said in a segment, or that there is no answer.

    Attributes:
        number: of the segment; None for a gap.
        is_heard: whether its beginning can be played.
        pieces: its text; none where nothing was said.
    """

    number: int | None
    start_ms: int
    end_ms: int
    is_heard: bool
    pieces: tuple[TextPiece, ...]
    attempts: int = 1


def as_far_as(channel: ChannelExport, duration_ms: int) -> ChannelExport:
    """A channel with all that is missing of it: of an unfinished one also what lies behind its answers."""
    reached_ms = max((each.spoken.end_ms for each in channel.segments), default=0)
    if not channel.is_unfinished or reached_ms >= duration_ms:
        return channel
    return replace(channel, gaps_ms=(*channel.gaps_ms, (reached_ms, duration_ms)))


def windows_of(channel: ChannelExport, duration_ms: int, seconds_left: float) -> list[Window]:
    """What is drawn of a channel, the whole of it first, and what can be heard.

    Args:
        channel: its segments.
        duration_ms: its length.
        seconds_left: how much sound still has room in the report.
    """
    if duration_ms <= min(WHOLE_MS, seconds_left * 1000):
        return [Window(0, duration_ms, True, "The whole recording")]
    windows = [Window(0, duration_ms, False, "The whole recording")]
    for before, after in _cuts(channel):
        start = max(0, before.spoken.end_ms - AROUND_MS)
        end = min(duration_ms, max(after.spoken.start_ms, before.spoken.end_ms) + AROUND_MS)
        end = min(end, start + 6 * AROUND_MS)  # behind a long silence
        seconds_left -= (end - start) / 1000
        if seconds_left < 0:
            break
        windows.append(Window(start, end, True, f"Around the end of segment {before.spoken.segment_index}"))
    return windows


def note_of(channel: ChannelExport, windows: Sequence[Window]) -> str:
    """Why not all of a channel can be heard, in a sentence; empty if it can."""
    whole = windows[0]
    if whole.is_heard:
        return ""
    if len(windows) > 1:
        return "Too long to be heard whole here: what can be heard are seconds around some of its cuts."
    if whole.end_ms > WHOLE_MS and len(channel.segments) < 2:
        return "Too long to be heard whole here, and it has no cuts to be heard."
    return "The report has no room for its sound."


def _cuts(channel: ChannelExport) -> list[tuple[SegmentFound, SegmentFound]]:
    """Some of a channel's cuts, evenly spread: the segments at both sides."""
    pairs = list(zip(channel.segments[:-1], channel.segments[1:], strict=True))
    if len(pairs) <= MOST_CUTS:
        return pairs
    last = len(pairs) - 1
    return [pairs[round(step * last / (MOST_CUTS - 1))] for step in range(MOST_CUTS)]


def bands_of(channel: ChannelExport, window: Window) -> tuple[Band, ...]:
    """Segments and gaps of a channel that reach into a window."""
    spans: list[tuple[int, int, str, int | None]] = [
        (each.spoken.start_ms, each.spoken.end_ms, "segment", each.spoken.segment_index)
        for each in channel.segments
    ]
    spans += [(start_ms, end_ms, "gap", None) for start_ms, end_ms in channel.gaps_ms]
    bands = []
    for start_ms, end_ms, kind, number in sorted(spans, key=lambda span: span[0]):
        inside = part_of(window, start_ms, end_ms)
        if inside is not None:
            bands.append(Band(*inside, kind, number, start_ms))
    return tuple(bands)


def part_of(window: Window, start_ms: int, end_ms: int) -> tuple[float, float] | None:
    """Left and width, in percent of a window, of what lies in it; None for nothing."""
    length = window.end_ms - window.start_ms
    start, end = max(start_ms, window.start_ms), min(end_ms, window.end_ms)
    if end <= start:
        return None
    return 100 * (start - window.start_ms) / length, 100 * (end - start) / length


def lines_of(channel: ChannelExport, windows: Sequence[Window]) -> list[TextLine]:
    """What was said in a channel, in order; times of words only where they can be heard."""
    heard = [(each.start_ms, each.end_ms) for each in windows if each.is_heard]

    def is_heard(start_ms: int, end_ms: int) -> bool:
        return any(start_ms < end and end_ms > start for start, end in heard)

    def starts_heard(start_ms: int) -> bool:
        return any(start <= start_ms < end for start, end in heard)

    lines = []
    for found in channel.segments:
        spoken = found.spoken
        audible = bool(spoken.words) and is_heard(spoken.start_ms, spoken.end_ms)
        pieces = tuple(
            TextPiece(piece.text, piece.is_spaced, piece.start_ms, piece.end_ms)
            if audible and is_heard(piece.start_ms, piece.end_ms)
            else TextPiece(piece.text, piece.is_spaced)
            for piece in pieces_of(spoken)
        )
        lines.append(
            TextLine(
                spoken.segment_index,
                spoken.start_ms,
                spoken.end_ms,
                starts_heard(spoken.start_ms),
                pieces,
                found.attempts,
            )
        )
    lines += [TextLine(None, start, end, starts_heard(start), ()) for start, end in channel.gaps_ms]
    return sorted(lines, key=lambda line: (line.start_ms, line.end_ms))
