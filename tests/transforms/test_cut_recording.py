from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile
from blake3 import blake3

from transforms.addresses import audio_uri_of
from transforms.answer_entry import Planned, PlannedChannel
from transforms.answer_store import AnswerStore
from transforms.checksum import ChecksumReader
from transforms.cut_recording import CutRecording, cut_recording
from transforms.cut_settings import CutSettings
from transforms.cut_source import CutTask, SourceCut, cut_source
from transforms.decode_pool import DecodePool
from transforms.engines import EngineChoice
from transforms.errors import RecordingError
from transforms.keys import PlanBasis, tiled_plan_key
from transforms.local_logs import LocalLogs
from transforms.pass_on import pass_on
from transforms.records import Mark, PlannedSegment, Recording, SampleRange, Stage, Status
from transforms.request import RequestParameters
from transforms.transcript import assemble

RATE = 16_000
SETTINGS = CutSettings(
    EngineChoice("16k_en"),
    Path("unused"),
    max_seconds=2,
    detector="energy",
    skip_silence=False,
    shaping_base="base",
)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, round(seconds * RATE)).astype(np.int16)


def recording_of(path: Path, **changes: object) -> Recording:
    return replace(Recording(str(path), os.fsencode(path)), **changes)


def written(path: Path, samples: np.ndarray) -> Recording:
    soundfile.write(path, samples, RATE)
    return recording_of(path)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[AnswerStore]:
    store = AnswerStore(LocalLogs(tmp_path / "answers"))
    yield store
    store.close()


class Plans:
    """A record of plans that can be tampered with."""

    def __init__(self) -> None:
        self.plans: dict[bytes, Planned] = {}
        self.added = 0

    def find_plan(self, key: bytes) -> Planned | None:
        return self.plans.get(key)

    def add(self, entry: Planned) -> None:
        self.plans[entry.key] = entry
        self.added += 1

    def tamper(self, **changes: object) -> None:
        for key, plan in self.plans.items():
            self.plans[key] = replace(
                plan, channels=tuple(replace(each, **changes) for each in plan.channels)
            )


def told(cut: CutRecording) -> list[tuple[int, int, int, bytes | None]]:
    return [
        (each.span.channel, each.span.start_sample, each.span.end_sample, each.key) for each in cut.segments()
    ]


def keys(recording: Recording, settings: CutSettings = SETTINGS) -> list[bytes | None]:
    return [key for *_, key in told(cut_recording(recording, settings))]


def test_segments_tile_the_recording_and_carry_its_sound(tmp_path):
    samples = noise(7)
    cut = cut_recording(written(tmp_path / "a.wav", samples), SETTINGS)
    [extent] = cut.extents
    assert (extent.duration_samples, extent.covered_samples, extent.damaged) == (7 * RATE, 7 * RATE, False)
    assert 0 <= extent.speech_samples <= 7 * RATE
    segments = list(cut.segments())
    assert extent.segments == len(segments) >= 4
    heard = b"".join(segment.audio.raw_data for segment in segments if segment.audio)
    assert heard == samples.tobytes()
    assert all(segment.span.samples <= 2 * RATE for segment in segments)
    assert len({segment.key for segment in segments}) == len(segments)


def test_cuts_are_recorded_and_used_again(tmp_path, record):
    recording = written(tmp_path / "a.wav", noise(7))
    first = told(cut_recording(recording, SETTINGS, record))
    assert told(cut_recording(recording, SETTINGS, record)) == first
    # Under another name, by another process, too.
    (tmp_path / "a.wav").rename(tmp_path / "b.wav")
    other = AnswerStore(LocalLogs(tmp_path / "answers"))
    assert told(cut_recording(recording_of(tmp_path / "b.wav"), SETTINGS, other)) == first
    other.close()


