from __future__ import annotations

import itertools

import pytest

from pipeline.export_choice import (
    FailureFound,
    RecordingExport,
    SegmentFound,
    TranscriptFound,
    recording_export,
)
from pipeline.subtitle_pieces import SpokenSegment

COLUMNS = ("audio_uri", "channel", "duration_ms", "text", "segments", "status", "run_id")


def answered(index: int, text: str, run_id: str = "1", *, channel: int = 0, at: str = "t") -> SegmentFound:
    spoken = SpokenSegment(index, 1000 * index, 1000 * (index + 1), text)
    return SegmentFound(channel, spoken, None, "16k_en", "r", 1, at, run_id)


def transcribed(
    run_id: str = "1", segments: int = 1, failed: int = 0, *, channel: int = 0
) -> TranscriptFound:
    values = ("/a", channel, 1000 * segments, "", segments, "partial" if failed else "complete", run_id)
    columns = dict(zip(COLUMNS, values, strict=True))
    return TranscriptFound(channel, segments, failed, str(columns["status"]), run_id, columns)


def chosen(*found: TranscriptFound | SegmentFound | FailureFound) -> RecordingExport:
    return recording_export(
        "/a",
        COLUMNS,
        [each for each in found if isinstance(each, TranscriptFound)],
        [each for each in found if isinstance(each, SegmentFound)],
        [each for each in found if isinstance(each, FailureFound)],
    )


def texts(export: RecordingExport) -> list[list[str]]:
    return [[segment.spoken.text for segment in channel.segments] for channel in export.channels]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([transcribed("1"), answered(0, "a"), transcribed("2"), answered(0, "b", "2")], "b"),
        ([transcribed("1"), answered(0, "a"), transcribed("2")], "a"),
        ([transcribed("1"), answered(0, "a"), transcribed("2", 1, 1)], "a"),
        ([transcribed("1"), answered(0, "a"), answered(0, "b", "2")], "a"),
        ([transcribed(), answered(0, "early", at="1"), answered(0, "late", at="2")], "late"),
        ([answered(0, "a"), answered(0, "b", "2")], "b"),
    ],
    ids=["newest", "not yet whole", "nothing but failures", "no transcript yet", "latest answer", "killed"],
)
def test_one_row_of_each_key_counts_in_whatever_order_they_come(found, expected):
    for order in itertools.permutations(found):
        assert texts(chosen(*order)) == [[expected]]


def test_channels_are_chosen_for_themselves():
    export = chosen(
        transcribed("2", channel=1), answered(0, "b", "2", channel=1), transcribed(), answered(0, "a")
    )
    assert texts(export) == [["a"], ["b"]]
    assert export.problems == ()


def test_a_channel_that_is_not_whole_is_told_by_its_number():
    export = chosen(transcribed(), answered(0, "a"), transcribed(channel=1, segments=2, failed=1))
    assert export.problems == (
        "channel 1: 1 of its 2 segments are not in the dataset: a run is at work, or a part was taken away",
    )


def test_gaps_lie_between_the_answers_that_are_there():
    export = chosen(transcribed(segments=5, failed=3), answered(1, "b"), answered(3, "d"))
    assert export.channels[0].gaps_ms == ((0, 1000), (2000, 3000), (4000, 5000))


def test_what_was_never_assembled_for_a_reason_says_it():
    export = chosen(answered(0, "a"), FailureFound(None, "SamplesUnaccounted", "1"))
    assert export.problems[-1] == "failed (SamplesUnaccounted): its text may have holes"
    assert export.channels[0].columns["status"] == "partial"
    assert chosen(FailureFound(2, "X", "1"), FailureFound(1, "X", "1")).problems == (
        "failed (X): there is nothing to export",
    )
