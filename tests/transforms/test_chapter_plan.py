from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mp3_files import mp3
from speech_samples import letter

from transforms import chapters, speech_chapters
from transforms.answer_store import AnswerStore
from transforms.chapter_choice import LongRecording, long_recording_of
from transforms.chapter_frames import packed_frames, unpacked_frames
from transforms.chapter_plan import RecordingPlan, keys_of_chapter, plan_recording
from transforms.chapter_work import ChapterHeard, listen, take
from transforms.checksum import Checked, ChecksumReader
from transforms.cut_recording import cut_recording
from transforms.cut_settings import CutSettings
from transforms.cut_source import tell_nobody
from transforms.engines import EngineChoice
from transforms.errors import RecordingError
from transforms.local_logs import LocalLogs
from transforms.records import Recording, Segment
from transforms.source import open_source

RATE = 22_050
SETTINGS = CutSettings(EngineChoice("16k_en"), Path("unused"), max_seconds=9, detector="energy")
WAYS = {
    "as it comes": {},
    "split": {"channels": "split"},
    "all is sent": {"skip_silence": False},
    "squeezed": {"skip_silence": False, "squeeze_to_seconds": 0.5},
    "overlapping": {"overlap_seconds": 1.0},
    "by network": {"detector": "silero"},
}


@pytest.fixture(autouse=True)
def _short_chapters(monkeypatch):
    for module in (chapters, speech_chapters):
        monkeypatch.setattr(module, "CHAPTER_SECONDS", 40)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[AnswerStore]:
    store = AnswerStore(LocalLogs(tmp_path / "answers"))
    yield store
    store.close()


def talk(seconds: float, seed: int = 0) -> np.ndarray:
    """Bursts that come at any time, some longer than a segment may be, over a little noise."""
    random = np.random.default_rng(seed)
    samples = random.standard_normal((round(seconds * RATE), 2)) * 20
    place = 0
    while place < len(samples):
        place += round(random.uniform(0.1, 6) * RATE)
        burst = round(random.uniform(0.5, 14) * RATE)
        samples[place : place + burst] *= 100
        place += burst
    return samples.astype(np.int16)


def written(path: Path, samples: np.ndarray) -> Recording:
    soundfile.write(path, samples, RATE)
    return Recording(str(path), os.fsencode(path))


def long_of(recording: Recording, settings: CutSettings = SETTINGS) -> LongRecording:
    long = long_recording_of(recording, settings, 60)
    assert long is not None
    return long


def heard_in(long: LongRecording, settings: CutSettings) -> list[ChapterHeard]:
    found = []
    for number in range(long.chapters.count):
        with open_source(long.recording) as source:
            found.append(listen(source, long.listen_task(number, settings), tell_nobody))
    return found


def checked(recording: Recording) -> Checked:
    with open_source(recording) as source:
        return ChecksumReader(source).finish()


def plan_of(recording: Recording, settings: CutSettings, record: AnswerStore | None = None) -> RecordingPlan:
    long = long_of(recording, settings)
    plan = plan_recording(long, checked(recording), heard_in(long, settings), settings, record)
    assert plan is not None
    return plan


def segments_in(
    plan: RecordingPlan, settings: CutSettings, record: AnswerStore | None = None
) -> list[Segment]:
    found = []
    for chapter in plan.chapters:
        with open_source(chapter.long.recording) as source:
            taken = take(source, chapter.take_task(settings), tell_nobody)
        keys = keys_of_chapter(chapter, taken.digests, settings, record)
        found += chapter.segments(keys, taken.holds)
    return sorted(found, key=lambda each: (each.span.channel, each.span.segment_index))


def told(segments: list[Segment]) -> list[tuple[object, ...]]:
    return [
        (
            each.span,
            each.key,
            each.sent,
            each.speech_samples,
            each.sound and each.sound.load().raw_data,
            each.own and each.own.load().raw_data,
        )
        for each in segments
    ]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_chapters_give_the_segments_of_one_piece(way, tmp_path):
    settings = replace(SETTINGS, **way)
    spoken = np.tile(letter(), 19)[:, np.newaxis].repeat(2, axis=1)[: round(131.7 * RATE)]
    recording = written(tmp_path / "a.flac", spoken if settings.detector == "silero" else talk(131.7))
    whole = cut_recording(recording, settings)
    plan = plan_of(recording, settings)
    assert plan.extents == whole.extents
    assert len(plan.chapters) == 4
    assert [chapter.is_last for chapter in plan.chapters] == [False, False, False, True]
    segments = segments_in(plan, settings)
    assert len(segments) > 8
    assert told(segments) == told(list(whole.segments()))


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["with a tag", "varying"])
def test_chapters_of_mp3_give_the_segments_of_one_piece(kind, tmp_path):
    recording = mp3_written(tmp_path / "a.mp3", mp3(kind, RATE, 95.0, 2))
    whole = cut_recording(recording, SETTINGS)
    plan = plan_of(recording, SETTINGS)
    assert plan.extents == whole.extents
    segments = segments_in(plan, SETTINGS)
    assert len(segments) > 8
    assert told(segments) == told(list(whole.segments()))


