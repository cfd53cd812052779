from __future__ import annotations

from pipeline.export_choice import ChannelExport, SegmentFound
from pipeline.report_pieces import (
    AROUND_MS,
    MOST_CUTS,
    WHOLE_MS,
    Window,
    as_far_as,
    bands_of,
    lines_of,
    note_of,
    part_of,
    windows_of,
)
from pipeline.subtitle_pieces import SpokenSegment, TimedWord


def segment(index: int, start_ms: int, end_ms: int, text: str = "one two") -> SegmentFound:
    half = (start_ms + end_ms) // 2
    first, _, second = text.partition(" ")
    words = (TimedWord(first, start_ms, half), TimedWord(second, half, end_ms)) if text else ()
    return SegmentFound(
        0, SpokenSegment(index, start_ms, end_ms, text, words), "000000ab", "16k_en", "r", 1, "now", "run"
    )


def channel(*segments: SegmentFound, gaps: tuple[tuple[int, int], ...] = ()) -> ChannelExport:
    return ChannelExport(0, {"segments": len(segments)}, segments, gaps)


def test_a_short_recording_is_heard_whole():
    assert windows_of(channel(segment(0, 0, 900)), WHOLE_MS, 1e9) == [
        Window(0, WHOLE_MS, True, "The whole recording")
    ]


def test_of_a_long_one_the_sound_round_some_cuts_is_heard():
    minute = 60_000
    many = channel(*(segment(number, number * minute, (number + 1) * minute - 500) for number in range(30)))
    whole, *cuts = windows_of(many, 30 * minute, 1e9)
    assert (whole.start_ms, whole.end_ms, whole.is_heard) == (0, 30 * minute, False)
    assert len(cuts) == MOST_CUTS
    assert all(cut.is_heard for cut in cuts)
    first = cuts[0]
    assert (first.start_ms, first.end_ms) == (minute - 500 - AROUND_MS, minute + AROUND_MS)
    assert cuts[-1].title.endswith("segment 28")


def test_sound_stops_when_the_room_is_used_up():
    minute = 60_000
    many = channel(*(segment(number, number * minute, (number + 1) * minute) for number in range(30)))
    assert len(windows_of(many, 30 * minute, 25)) == 3
    assert [each.is_heard for each in windows_of(channel(segment(0, 0, minute)), minute, 25)] == [False]


def test_a_long_recording_without_cuts_is_not_said_to_lack_room():
    def note(found: ChannelExport, duration_ms: int, seconds_left: float) -> str:
        return note_of(found, windows_of(found, duration_ms, seconds_left))

    one, two = segment(0, 0, 900), segment(1, 1000, 1900)
    assert note(channel(one), WHOLE_MS, 1e9) == ""
    assert "seconds around" in note(channel(one, two), WHOLE_MS + 1, 1e9)
    assert "has no cuts" in note(channel(one), WHOLE_MS + 1, 1e9)
    assert "no room" in note(channel(one), WHOLE_MS, 0)
    assert "no room" in note(channel(one, two), WHOLE_MS + 1, 0)


def test_bands_lie_where_segments_and_gaps_do():
    own = channel(segment(0, 1000, 2000), segment(2, 3000, 5000), gaps=((2000, 3000),))
    bands = bands_of(own, Window(1500, 3500, True, ""))
    assert [(band.left, band.width, band.kind, band.number) for band in bands] == [
        (0, 25, "segment", 0), (25, 50, "gap", None), (75, 25, "segment", 2),
    ]  # fmt: skip
    assert part_of(Window(0, 10, True, ""), 10, 20) is None


def test_words_have_times_only_where_they_can_be_heard():
    own = channel(
        segment(0, 0, 1000), segment(1, 4000, 5000), segment(2, 6000, 7000, ""), gaps=((1000, 4000),)
    )
    first, gap, second, empty = lines_of(own, [Window(0, 9000, False, ""), Window(400, 4000, True, "")])
    assert [(piece.text, piece.start_ms) for piece in first.pieces] == [("one", 0), ("two", 500)]
    assert (first.is_heard, gap.number, gap.is_heard) == (False, None, True)
    assert [piece.start_ms for piece in second.pieces] == [None, None]
    assert (empty.number, empty.pieces) == (2, ())


def test_of_an_unfinished_recording_the_rest_is_missing_not_silent():
    found = segment(0, 0, 1000)
    unfinished = ChannelExport(0, {"segments": None}, (found,))
    assert as_far_as(unfinished, 9000).gaps_ms == ((1000, 9000),)
    assert as_far_as(unfinished, 1000).gaps_ms == ()
    assert as_far_as(channel(found), 9000).gaps_ms == ()
