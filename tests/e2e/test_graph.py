from __future__ import annotations

import apache_beam as beam
import pytest

from pipeline.graph import Job, build
from tests.e2e.command import beamscribe, rows, settings
from tests.e2e.sounds import chatter, some_wavs, write_wav
from transforms.sound import AudioSegment, sound_of


def arrive() -> None:
    raise AssertionError("audio left its stage as bytes")


@pytest.fixture
def bound_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Audio that cannot be made out of bytes again; Beam encodes a sample of it to know its size."""
    monkeypatch.setattr(AudioSegment, "__reduce_ex__", lambda self, protocol: (arrive, ()))


def test_audio_crosses_no_shuffle_and_no_border_between_stages(bound_audio, serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    write_wav(tmp_path / "in" / "long.wav", chatter(100))
    run = beamscribe(
        "run", "--input", tmp_path / "in", "--output", tmp_path / "out",
        *settings(serve(), audio__channels="split"), "--", "--runner=FnApiRunner",
    )  # fmt: skip
    assert run.code == 0, run.stderr
    assert len(rows(tmp_path / "out", "segments")) == 5


def test_a_shuffle_of_audio_would_be_noticed(bound_audio):
    pipeline = beam.Pipeline(runner="FnApiRunner")
    _ = (
        pipeline
        | "One" >> beam.Create([1])
        | "To audio" >> beam.Map(lambda number: (number, sound_of(bytes(320), 16_000)))
        | "Shuffle" >> beam.Reshuffle()
    )
    # Who says it, and in what wrapping, is up to Beam.
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        pipeline.run()


@pytest.fixture
def labels(serve, tmp_path, monkeypatch) -> list[str]:
    """The full labels of all steps of a job that was run, outer steps first."""
    built: list[beam.Pipeline] = []

    def build_and_keep(pipeline: beam.Pipeline, job: Job) -> None:
        build(pipeline, job)
        built.append(pipeline)

    monkeypatch.setattr("pipeline.job.build", build_and_keep)
    some_wavs(tmp_path / "in", 1)
    assert beamscribe(
        "run", "--input", tmp_path / "in", "--output", tmp_path / "out", *settings(serve())
    ).code == 0  # fmt: skip
    components = built[0].to_runner_api().components
    root = "ref_AppliedPTransform_AppliedPTransform_1"
    return [each.unique_name for each in components.transforms.values() if each.unique_name != root]


def test_the_graph_reads_like_the_description_of_the_job(labels):
    outer = [label for label in labels if "/" not in label and label != "Gather failures"]
    assert sorted(outer) == sorted(
        [
            "Find recordings", "Normalize and cut", "Recognize", "Assemble transcripts",
            "Write segments", "Write transcripts", "Write failures",
        ]
    )  # fmt: skip


def test_no_step_of_our_own_has_a_generated_name(labels):
    own = [label for label in labels if "/Spread over workers/" not in label]
    assert len(own) > 12
    for label in own:
        assert "lambda" not in label
        # A label of words is followed by Beam's own name for a DoFn with several outputs at most.
        assert not label.rpartition("/")[2].startswith(("Map(", "FlatMap(", "Filter(")), label