def test_mp3_that_is_damaged_cut_off_or_joined_is_not_worked_in_chapters(tmp_path):
    data = mp3("with a tag", RATE, 70.0)
    middle = len(data) // 2
    assert long_recording_of(mp3_written(tmp_path / "a.mp3", data), SETTINGS, 60) is not None
    for odd in (data[:-9], data[:middle] + bytes(9) + data[middle:], data + data):
        assert long_recording_of(mp3_written(tmp_path / "a.mp3", odd), SETTINGS, 60) is None


def mp3_written(path: Path, data: bytes) -> Recording:
    path.write_bytes(data)
    return Recording(str(path), os.fsencode(path))


def test_cuts_and_keys_are_recorded_and_found_again_either_way(tmp_path, record):
    recording = written(tmp_path / "a.wav", talk(95.0))
    first = segments_in(plan_of(recording, SETTINGS, record), SETTINGS, record)
    # As a later version would find them, whose samples or detector differ.
    long = long_of(recording)
    silent = [replace(each, channels=_without_speech(each)) for each in heard_in(long, SETTINGS)]
    again = plan_recording(long, checked(recording), silent, SETTINGS, record)
    assert again is not None
    assert [part.segments for each in again.chapters for part in each.parts]
    foreign = [tuple(bytes(32) for _ in part.segments) for each in again.chapters for part in each.parts]
    keys = [
        key
        for each, digests in zip(again.chapters, foreign, strict=True)
        for own in keys_of_chapter(each, [digests], SETTINGS, record)
        for key in own
    ]
    assert keys == [segment.key for segment in first]


def test_a_plan_made_in_one_piece_is_kept_to(tmp_path, record):
    recording = written(tmp_path / "a.wav", talk(95.0))
    whole = cut_recording(recording, SETTINGS, record)
    long = long_of(recording)
    silent = [replace(each, channels=_without_speech(each)) for each in heard_in(long, SETTINGS)]
    plan = plan_recording(long, checked(recording), silent, SETTINGS, record)
    assert plan is not None
    assert plan.extents == whole.extents
    keys = [part.keys for chapter in plan.chapters for part in chapter.parts]
    assert [key for own in keys for key in own] == list(whole.channels[0].keys)


def _without_speech(heard: ChapterHeard) -> tuple[tuple[int, bytes], ...]:
    return tuple(
        (number, packed_frames(np.zeros_like(unpacked_frames(frames)[0]), unpacked_frames(frames)[1]))
        for number, frames in heard.channels
    )


def test_chapters_that_do_not_agree_at_their_border_are_no_plan(tmp_path):
    # Turned over by a word at the start, and silent since: a mixer that begins later does not know.
    samples = np.zeros((95 * RATE, 2), np.int16)
    word = talk(4.0)[:, 0]
    samples[: len(word), 0], samples[: len(word), 1] = word, -word
    samples[90 * RATE : 90 * RATE + len(word)] = word[:, np.newaxis]
    recording = written(tmp_path / "a.wav", samples)
    long = long_of(recording)
    heard = heard_in(long, SETTINGS)
    assert plan_recording(long, checked(recording), heard, SETTINGS, None) is None
    split = replace(SETTINGS, channels="split")
    assert plan_of(recording, split).extents == cut_recording(recording, split).extents
    assert plan_recording(long, checked(recording), heard[:-1], SETTINGS, None) is None


def test_other_bytes_than_the_manifest_promises_are_told_before_anything_is_cut(tmp_path):
    recording = replace(written(tmp_path / "a.wav", talk(95.0)), expected_crc32c=1)
    with pytest.raises(RecordingError, match="the manifest promises CRC-32C 00000001"):
        plan_of(recording, SETTINGS)


def test_only_long_local_recordings_within_the_limits_are_worked_in_chapters(tmp_path):
    recording = written(tmp_path / "a.wav", talk(95.0))
    assert long_recording_of(recording, SETTINGS, 94) is not None
    english = EngineChoice("16k_en", (("en", "16k_en"),))
    for other, settings, above_seconds in (
        (recording, SETTINGS, 95),
        (recording, replace(SETTINGS, max_hours=0.02), 60),
        (replace(recording, channel=0), replace(SETTINGS, channels="split"), 60),
        (replace(recording, content=b"sound"), SETTINGS, 60),
        (replace(recording, location=b"https://localhost/a.wav"), SETTINGS, 60),
        (replace(recording, location=b"/nowhere/a.wav"), SETTINGS, 60),
        (
            replace(recording, language="tlh"),
            replace(SETTINGS, engines=english),
            60,
        ),
    ):
        assert long_recording_of(other, settings, above_seconds) is None
