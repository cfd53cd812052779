from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.standing import Lengths, Standing, count_segments, fold
from pipeline.standing_columns import (
    NONE,
    STATUSES,
    BegunColumns,
    FailureColumns,
    RunFlags,
    SegmentColumns,
    TranscriptColumns,
    newest,
    paired,
    total,
)
from pipeline.standing_facts import Channels, Reading, Recordings
from transforms.records import Status

COMPLETE, PARTIAL, EMPTY = Status.COMPLETE, Status.PARTIAL, Status.EMPTY


class Transcript(NamedTuple):
    recording: int
    run: int = 0
    channel: int = 0
    status: Status = COMPLETE
    segments: int = 1
    missing: int = 0
    duration_ms: int = 1000
    identity: int = 7
    known: bool = True


class Failure(NamedTuple):
    recording: int
    run: int = 0
    segment: int = NONE
    code: int = 0
    retryable: bool = False
    channel: int = NONE
    stays: bool = True
    identity: int = 7
    known: bool = True


class Begun(NamedTuple):
    recording: int
    run: int


def folded(
    transcripts: Sequence[Transcript] = (),
    failures: Sequence[Failure] = (),
    begun: Sequence[Begun] = (),
    *,
    ended: Sequence[bool] = (True, True, True),
    lacking: Sequence[bool] = (False, False, False),
    codes: tuple[str, ...] = ("Code",),
) -> tuple[Standing, list[bool]]:
    def numbers(values, kind=np.int64):
        return np.array(list(values), dtype=kind)

    def identities(rows):
        return numbers((row.recording * 100 + row.identity for row in rows), np.uint64)

    standing, latest = fold(
        TranscriptColumns(
            recording=numbers((row.recording for row in transcripts), np.uint64),
            run=numbers(row.run for row in transcripts),
            identity=identities(transcripts),
            known=numbers((row.known for row in transcripts), np.bool_),
            channel=numbers(row.channel for row in transcripts),
            segments=numbers(row.segments for row in transcripts),
            failed_segments=numbers(row.missing for row in transcripts),
            duration_ms=numbers(row.duration_ms for row in transcripts),
            speech_ms=numbers(row.duration_ms // 2 for row in transcripts),
            status=numbers(STATUSES.index(row.status) for row in transcripts),
        ),
        FailureColumns(
            recording=numbers((row.recording for row in failures), np.uint64),
            run=numbers(row.run for row in failures),
            identity=identities(failures),
            known=numbers((row.known for row in failures), np.bool_),
            channel=numbers(row.channel for row in failures),
            segment=numbers(row.segment for row in failures),
            code=numbers(row.code for row in failures),
            retryable=numbers((row.retryable for row in failures), np.bool_),
            stays=numbers((row.stays for row in failures), np.bool_),
            number=np.arange(len(failures)),
        ),
        BegunColumns(numbers((row.recording for row in begun), np.uint64), numbers(row.run for row in begun)),
        RunFlags(numbers(ended, np.bool_), numbers(lacking, np.bool_)),
        codes,
    )
    return standing, latest.tolist()


def recordings(**counts: int) -> Recordings:
    names = ("known", "complete", "partial", "empty", "failed", "unfinished", "failed_since")
    return Recordings(**{**dict.fromkeys(names, 0), **counts})


def reading(**counts: int) -> Reading:
    names = (
        "skipped", "still_failing", "continued", "tried_again", "without_mark", "looked_at_again",
    )  # fmt: skip
    return Reading(**{**dict.fromkeys(names, 0), **counts})


def test_nothing_stands_in_an_empty_dataset():
    found, _ = folded()
    assert found.recordings == recordings()
    assert found.reading == reading()
    assert found.lengths == Lengths(0, 0, 0)
    assert found.by_code[0].failures == 0


def test_each_recording_is_counted_once_whatever_its_channels():
    found, _ = folded(
        [
            Transcript(1, channel=0),
            Transcript(1, channel=1, status=EMPTY),
            Transcript(2, channel=0, status=EMPTY),
            Transcript(2, channel=1, status=EMPTY),
            Transcript(3, channel=0),
            Transcript(3, channel=1, status=PARTIAL, missing=1),
        ],
        [Failure(3, segment=0, channel=1), Failure(4)],
        [Begun(5, run=1)],
        ended=(True, False, True),
    )
    assert found.recordings == recordings(known=5, complete=1, partial=1, empty=1, failed=1, unfinished=1)
    assert found.channels == Channels(known=6, complete=2, partial=1, empty=3)
    assert found.lengths == Lengths(audio_ms=3000, channel_ms=6000, speech_ms=3000)
    assert (found.failures, found.failed_recordings, found.failed_segments) == (2, 2, 1)


def test_of_two_rows_of_a_key_the_newest_run_counts():
    found, _ = folded([Transcript(1, run=2, status=EMPTY, duration_ms=3000), Transcript(1, run=0)])
    assert found.channels == Channels(known=1, complete=0, partial=0, empty=1)
    assert found.lengths.audio_ms == 3000


def test_a_failure_that_a_run_at_work_has_overcome_does_not_count_any_more():
    old = [Failure(1, retryable=True), Failure(2, retryable=True), Failure(3, retryable=True)]
    found, latest = folded([Transcript(1, run=1)], old, [Begun(2, run=1)], ended=(True, False, True))
    assert latest == [False, False, True]
    assert (found.failures, found.passing) == (1, 1)
    # A run that ended has removed what it overcame: what is still there was asked for by itself.
    assert folded([Transcript(1, run=1)], old)[0].failures == 3


def test_a_recording_that_failed_after_it_was_transcribed_stays_transcribed():
    found, _ = folded([Transcript(1, run=0)], [Failure(1, run=1)])
    assert found.recordings == recordings(known=1, complete=1, failed_since=1)
    damaged, _ = folded([Transcript(1, status=PARTIAL)], [Failure(1)])
    assert damaged.recordings == recordings(known=1, partial=1)
    unaccounted, _ = folded([Transcript(1, channel=0)], [Failure(1, channel=1, known=False)])
    assert unaccounted.recordings == recordings(known=1, partial=1)


def test_the_next_run_skips_what_is_done_and_says_why_it_reads_the_rest():
    found, _ = folded(
        [
            Transcript(1),
            Transcript(2, status=PARTIAL, segments=3, missing=2),  # one failed, one never called
            Transcript(3, status=PARTIAL, segments=3, missing=1),  # failed for good
            Transcript(4, status=PARTIAL, segments=3, missing=1),  # passing
            Transcript(5, known=False),
            Transcript(7, run=1),  # of a killed run
            Transcript(8, run=2),  # of one that was stopped, and split channels
        ],
        [
            Failure(2, segment=0, channel=0),
            Failure(3, segment=0, channel=0),
            Failure(4, segment=0, channel=0, retryable=True),
            Failure(6, stays=False),
            Failure(9),
        ],
        ended=(True, False, True),
        lacking=(False, False, True),
    )
    assert found.reading == reading(
        skipped=1, still_failing=2, continued=3, tried_again=1, without_mark=1, looked_at_again=1
    )
    assert found.never_called == 1


def test_rows_of_other_bytes_or_options_do_not_vouch_for_the_newest():
    changed = [Transcript(1, run=0), Transcript(1, run=1, identity=8)]
    assert folded(changed, ended=(True, False, True))[0].reading == reading(continued=1)
    same = [Transcript(1, run=0), Transcript(1, run=1)]
    assert folded(same, ended=(True, False, True))[0].reading == reading(skipped=1)


def test_a_failure_without_a_mark_goes_with_the_transcripts_of_its_recording():
    lost_channel = Failure(1, channel=1, known=False, stays=False)
    assert folded([Transcript(1)], [lost_channel])[0].reading == reading(still_failing=1)
    assert folded((), [lost_channel])[0].reading == reading(looked_at_again=1)


def test_codes_are_counted_by_failures_recordings_and_segments():
    failures = [
        Failure(1, segment=0, channel=0, retryable=True), Failure(1, segment=1, channel=0), Failure(2),
        Failure(3, code=1, retryable=True),
    ]  # fmt: skip
    first, second = folded((), failures, codes=("A", "B"))[0].by_code
    assert (first.code, first.failures, first.recordings, first.segments, first.passing) == ("A", 3, 2, 2, 1)
    assert (second.code, second.failures, second.recordings, second.segments, second.passing) == (
        "B", 1, 1, 0, 1,
    )  # fmt: skip


SMALL = st.integers(0, 3)
TRANSCRIPTS = st.builds(
    Transcript,
    recording=SMALL,
    run=st.integers(0, 2),
    channel=st.integers(0, 1),
    status=st.sampled_from(STATUSES),
    segments=SMALL,
    missing=SMALL,
    duration_ms=SMALL,
    identity=st.integers(0, 1),
    known=st.booleans(),
)
FAILURES = st.builds(
    Failure,
    recording=SMALL,
    run=st.integers(0, 2),
    segment=st.integers(NONE, 1),
    retryable=st.booleans(),
    code=st.just(0),
    channel=st.just(NONE),
    stays=st.booleans(),
    identity=st.integers(0, 1),
    known=st.booleans(),
)
FLAGS = st.lists(st.booleans(), min_size=3, max_size=3)
# The order of rows decides only between rows of one key and one run, which one run alone writes twice.
UNIQUE_TRANSCRIPTS = st.lists(TRANSCRIPTS, max_size=8, unique_by=lambda row: row[:3])
UNIQUE_FAILURES = st.lists(FAILURES, max_size=8, unique_by=lambda row: row[:3])


@given(UNIQUE_TRANSCRIPTS, UNIQUE_FAILURES, FLAGS, FLAGS, st.randoms(use_true_random=False))
def test_all_recordings_are_counted_once_in_any_order(transcripts, failures, ended, lacking, random):
    begun = [Begun(4, run) for run in range(3) if not ended[run]]
    found, latest = folded(transcripts, failures, begun, ended=ended, lacking=lacking)
    there = {row.recording for row in (*transcripts, *begun)}
    there |= {row.recording for row, counts in zip(failures, latest, strict=True) if counts}
    kinds = found.recordings
    assert kinds.known == len(there)
    assert kinds.complete + kinds.partial + kinds.empty + kinds.failed + kinds.unfinished == len(there)
    parts = found.reading
    assert parts.skipped + parts.still_failing + parts.continued + parts.tried_again + parts.without_mark + (
        parts.looked_at_again
    ) == len(there)
    assert found.channels.known == len({(row.recording, row.channel) for row in transcripts})
    random.shuffle(transcripts)
    random.shuffle(failures)
    again, _ = folded(transcripts, failures, begun, ended=ended, lacking=lacking)
    assert (again.recordings, again.reading, again.lengths, again.by_code) == (
        found.recordings, found.reading, found.lengths, found.by_code,
    )  # fmt: skip


@given(UNIQUE_TRANSCRIPTS, UNIQUE_FAILURES, FLAGS, FLAGS)
def test_what_stands_is_the_sum_of_what_stands_of_some_recordings_and_of_the_others(
    transcripts, failures, ended, lacking
):
    begun = [Begun(recording, run) for recording in (1, 4) for run in range(3) if not ended[run]]
    whole, latest = folded(transcripts, failures, begun, ended=ended, lacking=lacking)
    parts, seen = [], {}
    for some in ({0, 1}, {2, 3, 4}):
        of_these = [[row for row in rows if row.recording in some] for rows in (transcripts, failures, begun)]
        standing, flags = folded(*of_these, ended=ended, lacking=lacking)
        parts.append(standing)
        seen.update(zip(of_these[1], flags, strict=True))
    assert parts[0] + parts[1] == whole
    assert [seen[row] for row in failures] == latest


def test_an_answered_segment_counts_once_whatever_the_runs_that_have_not_ended_wrote_anew():
    rows = [  # recording, run, key, length
        (1, NONE, 10, 0), (1, NONE, 11, 0), (1, 2, 10, 500), (1, 2, 10, 700), (2, 2, 20, 40), (2, 3, 21, 2),
    ]  # fmt: skip
    columns = np.array(rows, dtype=np.int64).T
    recording, run, key, length_ms = columns
    found = count_segments(SegmentColumns(recording.astype(np.uint64), run, key.astype(np.uint64), length_ms))
    assert (found.answered, found.begun_ms) == (4, 542)
    begun = zip(found.begun.recording.tolist(), found.begun.run.tolist(), strict=True)
    assert sorted(begun) == [(1, 2), (2, 2), (2, 3)]


@given(st.lists(st.tuples(SMALL, SMALL)), st.lists(SMALL))
def test_totals_are_those_of_a_dictionary(pairs, wanted):
    sums: dict[int, int] = {}
    for key, value in pairs:
        sums[key] = sums.get(key, 0) + value
    keys = np.array([key for key, _ in pairs], dtype=np.uint64)
    values = np.array([value for _, value in pairs], dtype=np.int64)
    assert total(keys, values, np.array(wanted, dtype=np.uint64)).tolist() == [
        sums.get(key, 0) for key in wanted
    ]


@given(st.lists(st.tuples(SMALL, st.integers(-1, 2), SMALL)))
def test_the_newest_rows_are_those_of_a_dictionary(rows):
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for number, (recording, channel, run) in enumerate(rows):
        best[recording, channel] = max(best.get((recording, channel), (-1, -1)), (run, number))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    mask = newest(columns[:, 2], columns[:, 0].astype(np.uint64), columns[:, 1])
    assert set(np.flatnonzero(mask).tolist()) == {number for _, number in best.values()}


def test_pairs_of_many_channels_and_segments_do_not_meet():
    hashes = np.arange(100, dtype=np.uint64)
    keys = {
        int(key)
        for channel in range(-1, 10)
        for segment in range(-1, 100)
        for key in paired(paired(hashes, np.full(100, channel)), np.full(100, segment))
    }
    assert len(keys) == 100 * 11 * 101