def test_an_older_plan_with_other_cuts_is_used_with_its_keys(tmp_path):
    plans = Plans()
    recording = written(tmp_path / "a.wav", noise(3))
    cut_recording(recording, SETTINGS, plans)
    # What an older detector, after an older decoder that found 100 samples more, had made of it.
    ranges = [SampleRange(0, 10_000), SampleRange(10_000, 30_000), SampleRange(31_000, 48_100)]
    squeezed = (SampleRange(10_000, 20_000), SampleRange(29_000, 30_000))
    old = tuple(PlannedSegment(own, (own,)) for own in ranges)
    old = (old[0], PlannedSegment(ranges[1], squeezed), old[2])
    old_keys = (b"1" * 32, b"2" * 32, b"3" * 32)
    plans.tamper(total_samples=48_100, speech_samples=32_000, segments=old, answer_keys=old_keys)
    cut = cut_recording(recording, SETTINGS, plans)
    assert plans.added == 1
    [extent] = cut.extents
    assert (extent.segments, extent.duration_samples) == (3, 48_100)
    assert (extent.covered_samples, extent.speech_samples) == (47_100, 32_000)
    segments = list(cut.segments())
    spans = [(SampleRange(each.span.start_sample, each.span.end_sample), each.key) for each in segments]
    assert spans == list(zip(ranges, old_keys, strict=True))
    assert [each.sent for each in segments] == [(), squeezed, ()]
    assert [each.audio.frame_count() for each in segments if each.audio] == [10_000, 11_000, 17_000]
    assert [each.sound.samples for each in segments if each.sound] == [10_000, 11_000, 17_000]
    own = [each.own_sound.load().raw_data for each in segments if each.own_sound]
    sound = noise(3).tobytes()
    assert own == [sound[2 * each.start_sample : 2 * each.end_sample] for each in ranges]
    # All that makes a noise is speech by loudness or none is: it is of this detector, not of the plan.
    [now] = cut_recording(recording, SETTINGS).extents
    speech = [each.speech_samples or 0 for each in segments]
    assert 0 <= now.speech_samples - sum(speech) <= 1_000


@pytest.mark.parametrize("difference", [-RATE, RATE])
def test_a_plan_of_clearly_another_length_is_not_used_but_replaced(difference, tmp_path):
    plans = Plans()
    recording = written(tmp_path / "a.wav", noise(5))
    first = told(cut_recording(recording, SETTINGS, plans))
    plans.tamper(total_samples=5 * RATE + difference)
    assert told(cut_recording(recording, SETTINGS, plans)) == first
    assert plans.added == 2
    assert told(cut_recording(recording, SETTINGS, plans)) == first
    assert plans.added == 2


def test_a_plan_of_other_channels_is_not_used(tmp_path):
    plans = Plans()
    recording = written(tmp_path / "a.wav", noise(1))
    first = told(cut_recording(recording, SETTINGS, plans))
    [(key, plan)] = plans.plans.items()
    plans.plans[key] = replace(plan, channels=(*plan.channels, PlannedChannel(1, RATE, 0, (), ())))
    assert told(cut_recording(recording, SETTINGS, plans)) == first


def test_a_damaged_plan_is_made_again(tmp_path, record):
    recording = written(tmp_path / "a.wav", noise(5))
    first = told(cut_recording(recording, SETTINGS, record))
    record.close()
    [log] = (tmp_path / "answers").glob("*.log")
    content = bytearray(log.read_bytes())
    content[-40] ^= 1
    log.write_bytes(content)
    damaged = AnswerStore(LocalLogs(tmp_path / "answers"))
    assert told(cut_recording(recording, SETTINGS, damaged)) == first
    damaged.close()
    assert len(list((tmp_path / "answers").glob("*.log"))) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"parameters": RequestParameters(word_info=2)},
        {"parameters": RequestParameters(hotword_list="beam|5")},
        {"engines": EngineChoice("16k_zh")},
        {"engines": EngineChoice("8k_en")},
        {"voice_format": "mp3"},
    ],
    ids=["words", "hot words", "engine", "rate", "form"],
)
def test_what_changes_an_answer_changes_every_key(changed, tmp_path):
    recording = written(tmp_path / "a.wav", noise(3))
    assert not set(keys(recording)) & set(keys(recording, replace(SETTINGS, **changed)))


def test_what_changes_no_answer_changes_no_key(tmp_path):
    samples = noise(1.5)
    expected = keys(written(tmp_path / "a.wav", samples))
    soundfile.write(tmp_path / "b.flac", samples, RATE)
    soundfile.write(tmp_path / "c.wav", np.stack([samples, samples], axis=1), RATE)
    assert keys(recording_of(tmp_path / "b.flac")) == expected
    split = replace(SETTINGS, channels="split")
    assert keys(recording_of(tmp_path / "c.wav"), split) == expected * 2
    changed = replace(SETTINGS, max_seconds=50, stall_seconds=1.0, shaping_base="other")
    assert keys(recording_of(tmp_path / "a.wav", mark=Mark(1, "2"), recording_id="7"), changed) == expected


