from __future__ import annotations

import errno
import threading
from functools import partial
from pathlib import Path
from typing import BinaryIO

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing.util import assert_that, equal_to

from tests.e2e.sounds import chatter, write_wav
from transforms.chosen import ChannelChoice
from transforms.cut_recording import CutRecording
from transforms.cut_settings import CutSettings
from transforms.cut_source import CutTask, SourceCut
from transforms.decode_pool import DecodePool
from transforms.engines import EngineChoice
from transforms.records import Failure, Recording, Segment, Span
from transforms.segmenting import NormalizeAndCut, NormalizeAndCutFn, SegmentCoder
from transforms.sound import AudioSegment
from transforms.stopping import StopReason, StopSignal
from transforms.transcript import Piece


def settings_for(folder: Path, **changes: object) -> CutSettings:
    fixed = {"detector": "energy", "skip_silence": False, "shaping_base": "base"}
    return CutSettings(EngineChoice(default="16k_en"), coordination=folder, **{**fixed, **changes})


def recording(path: Path) -> Recording:
    return Recording(str(path), bytes(path))


def facts_of(segment: Segment) -> tuple[str, int, int, int]:
    assert segment.audio is not None
    audio = segment.audio
    assert (audio.frame_rate, audio.sample_width, audio.channels) == (16_000, 2, 1)
    assert audio.frame_count() == segment.span.samples
    return (
        Path(segment.span.audio_uri).name,
        segment.span.segment_index,
        segment.span.start_sample,
        len(audio),
    )


def test_segments_extents_and_failures_come_out_by_their_names(tmp_path):
    write_wav(tmp_path / "long.wav", chatter(25))
    write_wav(tmp_path / "short.wav", chatter(2))
    names = ("long.wav", "short.wav", "gone.wav")
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        recordings = pipeline | "Recordings" >> beam.Create([recording(tmp_path / name) for name in names])
        cut = recordings | "Cut" >> NormalizeAndCut(settings_for(tmp_path, max_seconds=20.0))
        # Audio stays in its stage: only facts about it are compared.
        facts = cut.segments | "Facts" >> beam.Map(facts_of)
        indices = facts | "Indices" >> beam.Map(lambda fact: fact[:2])
        assert_that(indices, equal_to([("long.wav", 0), ("long.wav", 1), ("short.wav", 0)]), label="segments")
        extents = cut.extents | "Extents" >> beam.Map(
            lambda each: (Path(each.audio_uri).name, each.segments, each.duration_samples)
        )
        assert_that(extents, equal_to([("long.wav", 2, 400_000), ("short.wav", 1, 32_000)]), label="extents")
        failures = cut.failures | "Codes" >> beam.Map(lambda each: (Path(each.audio_uri).name, each.code))
        assert_that(failures, equal_to([("gone.wav", "NotFound")]), label="failures")


def test_an_address_is_passed_on_unread_when_asked_for(tmp_path):
    address = "https://example.com/a.wav"
    fn = NormalizeAndCutFn(settings_for(tmp_path, by_url=True))
    fn.setup()
    result = fn.task(Recording(address, address.encode()))()
    main, piece, extent, last_piece = fn.outputs(result)
    assert isinstance(main.value, Segment)
    assert (main.value.url, main.value.audio, extent.tag) == (address, None, "extents")
    assert (piece.tag, piece.value) == (last_piece.tag, Piece(main.value)) == ("pieces", Piece(main.value))
    assert last_piece.value == Piece(extent.value)
    fn.teardown()


def test_nothing_is_read_once_the_run_stops(tmp_path):
    fn = NormalizeAndCutFn(settings_for(tmp_path))
    fn.setup()
    StopSignal(tmp_path).stop(StopReason("Interrupted", "told to"))
    result = fn.task(recording(tmp_path / "gone.wav"))()
    assert result.value is None
    assert list(fn.outputs(result)) == []
    fn.teardown()


@pytest.mark.parametrize(
    ("number", "code", "advice"),
    [
        (errno.ENOSPC, "TemporaryFolderFull", "TMPDIR"),
        (errno.EDQUOT, "TemporaryFolderFull", "TMPDIR"),
        (errno.EMFILE, "TooManyOpenFiles", "ulimit -n"),
        (errno.EAGAIN, "NoMoreProcesses", "fewer workers"),
        (errno.ENOENT, "TemporaryFolderFailed", "TMPDIR"),
        (errno.EACCES, "TemporaryFolderFailed", "TMPDIR"),
    ],
)
def test_what_the_machine_lacks_stops_the_run_and_says_what_to_do(
    number, code, advice, tmp_path, monkeypatch
):
    def cut(*arguments: object, **options: object) -> None:
        raise OSError(number, "so it is")

    monkeypatch.setattr("transforms.cutter.cut_recording", cut)
    fn = NormalizeAndCutFn(settings_for(tmp_path))
    fn.setup()
    assert fn.task(recording(tmp_path / "a.wav"))().value is None
    reason = StopSignal(tmp_path).reason()
    assert reason is not None
    assert (reason.code, advice in reason.message) == (code, True)
    fn.teardown()


