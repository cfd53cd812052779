"""The text of exported files: srt, vtt, txt, and lines of jsonl and csv. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from pipeline.export_choice import ChannelExport, SegmentFound
from pipeline.subtitle_pieces import Piece, SpokenSegment, pieces_of
from pipeline.subtitles import Cue, cues_of, joined
from transforms.text import join_texts

OF_EACH = ("srt", "vtt", "txt")
"""Formats of which each channel has a file of its own."""

PARAGRAPH_PAUSE_MS = 2000
"""A pause of this length begins a new paragraph of a text."""

# Some readers take these for ends of lines, within a line of JSON too.
_LINE_ENDS = re.compile("[\u0085\u2028\u2029]")


def srt(cues: Iterable[Cue]) -> str:
    """Subtitles as SubRip. It knows no escaping, so an arrow in the text becomes ``→``."""
    blocks = []
    for number, cue in enumerate(cues, start=1):
        times = f"{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}"
        blocks.append("\n".join([str(number), times, *(_without_arrow(line) for line in cue.lines), "", ""]))
    return "".join(blocks)


def vtt(cues: Iterable[Cue], notes: Iterable[str] = ()) -> str:
    """Subtitles as WebVTT, with ``&``, ``<`` and ``>`` escaped, and notes that players do not show."""
    blocks = ["WEBVTT\n\n", *(f"NOTE {_without_arrow(note)}\n\n" for note in notes)]
    for cue in cues:
        times = f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}"
        blocks.append("\n".join([times, *(_escaped(line) for line in cue.lines), "", ""]))
    return "".join(blocks)


def texts(export: ChannelExport, formats: Collection[str]) -> Iterator[tuple[str, str]]:
    """The files of a channel, as format and text.

    Args:
        export: the channel.
        formats: some of `OF_EACH`; others are left out.
    """
    cues = cues_of(_spoken(export), export.duration_ms) if {"srt", "vtt"} & {*formats} else []
    forms = {
        "srt": lambda: srt(cues),
        "vtt": lambda: vtt(cues, vtt_notes(export)),
        "txt": lambda: txt(export),
    }
    yield from ((name, forms[name]()) for name in OF_EACH if name in formats)


def txt(export: ChannelExport) -> str:
    """What was said, in paragraphs that pauses divide, with a note where an answer is missing."""
    paragraphs: list[tuple[int, str]] = []
    gap_starts = [start_ms for start_ms, _ in export.gaps_ms]
    reached_ms: int | None = None
    for segment in _spoken(export):
        for run in _runs(pieces_of(segment)):
            start_ms, text = run[0].start_ms, joined(run)
            gap = reached_ms is not None and any(reached_ms <= each <= start_ms for each in gap_starts)
            if reached_ms is None or gap or start_ms - reached_ms >= PARAGRAPH_PAUSE_MS:
                paragraphs.append((start_ms, text))
            else:
                paragraphs[-1] = (paragraphs[-1][0], join_texts((paragraphs[-1][1], text)))
            reached_ms = run[-1].end_ms
    notes = [(gap[0], f"[{_not_transcribed(gap)}]") for gap in export.gaps_ms]
    ordered = [text for _, text in sorted([*paragraphs, *notes], key=lambda each: each[0])]
    if export.problem and (export.is_unfinished or not notes):  # a hole does not tell that more follows
        ordered.append(f"[{export.problem}]")
    return "\n\n".join(ordered) + ("\n" if ordered else "")


def _not_transcribed(gap_ms: tuple[int, int]) -> str:
    return f"not transcribed: {_clock(gap_ms[0], '.')} to {_clock(gap_ms[1], '.')}"


def vtt_notes(export: ChannelExport) -> list[str]:
    """Why a channel is not whole, and where; nothing of one that is."""
    return [*([export.problem] if export.problem else []), *map(_not_transcribed, export.gaps_ms)]


def json_line(export: ChannelExport) -> str:
    """A line of JSON: the columns of ``transcripts``, and ``segment_list`` with the words."""
    line = {**export.columns, "segment_list": [_segment(each) for each in export.segments]}
    text = json.dumps(line, ensure_ascii=False)
    return _LINE_ENDS.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def csv_line(values: Iterable[object]) -> str:
    """A line of CSV (RFC 4180); None is an empty field."""
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()


def _spoken(export: ChannelExport) -> Sequence[SpokenSegment]:
    return [segment.spoken for segment in export.segments]


def _segment(found: SegmentFound) -> dict[str, object]:
    spoken = found.spoken
    return {
        "segment_index": spoken.segment_index,
        "start_ms": spoken.start_ms,
        "end_ms": spoken.end_ms,
        "text": spoken.text,
        "words": [
            {"word": each.word, "start_ms": each.start_ms, "end_ms": each.end_ms} for each in spoken.words
        ],
        "engine": found.engine,
        "request_id": found.request_id,
        "attempts": found.attempts,
        "recognized_at": found.recognized_at,
        "run_id": found.run_id,
        "speech_ms": found.speech_ms,
        "level_dbfs": found.level_dbfs,
        "clipped_share": found.clipped_share,
    }


def _runs(pieces: Sequence[Piece]) -> Iterable[Sequence[Piece]]:
    """The pieces of a segment, divided where it pauses for long."""
    first = 0
    for place in range(1, len(pieces) + 1):
        at_end = place == len(pieces)
        if at_end or pieces[place].start_ms - pieces[place - 1].end_ms >= PARAGRAPH_PAUSE_MS:
            yield pieces[first:place]
            first = place


def _clock(time_ms: int, mark: str) -> str:
    """Hours, minutes, seconds and thousandths; more than 99 hours take the digits they need."""
    seconds, thousandths = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{thousandths:03}"


def _without_arrow(line: str) -> str:
    return line.replace("-->", "→")


def _escaped(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
