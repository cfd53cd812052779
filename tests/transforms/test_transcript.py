from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.transforms.dataset_samples import extent_of, failure_of, span_of, utterance_of
from transforms.records import Extent, Failure, Span, Status, Utterance
from transforms.transcript import HoleError, assemble, one_extent

Channel = tuple[Extent, list[Utterance], list[Failure], list[Span], list[str]]


@st.composite
def channels(draw: st.DrawFn) -> Channel:
    """A channel cut with silence between, each segment answered, failed or never called, in any order."""
    pieces = draw(
        st.lists(st.tuples(st.integers(0, 99), st.integers(1, 99), st.sampled_from("AFU")), max_size=8)
    )
    utterances, failures, unanswered, texts = [], [], [], []
    reached = speech = 0
    for index, (silence, length, fate) in enumerate(pieces):
        start = reached + silence
        reached = start + length
        speech += length
        if fate == "A":
            text = draw(st.sampled_from(["", "one", "two"]))
            texts.append(text)
            utterances.append(utterance_of("/a", index, text=text, start=start, end=reached))
        elif fate == "F":
            failures.append(failure_of("/a", index, start=start, end=reached))
        else:
            unanswered.append(span_of("/a", index, start=start, end=reached))
    repeated = utterances + draw(st.lists(st.sampled_from(utterances), max_size=2)) if utterances else []
    duration = reached + draw(st.integers(0, 99))
    extent = extent_of("/a", segments=len(pieces), duration=duration, covered=speech)
    return extent, draw(st.permutations(repeated)), draw(st.permutations(failures)), unanswered, texts


@given(channels())
def test_every_segment_is_counted_once(channel: Channel) -> None:
    extent, utterances, failures, unanswered, texts = channel
    transcript = assemble(extent, utterances, failures, unanswered)
    assert transcript.text == " ".join(filter(None, texts))
    assert transcript.segments - transcript.failed_segments == len(texts)
    assert (transcript.duration_samples, transcript.speech_samples) == (
        extent.duration_samples,
        extent.speech_samples,
    )
    if transcript.failed_segments:
        assert transcript.status is Status.PARTIAL
    else:
        assert transcript.status is (Status.COMPLETE if any(texts) else Status.EMPTY)


@given(channels(), st.sampled_from(["shift", "grow", "index", "covered", "lose"]), st.integers(1, 50))
def test_no_disagreement_passes(channel: Channel, change: str, by: int) -> None:
    extent, utterances, failures, unanswered, texts = channel
    assume(texts)
    last = max(utterances, key=lambda each: each.span.segment_index)
    others = [each for each in utterances if each.span.segment_index != last.span.segment_index]
    if change == "shift":
        beyond = extent.duration_samples - last.span.start_sample
        span = replace(
            last.span, start_sample=last.span.start_sample + beyond, end_sample=last.span.end_sample + beyond
        )
    elif change == "grow":
        span = replace(last.span, end_sample=last.span.end_sample + by)
    elif change == "index":
        span = replace(last.span, segment_index=extent.segments - 1 + by)
    else:
        span = last.span
        extent = replace(extent, covered_samples=extent.covered_samples + by)
    answers = others if change == "lose" else [*others, replace(last, span=span)]
    with pytest.raises(HoleError, match="/a, channel 0"):
        assemble(extent, answers, failures, unanswered)


def test_a_recording_without_speech_is_empty() -> None:
    transcript = assemble(extent_of("/a", segments=0, duration=10, covered=0), [], [])
    assert (transcript.status, transcript.text, transcript.failed_segments) == (Status.EMPTY, "", 0)
    assert transcript.recording_id == "mine"


def test_segments_of_a_stopped_run_count_as_not_transcribed() -> None:
    never_called = [span_of("/a", 1, start=10, end=20), span_of("/a", 2, start=20, end=30)]
    transcript = assemble(
        extent_of("/a", segments=3, duration=30, covered=30), [utterance_of("/a", end=10)], [], never_called
    )
    assert (transcript.status, transcript.failed_segments) == (Status.PARTIAL, 2)


def test_a_damaged_recording_is_partial_though_every_segment_answered() -> None:
    extent = replace(extent_of("/a", segments=1, duration=10, covered=10), damaged=True)
    transcript = assemble(extent, [utterance_of("/a", end=10)], [])
    assert (transcript.status, transcript.failed_segments) == (Status.PARTIAL, 0)


def test_nothing_but_failures_is_partial_not_empty() -> None:
    transcript = assemble(
        extent_of("/a", segments=1, duration=10, covered=10), [], [failure_of("/a", 0, end=10)]
    )
    assert transcript.status is Status.PARTIAL


def test_an_answer_counts_more_than_a_failure_of_the_same_segment() -> None:
    extent = extent_of("/a", segments=1, duration=10, covered=10)
    transcript = assemble(extent, [utterance_of("/a", end=10)], [failure_of("/a", 0, end=10)])
    assert (transcript.status, transcript.failed_segments) == (Status.COMPLETE, 0)


def test_the_first_of_two_answers_counts_if_they_are_of_the_same_samples() -> None:
    extent = extent_of("/a", segments=1, duration=10, covered=10)
    first, second = utterance_of("/a", text="first", end=10), utterance_of("/a", text="second", end=10)
    assert assemble(extent, [first, second], []).text == "first"
    with pytest.raises(HoleError, match="again"):
        assemble(extent, [first, utterance_of("/a", end=9)], [])


def test_overlapping_segments_are_refused_even_if_they_add_up() -> None:
    extent = extent_of("/a", segments=2, duration=30, covered=20)
    with pytest.raises(HoleError, match="segment 1 covers samples 5 to 15"):
        assemble(extent, [utterance_of("/a", 0, end=10), utterance_of("/a", 1, start=5, end=15)], [])


def test_segments_of_other_bytes_are_refused() -> None:
    extent = extent_of("/a", segments=1, duration=10, covered=10)
    other = replace(utterance_of("/a"), span=replace(span_of("/a", end=10), audio_crc32c=1))
    with pytest.raises(HoleError, match="checksum"):
        assemble(extent, [other], [])


def test_a_recording_that_the_service_fetched_lasts_as_long_as_its_answer_says() -> None:
    extent = extent_of("http://host/a", segments=1, duration=0, covered=0)
    transcript = assemble(extent, [utterance_of("http://host/a", end=777)], [])
    assert (transcript.duration_samples, transcript.speech_samples) == (777, 777)
    assert transcript.status is Status.COMPLETE
    failed = assemble(extent, [], [failure_of("http://host/a", 0, end=0)])
    assert (failed.status, failed.duration_samples, failed.failed_segments) == (Status.PARTIAL, 0, 1)


def test_equal_extents_are_one() -> None:
    extent = extent_of("/a", segments=1, duration=10, covered=10)
    assert one_extent([extent, extent]) == extent
    with pytest.raises(HoleError, match="read twice"):
        one_extent([extent, replace(extent, duration_samples=11)])
