from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.timeline import COLUMNS, Bucket, Timeline, TimelineRecorder
from transforms.reading import Reading

GAINS = st.builds(
    Reading,
    calls_started=st.integers(0, 60),
    call_ms=st.integers(0, 100_000),
    segments_recognized=st.integers(0, 60),
    retries=st.dictionaries(st.sampled_from(["InternalError", "HttpStatus.502"]), st.integers(1, 5)),
    latency=st.dictionaries(st.integers(0, 60), st.integers(1, 9)),
)
STRETCHES = st.lists(st.tuples(st.floats(0, 500), st.floats(0, 40), GAINS), max_size=20)


def recorded(stretches, most_buckets=8) -> Timeline:
    recorder = TimelineRecorder("2026-01-01T00:00:00+00:00", most_buckets)
    for begin, length, gained in stretches:
        recorder.add(begin, begin + length, gained)
    return recorder.timeline()


def sum_of(buckets) -> Bucket:
    return sum(buckets, Bucket())


@given(STRETCHES)
def test_nothing_is_lost_or_doubled_however_often_buckets_are_merged(stretches):
    timeline = recorded(stretches)
    gained = sum((each for _, _, each in stretches), Reading())
    assert timeline.totals == gained
    assert sum_of(timeline.buckets) == Bucket.of_reading(gained)
    assert all(getattr(bucket, name) >= 0 for bucket in timeline.buckets for name in COLUMNS)


@given(STRETCHES)
def test_there_are_never_too_many_buckets_and_they_reach_to_the_end(stretches):
    timeline = recorded(stretches)
    assert len(timeline.buckets) <= 8
    lengths = [timeline.seconds_of(number) for number in range(len(timeline.buckets))]
    assert sum(lengths) == pytest.approx(timeline.seconds)
    assert not timeline.seconds or all(length > 0 for length in lengths)


@given(st.floats(0, 50), st.floats(0.001, 50), GAINS)
def test_what_happened_lies_in_the_buckets_of_its_time(begin, length, gained):
    timeline = recorded([(begin, length, gained)], most_buckets=400)
    for number, bucket in enumerate(timeline.buckets):
        if number + 1 <= begin or number >= begin + length:
            assert bucket == Bucket()


def test_it_is_spread_evenly():
    timeline = recorded([(0.5, 2.0, Reading(calls_started=40))], most_buckets=400)
    assert [bucket.calls_started for bucket in timeline.buckets] == [10, 20, 10]
    assert (timeline.seconds, timeline.seconds_of(2)) == (2.5, 0.5)


def test_a_day_takes_as_much_room_as_ten_minutes():
    recorder = TimelineRecorder("2026-01-01T00:00:00+00:00")
    for hour in range(24):
        recorder.add(hour * 3600.0, hour * 3600.0 + 3600, Reading(calls_started=90_000, call_ms=10**8))
    timeline = recorder.timeline()
    assert (len(timeline.buckets), timeline.bucket_seconds) == (338, 256.0)
    assert len(json.dumps(timeline.as_json())) < 30_000


@given(STRETCHES)
def test_it_is_read_as_it_was_written(stretches):
    timeline = recorded(stretches)
    read = Timeline.of_json(json.loads(json.dumps(timeline.as_json())))
    assert read.totals == timeline.totals
    assert (read.buckets, read.bucket_seconds) == (timeline.buckets, timeline.bucket_seconds)
    assert read.seconds == pytest.approx(timeline.seconds, abs=0.001)


def test_a_column_that_an_older_release_did_not_write_is_nothing():
    told = recorded([(0.0, 1.0, Reading(calls_started=3, decode_ms=5))]).as_json()
    del told["buckets"]["decode_ms"]
    assert [bucket.decode_ms for bucket in Timeline.of_json(told).buckets] == [0]
    assert [bucket.calls_started for bucket in Timeline.of_json(told).buckets] == [3]
