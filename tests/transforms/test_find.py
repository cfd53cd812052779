from __future__ import annotations

import errno
import os
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.metrics import MetricsFilter
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to

from transforms import find
from transforms.find import FindRecordings, SpreadRecordings
from transforms.listing import Sources
from transforms.records import Mark, Recording
from transforms.stopping import StopSignal


def test_recordings_cross_the_shuffle_whatever_their_names(tmp_path):
    base = bytes(tmp_path)
    names = [b"caf\xe9\xff.wav", "录音.mp3".encode(), b"a\nb 'c'.wav", b"-x.wav"]
    for name in [*names, b"notes.txt"]:
        Path(os.fsdecode(base + b"/" + name)).touch()
    (tmp_path / "list.csv").write_text("audio,channel,crc32c,language,id\n-x.wav,1,000000ff,zh,seven\n")
    named = os.fsdecode(names[0])

    def mark_of(location: bytes) -> Mark:
        return Mark(0, str(Path(os.fsdecode(location)).stat().st_mtime_ns))

    def plain(location: bytes) -> Recording:
        name = location.decode(errors="backslashreplace")
        return Recording(name, location, mark=mark_of(location))

    listed = base + b"/-x.wav"
    expected = [
        Recording(f"{tmp_path}/-x.wav", listed, "zh", 1, 255, "seven", mark_of(listed)),
        *(plain(base + b"/" + name) for name in names[:-1]),
    ]
    with TestPipeline(runner="FnApiRunner") as pipeline:
        sources = Sources((named, "."), ("list.csv",), base=str(tmp_path))
        found = pipeline | FindRecordings(sources)
        assert found.element_type is Recording
        assert_that(found, equal_to(expected))
    counters = {
        counter.key.metric.name: counter.committed
        for counter in pipeline.result.metrics().query(MetricsFilter().with_namespace("beamscribe"))[
            "counters"
        ]
    }
    assert counters == {"recordings_found": 4, "other_files": 2}


def breaks_off(sources, *, on_other):
    """A store that is away after two recordings."""
    on_other(1)
    for name in ("a.wav", "b.wav"):
        yield Recording(name, name.encode())
    raise OSError(errno.EIO, "s3://b/in: the store cannot be reached")


def test_a_listing_that_breaks_off_stops_the_run_and_what_was_found_is_worked_on(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "list_recordings", breaks_off)
    with TestPipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | FindRecordings(Sources(("s3://b/in",)), coordination=tmp_path)
        assert_that(found | beam.Map(lambda each: each.audio_uri), equal_to(["a.wav", "b.wav"]))
    reason = StopSignal(tmp_path).reason()
    assert reason is not None
    assert reason.code == find.LISTING_FAILED
    assert reason.message == (
        "The recordings could not be listed to the end: s3://b/in: the store cannot be reached. Run it again."
    )


def test_a_listing_that_breaks_off_ends_a_job_that_nobody_could_stop(monkeypatch):
    monkeypatch.setattr(find, "list_recordings", breaks_off)
    pipeline = TestPipeline(runner="FnApiRunner")
    _ = pipeline | FindRecordings(Sources(("s3://b/in",)))
    with pytest.raises(Exception, match="the store cannot be reached"):
        pipeline.run()


def test_the_steps_can_be_read(tmp_path):
    pipeline = beam.Pipeline(runner="FnApiRunner")
    _ = pipeline | "Find recordings" >> FindRecordings(Sources((str(tmp_path),)))
    labels: list[str] = []

    class Labels(beam.pipeline.PipelineVisitor):
        def enter_composite_transform(self, node):
            labels.append(node.full_label)

        def visit_transform(self, node):
            labels.append(node.full_label)

    pipeline.visit(Labels())
    assert {
        "Find recordings/Sources",
        "Find recordings/List recordings",
        "Find recordings/Spread over workers",
    } <= set(labels)


def test_what_is_spread_comes_out_as_it_went_in():
    recordings = [Recording(f"/in/{n}.wav", b"/in/%d.wav" % n, mark=Mark(n, f"{n}")) for n in range(1000)]
    with TestPipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(recordings) | SpreadRecordings()
        assert_that(found, equal_to(recordings))
