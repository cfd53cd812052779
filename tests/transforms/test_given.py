from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing import test_pipeline as beam_testing
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.typehints.decorators import TypeCheckError

from tests.e2e.sounds import chatter, write_wav
from transforms import (
    AssembleTranscripts,
    CutSettings,
    EngineChoice,
    NormalizeAndCut,
    Recognize,
    RecognizeSettings,
    Recording,
    RecordingsFromBytes,
    RecordingsFromPaths,
    RecordingsFromSounds,
)
from transforms.sound import sound_of


def lengths_of(recordings: beam.PCollection[Recording], folder: Path) -> beam.PCollection:
    """Name, segment, samples and whether they are those of `chatter`, for each segment; codes of failures."""
    settings = CutSettings(EngineChoice("16k_en"), folder, skip_silence=False, detector="energy")
    cut = recordings | NormalizeAndCut(settings)
    lengths = cut.segments | "Lengths" >> beam.Map(
        lambda segment: (segment.span.audio_uri, segment.span.segment_index, segment.span.samples)
    )
    codes = cut.failures | "Codes" >> beam.Map(lambda failure: (failure.audio_uri, failure.code))
    return (lengths, codes) | "Both" >> beam.Flatten()


def test_paths_of_every_kind_become_recordings(tmp_path):
    here, there = write_wav(tmp_path / "a.wav", chatter(1)), write_wav(tmp_path / "é [1].wav", chatter(1))
    paths = ["a.wav", bytes(there), there, here.as_uri(), "gs://bucket/b.mp3", "file://elsewhere/c.wav"]
    with beam_testing.TestPipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(paths) | RecordingsFromPaths(base=str(tmp_path))
        assert found.element_type is Recording
        names = found | beam.Map(lambda each: (each.audio_uri, each.mark and each.mark.size_bytes))
        size = here.stat().st_size
        expected = [(str(path), size) for path in (here, there, there, here)]
        remote = [("gs://bucket/b.mp3", None), ("file://elsewhere/c.wav", None)]
        assert_that(names, equal_to(expected + remote))


def test_paths_that_lead_nowhere_are_failures_of_their_own(tmp_path):
    write_wav(tmp_path / "a.wav", chatter(1))
    paths = [tmp_path / "a.wav", tmp_path / "gone.wav"]
    with beam_testing.TestPipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(paths) | RecordingsFromPaths()
        expected = [(str(paths[0]), 0, 16_000), (str(paths[1]), "NotFound")]
        assert_that(lengths_of(found, tmp_path), equal_to(expected))


def test_bytes_are_decoded_as_a_file_would_be(tmp_path):
    content = write_wav(tmp_path / "a.wav", chatter(70)).read_bytes()
    whole = "https://example.com/a.wav"  # a name, and nothing that is called
    given = [(whole, content), ("b", content[:1000]), ("none", b""), ("text", b"hello" * 99)]
    with beam_testing.TestPipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(given) | RecordingsFromBytes()
        by_name = lengths_of(found, tmp_path) | "Names" >> beam.Map(lambda found: found[:2])
        expected = [(whole, 0), (whole, 1), ("b", 0), ("b", "Damaged"), ("none", "EmptyFile")]
        assert_that(by_name, equal_to([*expected, ("text", "NotAudio")]))


@pytest.mark.parametrize("width", [1, 2, 4])
def test_sounds_of_any_form_are_one_segment_each(width, tmp_path):
    sound = sound_of(chatter(1.5).tobytes(), 16_000)
    given = [
        ("mono", sound.set_sample_width(width)),
        ("stereo", sound.set_sample_width(width).set_channels(2)),
        ("8k", sound.set_frame_rate(8000)),
    ]
    with beam_testing.TestPipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(given) | RecordingsFromSounds()
        assert_that(lengths_of(found, tmp_path), equal_to([(name, 0, 24_000) for name, _ in given]))


def test_a_sound_at_the_engine_s_rate_comes_through_bit_for_bit(tmp_path):
    samples = chatter(1.5)
    settings = CutSettings(EngineChoice("16k_en"), tmp_path, skip_silence=False, detector="energy")
    with beam_testing.TestPipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create([("a", sound_of(samples.tobytes(), 16_000))]) | RecordingsFromSounds()
        cut = found | NormalizeAndCut(settings)
        sounds = cut.segments | beam.Map(lambda segment: segment.audio.raw_data)
        assert_that(sounds, equal_to([samples.tobytes()]))


def folder_settings(folder: Path) -> CutSettings:
    return CutSettings(EngineChoice("16k_en"), folder)


@pytest.mark.parametrize(
    ("transform", "element", "told"),
    [
        (lambda folder: RecordingsFromPaths(), 7, "got <class 'int'>. RecordingsFromPaths takes paths"),
        (lambda folder: RecordingsFromBytes(), "a.wav", "takes pairs of a name and the bytes"),
        (lambda folder: RecordingsFromBytes(), ("a.wav", "text"), "takes pairs of a name and the bytes"),
        (lambda folder: RecordingsFromSounds(), ("a.wav", b"RIFF"), "a pydub AudioSegment"),
        (lambda folder: NormalizeAndCut(folder_settings(folder)), "a.wav", "RecordingsFromPaths"),
        (lambda folder: Recognize(RecognizeSettings(folder)), b"RIFF", "NormalizeAndCut makes them"),
    ],
)
def test_elements_of_another_type_are_refused_before_anything_runs(transform, element, told, tmp_path):
    given = beam.Pipeline(runner="FnApiRunner") | beam.Create([element])
    with pytest.raises(TypeCheckError, match="Input type hint violation") as refused:
        _ = given | transform(tmp_path)
    assert told in str(refused.value)


def test_what_is_assembled_goes_in_under_its_own_name():
    numbers = beam.Pipeline(runner="FnApiRunner") | beam.Create([1])
    inputs = dict.fromkeys(("extents", "utterances", "failures", "unanswered"), numbers)
    with pytest.raises(TypeCheckError, match="takes the extents of NormalizeAndCut"):
        _ = inputs | AssembleTranscripts()