def test_plans_of_other_options_are_not_mixed_up(tmp_path, record):
    recording = written(tmp_path / "a.wav", np.repeat(noise(5)[:, None], 2, axis=1))
    seen = []
    for changed in (
        {},
        {"max_seconds": 3},
        {"max_seconds": 3, "channels": "split"},
        {"parameters": RequestParameters(word_info=0)},
        {"voice_format": "mp3"},
    ):
        settings = replace(SETTINGS, **changed)
        fresh = told(cut_recording(recording, settings))
        assert told(cut_recording(recording, settings, record)) == fresh
        assert told(cut_recording(recording, settings, record)) == fresh
        seen.append(fresh)
    one = replace(SETTINGS, max_seconds=3)
    left = replace(recording, channel=0)
    assert told(cut_recording(left, one, record)) == told(cut_recording(left, one))
    assert len({repr(each) for each in seen}) == len(seen)


def test_a_recording_without_speech_makes_no_call_and_an_empty_transcript(tmp_path):
    plans = Plans()
    recording = written(tmp_path / "a.wav", np.zeros(3 * RATE, np.int16))
    for _ in range(2):
        cut = cut_recording(recording, replace(SETTINGS, skip_silence=True), plans)
        assert list(cut.segments()) == []
        [extent] = cut.extents
        assert (extent.segments, extent.covered_samples, extent.speech_samples) == (0, 0, 0)
        assert extent.duration_samples == 3 * RATE
        transcript = assemble(extent, [], [])
        assert (transcript.status, transcript.text, transcript.failed_segments) == (Status.EMPTY, "", 0)
    assert plans.added == 1


def test_the_same_comes_out_of_a_process_of_its_own(tmp_path):
    pool = DecodePool(stall_seconds=60)
    split = replace(SETTINGS, channels="split", max_seconds=5)
    for seconds in (3, 60):  # sound in memory, and in files
        samples = np.stack([noise(seconds), noise(seconds, 1)], axis=1)
        recording = written(tmp_path / f"{seconds}.wav", samples)
        here = cut_recording(recording, split)
        there = cut_recording(recording, split, cutter=pool.cut)
        assert told(there) == told(here)
        assert (there.extents, there.damage) == (here.extents, here.damage)
        heard = [segment.audio.raw_data for segment in there.segments() if segment.audio]
        assert b"".join(heard) == samples[:, 0].tobytes() + samples[:, 1].tobytes()
    pool.close()


def test_equal_channels_are_one_call(tmp_path):
    samples = noise(3)
    recording = written(tmp_path / "a.wav", np.stack([samples, samples], axis=1))
    cut = cut_recording(recording, replace(SETTINGS, channels="split"))
    by_channel = [[key for channel, *_, key in told(cut) if channel == number] for number in (0, 1)]
    assert by_channel[0] == by_channel[1]
    assert len(set(by_channel[0])) == len(by_channel[0]) > 1


@pytest.mark.parametrize("retryable", [False, True])
def test_a_crash_of_what_is_not_the_expected_file_is_explained_by_that(retryable, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"something")
    failure = RecordingError(Stage.DECODE, "DecoderCrashed", "it crashed", retryable=retryable)

    def crash(source: BinaryIO, task: CutTask) -> SourceCut:
        return SourceCut(ChecksumReader(source).finish(), failure=failure)

    with pytest.raises(RecordingError, match="it crashed"):
        cut_recording(recording_of(path), SETTINGS, cutter=crash)
    with pytest.raises(RecordingError, match="the manifest promises CRC-32C 00000001"):
        cut_recording(recording_of(path, expected_crc32c=1), SETTINGS, cutter=crash)


def test_a_broken_file_that_is_not_the_expected_one_is_explained_by_that(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"something")
    pool = DecodePool(stall_seconds=60)
    for cutter in (cut_source, pool.cut):
        with pytest.raises(RecordingError, match="not recognised as audio"):
            cut_recording(recording_of(path), SETTINGS, cutter=cutter)
        with pytest.raises(RecordingError, match="the manifest promises CRC-32C 00000001"):
            cut_recording(recording_of(path, expected_crc32c=1), SETTINGS, cutter=cutter)
    pool.close()