def test_segments_that_would_cross_a_shuffle_are_refused(tmp_path):
    write_wav(tmp_path / "a.wav", chatter(1))
    pipeline = beam.Pipeline(runner="FnApiRunner")
    cut = pipeline | beam.Create([recording(tmp_path / "a.wav")]) | NormalizeAndCut(settings_for(tmp_path))
    _ = cut.segments | beam.Reshuffle()
    with pytest.raises((TypeError, RuntimeError), match="would cross a shuffle"):
        pipeline.run()


def test_beam_asks_for_the_size_of_a_segment_without_writing_it(tmp_path, monkeypatch):
    asked = []
    real = SegmentCoder.estimate_size

    def estimate_size(self: SegmentCoder, value: Segment) -> int:
        asked.append(real(self, value))
        return asked[-1]

    monkeypatch.setattr(SegmentCoder, "estimate_size", estimate_size)
    write_wav(tmp_path / "a.wav", chatter(1))
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        cut = (
            pipeline | beam.Create([recording(tmp_path / "a.wav")]) | NormalizeAndCut(settings_for(tmp_path))
        )
        _ = cut.segments | beam.Map(facts_of)
    assert sorted(asked) == [32_000, 32_000]  # once as a piece


@pytest.mark.parametrize("isolated", [True, False])
def test_decoding_goes_on_in_processes_unless_told_otherwise(isolated, tmp_path, monkeypatch):
    asked = []
    real = DecodePool.cut

    def cut(pool: DecodePool, source: BinaryIO, task: CutTask) -> SourceCut:
        asked.append(task)
        return real(pool, source, task)

    monkeypatch.setattr(DecodePool, "cut", cut)
    write_wav(tmp_path / "a.wav", chatter(1))
    settings = settings_for(tmp_path, isolated=isolated, max_hours=7.0, detector="energy")
    fn = NormalizeAndCutFn(settings)
    fn.setup()
    result = fn.task(recording(tmp_path / "a.wav"))().value
    assert isinstance(result, CutRecording)
    assert [facts_of(segment) for segment in result.segments()] == [("a.wav", 0, 0, 1000)]
    fn.teardown()
    expected = CutTask(
        str(tmp_path / "a.wav"), 16_000, ChannelChoice.mix(), settings.policy(16_000), "energy", 7.0
    )
    assert asked == [expected] * isolated


def test_a_decoder_that_hangs_is_a_failure_of_its_recording(tmp_path, monkeypatch):
    monkeypatch.setattr("transforms.cutter.DecodePool", partial(DecodePool, module="odd_decoders"))
    write_wav(tmp_path / "a.wav", chatter(1))
    fn = NormalizeAndCutFn(settings_for(tmp_path, stall_seconds=2.0))
    fn.setup()
    hanging = Recording(f"hang:{tmp_path / 'pid'}", bytes(tmp_path / "a.wav"))
    [failed] = fn.outputs(fn.task(hanging)())
    assert isinstance(failed.value, Failure)
    assert (failed.tag, failed.value.code) == ("failures", "DecoderHung")
    assert isinstance(fn.task(recording(tmp_path / "a.wav"))().value, CutRecording)
    fn.teardown()


def test_the_size_of_a_segment_is_known_without_its_sound():
    class Unloaded:
        samples = 100

        def load(self) -> AudioSegment:
            pytest.fail("loaded")

    span = Span("/a.wav", 1, 0, 0, 0, 100, 16_000, "16k_en")
    assert SegmentCoder().estimate_size(Segment(span, sound=Unloaded())) == 200
    assert SegmentCoder().estimate_size(Segment(span, url="https://example.com/a.wav")) == 0


def test_a_stopped_run_does_not_wait_for_a_recording_that_is_being_decoded(tmp_path):
    write_wav(tmp_path / "hours.wav", np.tile(chatter(60), 120))
    fn = NormalizeAndCutFn(settings_for(tmp_path))
    fn.setup()
    task = fn.task(recording(tmp_path / "hours.wav"))
    stopping = threading.Timer(0.5, StopSignal(tmp_path).stop, [StopReason("SIGINT", "asked to")])
    stopping.start()
    stopped = task()
    assert stopped.value is None
    fn.teardown()
    assert list(fn.outputs(stopped)) == []
