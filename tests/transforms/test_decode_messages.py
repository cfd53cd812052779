from __future__ import annotations

import errno
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.chapter_work import ChapterHeard, ListenTask, SoundTaken, TakeTask
from transforms.chapters import Chapters
from transforms.checksum import Checked
from transforms.chosen import ChannelChoice
from transforms.cut_source import ChannelCut, CutTask, SourceCut
from transforms.cuts import CutPolicy
from transforms.decode_messages import (
    Progress,
    Wanted,
    answer_from_bytes,
    answer_to_bytes,
    holds_of,
    task_from_bytes,
    task_to_bytes,
)
from transforms.errors import RecordingError
from transforms.hold import Hold
from transforms.mpeg_outline import MpegPlaces
from transforms.ogg_outline import OggEntry, OggPlaces
from transforms.outline import Outline
from transforms.records import PlannedSegment, SampleRange, Stage
from transforms.speech_frames import SpeechFrames

HOLDS = (Hold(), Hold())

ranges = st.builds(SampleRange, st.integers(0, 10**12), st.integers(0, 10**12))
planned = st.builds(PlannedSegment, ranges, st.lists(ranges, min_size=1, max_size=4).map(tuple))
errors = st.builds(RecordingError, st.sampled_from(Stage), st.text(), st.text(), retryable=st.booleans())
channels = st.builds(
    ChannelCut,
    st.integers(0, 63),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.builds(SpeechFrames, st.integers(1, 480), st.binary(max_size=9)),
    st.lists(planned, max_size=4).map(tuple),
    st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple),
    st.just(HOLDS[0]),
)
cuts = st.builds(
    SourceCut,
    st.builds(Checked, st.integers(0, 2**32 - 1), st.integers(0, 10**12), st.binary(max_size=32)),
    st.lists(channels, max_size=2).map(tuple),
    st.none() | st.text(),
    st.none(),
)


@given(st.text(), st.sampled_from(["mix", "split", "only"]), st.integers(0, 9), st.floats(0.1, 99))
def test_a_task_arrives_as_it_was(name, kind, channel, max_hours):
    policy = CutPolicy.for_rate(8000, max_samples=400_000, squeeze_seconds=0.5, skip_silence=False)
    task = CutTask(name, 8000, ChannelChoice(kind, channel), policy, "energy", max_hours)
    assert task_from_bytes(task_to_bytes(task)) == (task, None)


mpeg_places = st.builds(
    MpegPlaces,
    st.integers(1, 10**9),
    st.sampled_from([576, 1152]),
    st.integers(0, 5000),
    st.booleans(),
    st.integers(8, 1000),
    st.lists(st.integers(0, 10**12), max_size=3).map(tuple),
    st.integers(0, 10**12),
)
ogg_entries = st.builds(OggEntry, *[st.integers(0, 10**12)] * 3, st.integers(1, 255))
ogg_places = st.builds(
    OggPlaces,
    st.sampled_from(["opus", "vorbis"]),
    st.integers(100, 10**6),
    st.lists(ogg_entries, max_size=3).map(tuple),
)
outlines = st.builds(
    Outline,
    st.integers(1, 10**12),
    st.integers(8000, 192_000),
    st.integers(1, 8),
    st.none() | st.integers(0, 7),
    st.none() | st.just("times") | mpeg_places | ogg_places,
)
long_ones = st.builds(Chapters, outlines, st.sampled_from([8000, 16000]), st.integers(1, 10**6))


@given(st.text(), long_ones, st.integers(0, 99))
def test_a_chapter_to_listen_to_arrives_as_it_was(name, chapters, number):
    task = ListenTask(name, chapters, number, ChannelChoice.only(3), "silero")
    assert task_from_bytes(task_to_bytes(task)) == (task, None)
    assert task_from_bytes(task_to_bytes(task, 4096)) == (task, 4096)


@given(st.text(), long_ones, st.lists(planned, min_size=1, max_size=4).map(tuple))
def test_a_chapter_to_take_arrives_as_it_was(name, chapters, segments):
    task = TakeTask(name, chapters, 7, ChannelChoice.split(), ((0, segments), (2, segments[:1])))
    assert task_from_bytes(task_to_bytes(task)) == (task, None)


@given(st.integers(0, 99), st.binary(max_size=32), st.binary(max_size=32), st.binary(max_size=99))
def test_what_was_heard_arrives_as_it_was(number, before, behind, frames):
    heard = ChapterHeard(number, before, behind, ((0, frames), (5, b"")))
    assert answer_from_bytes(answer_to_bytes(heard), holds_of(heard)) == heard


def test_what_was_taken_arrives_as_it_was_with_the_place_of_its_sound():
    taken = SoundTaken(((b"a" * 32, b"b" * 32), ()), (Hold(first_sample=99), Hold(first_sample=7)))
    arrived = (Hold(), Hold())
    assert holds_of(taken) == list(taken.holds)
    assert answer_from_bytes(answer_to_bytes(taken), arrived) == SoundTaken(taken.digests, arrived)
    assert [hold.first_sample for hold in arrived] == [99, 7]


@given(cuts)
def test_what_was_cut_arrives_as_it_was(cut):
    holds = [channel.hold for channel in cut.channels]
    assert answer_from_bytes(answer_to_bytes(cut), holds) == cut


@given(errors)
def test_errors_arrive_as_they_were(error):
    answer = answer_from_bytes(answer_to_bytes(error), [])
    assert isinstance(answer, RecordingError)
    assert answer.args == error.args
    within = answer_from_bytes(answer_to_bytes(SourceCut(Checked(1, 2, b""), failure=error)), [])
    assert isinstance(within, SourceCut)
    assert within.failure is not None
    assert within.failure.args == error.args


def test_errors_of_the_system_keep_their_number():
    answer = answer_from_bytes(answer_to_bytes(OSError(errno.ENOSPC, "No space left on device")), [])
    assert isinstance(answer, OSError)
    assert (answer.errno, answer.strerror) == (errno.ENOSPC, "No space left on device")
    unnumbered = answer_from_bytes(answer_to_bytes(OSError("something else")), [])
    assert "something else" in str(unnumbered)


def test_progress_arrives():
    assert answer_from_bytes(answer_to_bytes(Progress(1.5)), []) == Progress(1.5)


def test_a_block_that_is_wanted_arrives_if_it_is_a_number():
    assert answer_from_bytes(answer_to_bytes(Wanted(7)), []) == Wanted(7)
    for block in ("a" * 99, 0.5, None):
        with pytest.raises(TypeError):
            answer_from_bytes(json.dumps(["wanted", block]).encode(), [])