def test_names_of_any_bytes_are_decoded_in_a_process_of_its_own(tmp_path):
    pool = DecodePool(stall_seconds=60)
    soundfile.write(tmp_path / "plain.wav", noise(1), RATE)
    for name in (b"caf\xe9.wav", b"-i.wav", b"a '\"b:c.wav", "\u6f22\u5b57.wav".encode()):
        location = os.fsencode(tmp_path) + b"/" + name
        os.link(tmp_path / "plain.wav", location)
        cut = cut_recording(Recording(audio_uri_of(location), location), SETTINGS, cutter=pool.cut)
        assert cut.extents[0].duration_samples == RATE
    pool.close()


def test_half_a_recording_is_cut_as_far_as_it_goes_and_said_to_be_damaged(tmp_path, record):
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(4), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    recording = recording_of(path, mark=Mark(3, "x"))
    for _ in range(2):
        cut = cut_recording(recording, SETTINGS, record)
        assert cut.damage is not None
        assert (cut.damage.mark, cut.damage.settings) == (Mark(3, "x"), SETTINGS.shaping.of(recording))
        [extent] = cut.extents
        assert extent.damaged
        assert 0 < extent.duration_samples < 4 * RATE
        assert sum(end - start for _, start, end, _ in told(cut)) == extent.covered_samples


def test_a_recording_that_is_not_the_expected_one_leaves_no_plan(tmp_path):
    plans = Plans()
    recording = replace(written(tmp_path / "a.wav", noise(1)), expected_crc32c=1)
    with pytest.raises(RecordingError):
        cut_recording(recording, SETTINGS, plans)
    assert plans.added == 0


def test_what_the_service_fetches_is_known_by_the_run_where_its_server_tells_nothing():
    url = "http://127.0.0.1:1/a.mp3"
    recording = Recording(url, url.encode())
    keys = set()
    for chain in ("one", "one", "two"):
        passed = pass_on(recording, replace(SETTINGS, chain=chain))
        [segment] = passed.segments()
        assert (segment.url, passed.damage) == (url, None)
        keys.add(segment.key)
    assert len(keys) == 2


def test_one_channel_of_what_the_service_fetches_is_refused():
    with pytest.raises(RecordingError, match="channel 1 was asked for"):
        pass_on(Recording("http://127.0.0.1:1/a.mp3", b"http://127.0.0.1:1/a.mp3", channel=1), SETTINGS)


def test_cuts_of_the_version_before_are_kept_and_nothing_is_billed_again(tmp_path):
    """What was half done when the planner came has its old segments, silence included."""
    recording = written(tmp_path / "a.wav", noise(5))
    content = blake3((tmp_path / "a.wav").read_bytes()).digest()
    settings = CutSettings(EngineChoice("16k_en"), Path("unused"), max_seconds=4)
    limit = settings.policy(RATE).max_samples
    basis = PlanBasis(
        content,
        "mix 0",
        RATE,
        settings.voice_format,
        settings.max_payload_bytes,
        settings.fingerprint("16k_en"),
    )
    halves = tuple(
        PlannedSegment(own, (own,)) for own in (SampleRange(0, 2 * RATE), SampleRange(2 * RATE, 5 * RATE))
    )
    before = PlannedChannel(0, 5 * RATE, 5 * RATE, halves, (bytes(32), bytes([1]) * 32))
    record = AnswerStore(LocalLogs(tmp_path / "answers"))
    record.add(Planned(tiled_plan_key(basis, limit, min(12 * RATE, limit // 2)), (before,)))
    cut = cut_recording(recording, settings, record)
    assert [segment.key for segment in cut.segments()] == list(before.answer_keys)
    chosen = cut_recording(recording, replace(settings, skip_silence=False), record)
    assert not {segment.key for segment in chosen.segments()} & set(before.answer_keys)
    record.close()


@pytest.mark.parametrize("change", [b"", b"more"], ids=["cut off", "growing"])
def test_a_recording_that_changes_while_it_is_read_is_a_failure_and_can_be_tried_again(change, tmp_path):
    recording = written(tmp_path / "a.wav", noise(1))

    def cutter(source: BinaryIO, task: CutTask) -> SourceCut:
        found = cut_source(source, task)
        with (tmp_path / "a.wav").open("ab") as file:
            file.truncate(file.tell() - (0 if change else 10))
            file.write(change)
        return found

    with pytest.raises(RecordingError, match="changed while it was read") as caught:
        cut_recording(recording, SETTINGS, cutter=cutter)
    assert (caught.value.stage, caught.value.retryable) == (Stage.READ, True)
