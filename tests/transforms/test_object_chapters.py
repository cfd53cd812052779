"""Long recordings in a store, cut in chapters, where something goes wrong."""

from __future__ import annotations

import errno
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from coded_files import aac, opus, tables_in_front
from mp3_files import mp3

from tests.object_server import BUCKET, fault_proxy
from transforms import chapters, cutter, speech_chapters
from transforms.chapter_choice import LongRecording, long_recording_of
from transforms.chapter_work import ChapterHeard
from transforms.checksum import Checked
from transforms.cut_settings import CutSettings
from transforms.cutter import RecordingCutter
from transforms.decode_pool import DecodePool
from transforms.engines import EngineChoice
from transforms.long_recordings import ChapterPolicy, TellLongOnesFn
from transforms.object_file import ObjectFile
from transforms.objects import Objects
from transforms.records import Failure, Recording
from transforms.source import open_parted
from transforms.stopping import StopReason, StopSignal

URI = f"s3://{BUCKET}/long.wav"
RATE = 22_050
Cutters = Callable[..., tuple[RecordingCutter, StopSignal]]


@pytest.fixture
def settings(tmp_path: Path) -> CutSettings:
    return CutSettings(EngineChoice("16k_en"), tmp_path, max_seconds=9, detector="energy", isolated=False)


@pytest.fixture
def long(s3, tmp_path, settings, monkeypatch) -> LongRecording:
    for module in (chapters, speech_chapters):
        monkeypatch.setattr(module, "CHAPTER_SECONDS", 40)
    noise = np.random.default_rng(0).integers(-9000, 9000, (95 * RATE, 2)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", noise, RATE)
    objects = Objects(URI)
    objects.put("", (tmp_path / "a.wav").read_bytes())
    found = long_recording_of(Recording(URI, URI.encode(), mark=objects.mark("")), settings, 60)
    assert found is not None
    return found


@pytest.fixture
def cutters(settings) -> Iterator[Cutters]:
    made: list[tuple[RecordingCutter, StopSignal]] = []

    def make(**options: object) -> tuple[RecordingCutter, StopSignal]:
        stop = StopSignal(settings.coordination)
        made.append((RecordingCutter(replace(settings, **options), stop, None), stop))
        return made[-1]

    yield make
    for each, stop in made:
        each.close()
        stop.close()


def open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def raising(error: OSError) -> Callable[..., bytes]:
    def fail(*_: object) -> bytes:
        raise error

    return fail


@pytest.mark.parametrize("isolated", [False, True])
def test_a_failing_store_fails_the_recording_and_does_not_stop_the_run(long, cutters, monkeypatch, isolated):
    cut, stop = cutters(isolated=isolated)
    # Whatever it calls it: its disk is not the one here.
    monkeypatch.setattr(Objects, "read", raising(OSError(errno.ENOSPC, "the store fails (507)")))
    for found in (cut.listen(long, 1), cut.check(long)):
        assert isinstance(found, Failure)
        assert found.stage.value == "read"
        assert found.retryable
    assert stop.reason() is None
    monkeypatch.undo()


@pytest.mark.parametrize("isolated", [False, True])
def test_a_full_temporary_folder_stops_the_run(long, cutters, monkeypatch, isolated):
    cut, stop = cutters(isolated=isolated)
    monkeypatch.setattr(os, "pwrite", raising(OSError(errno.ENOSPC, "No space left on device")))
    assert cut.listen(long, 1) is None
    assert stop.reason().code == "TemporaryFolderFull"


def test_a_local_file_that_cannot_be_read_fails_and_does_not_stop_the_run(
    tmp_path, long, settings, cutters, monkeypatch
):
    class Broken(io.FileIO):
        def read(self, *_: object) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        readinto = read

    @contextmanager
    def broken(_: object) -> Iterator[io.FileIO]:
        with Broken(tmp_path / "a.wav") as file:
            yield file

    path = tmp_path / "a.wav"
    local = long_recording_of(Recording(str(path), os.fsencode(path)), settings, 60)
    cut, stop = cutters()
    monkeypatch.setattr(cutter, "open_parted", broken)
    found = cut.listen(local, 1)
    assert stop.reason() is None
    assert isinstance(found, Failure)
    assert (found.stage.value, found.code, found.retryable) == ("read", "ReadFailed", True)


def test_checksums_of_gigabytes_end_soon_when_the_run_is_stopped(long, cutters, monkeypatch):
    cut, stop = cutters()
    read, asked = Objects.read, []

    def slow(objects: Objects, *words: object) -> bytes:
        asked.append(words)
        stop.stop(StopReason("Signal", "enough"))
        return read(objects, *words)

    monkeypatch.setattr(Objects, "read", slow)
    monkeypatch.setattr("transforms.object_file._IN_ORDER_BYTES", 256 << 10)
    monkeypatch.setattr(cutter, "_CHECKED_BYTES", 256 << 10)
    assert cut.check(long) is None
    assert len(asked) < 5


def test_a_stop_while_a_process_waits_for_a_block_ends_soon_and_leaves_nothing(long, cutters, monkeypatch):
    cut, stop = cutters(isolated=True)
    before = open_files()
    assert isinstance(cut.listen(long, 0), ChapterHeard)
    bring = ObjectFile.bring

    def slow(file: ObjectFile, number: int) -> None:
        stop.stop(StopReason("Signal", "enough"))
        bring(file, number)

    monkeypatch.setattr(ObjectFile, "bring", slow)
    began = time.monotonic()
    assert cut.listen(long, 1) is None
    assert time.monotonic() - began < 5
    cut.close()
    assert open_files() <= before + 1  # of the stop signal


def test_an_object_that_changed_since_its_header_was_read_is_a_failure(long, cutters):
    cut, stop = cutters()
    content = Objects(URI).read("")
    Objects(URI).put("", content[:-2] + b"!!")
    for found in (cut.listen(long, 1), cut.check(long)):
        assert isinstance(found, Failure)
        assert "it changed while it was read" in found.message
        assert found.retryable
    assert stop.reason() is None
    Objects(URI).put("", content)
    assert isinstance(cut.check(long), Checked)


@pytest.mark.parametrize("block_bytes", [1 << 18, 100_003])
def test_blocks_of_any_size_and_a_store_that_fails_now_and_then_change_nothing(
    s3, long, cutters, monkeypatch, block_bytes
):
    cut, stop = cutters(isolated=True)
    # To a process of its own, where chapters have their usual length, the first is all.
    heard = cut.listen(long, 0)
    assert isinstance(heard, ChapterHeard)
    monkeypatch.setattr("transforms.source.BLOCK_BYTES", block_bytes)
    with fault_proxy(s3.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert cut.listen(long, 0) == heard
        assert len(proxy.requests) > 10
    assert stop.reason() is None


def test_a_header_takes_two_requests(s3, long, settings, monkeypatch):
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert long_recording_of(long.recording, settings, 60) == long
        assert [each.split()[0] for each in proxy.requests] == ["HEAD", "GET"]


def test_an_mp3_is_walked_once_in_order_and_only_if_it_may_be_long(
    s3, tmp_path, settings, cutters, monkeypatch
):
    for module in (chapters, speech_chapters):
        monkeypatch.setattr(module, "CHAPTER_SECONDS", 40)
    uri, data = f"s3://{BUCKET}/long.mp3", mp3("varying", RATE, 65.0)
    objects = Objects(uri)
    objects.put("", data)
    (tmp_path / "a.mp3").write_bytes(data)
    recording = Recording(uri, uri.encode(), mark=objects.mark(""))
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert long_recording_of(recording, settings, 66) is None
        assert [each.split()[0] for each in proxy.requests] == ["HEAD", "GET"]
        found = long_recording_of(recording, settings, 60)
        # Its header, and then all of it: a megabyte in one request, and where it ends again.
        assert [each.split()[0] for each in proxy.requests[2:]] == ["HEAD", "GET", "HEAD", "GET", "GET"]
        local = long_recording_of(Recording("a.mp3", os.fsencode(tmp_path / "a.mp3")), settings, 60)
        assert found is not None
        assert found.chapters == local.chapters
        monkeypatch.setattr("transforms.source.BLOCK_BYTES", 1 << 16)
        cut, _ = cutters()
        heard = cut.listen(found, 1)
        assert isinstance(heard, ChapterHeard)
        assert heard == cut.listen(local, 1)
        got = [each for each in proxy.requests[7:] if each.startswith("GET")]
        assert len(got) < len(data) / (1 << 16)
    assert isinstance(cut.check(found), Checked)


@pytest.mark.parametrize(
    ("ending", "make"), [("opus", opus), ("m4a", aac), ("m4a", lambda: tables_in_front(aac()))]
)
def test_of_ogg_and_m4a_a_chapter_fetches_what_it_needs(
    s3, tmp_path, settings, cutters, monkeypatch, ending, make
):
    for module in (chapters, speech_chapters):
        monkeypatch.setattr(module, "CHAPTER_SECONDS", 40)
    uri, data = f"s3://{BUCKET}/long.{ending}", make()
    objects = Objects(uri)
    objects.put("", data)
    path = tmp_path / "a"
    path.write_bytes(data)
    recording = Recording(uri, uri.encode(), mark=objects.mark(""))
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert long_recording_of(recording, settings, 151) is None
        # Of Ogg the last page, of m4a the tables, which take a block or two of so small a file.
        assert len(proxy.requests) < 8
        found = long_recording_of(recording, settings, 60)
        local = long_recording_of(Recording("a", os.fsencode(path)), settings, 60)
        assert found is not None
        assert found.chapters == local.chapters
        assert found.chapters.count == 4
        monkeypatch.setattr("transforms.source.BLOCK_BYTES", 1 << 14)
        cut, _ = cutters()
        before = len(proxy.requests)
        heard = cut.listen(found, 3)
        assert isinstance(heard, ChapterHeard)
        assert heard == cut.listen(local, 3)
        got = [each for each in proxy.requests[before:] if each.startswith("GET")]
        # The fourth begins after 120 s of 150; with what a decoder hears before it, 60 to 78 s earlier.
        assert len(got) < 0.85 * len(data) / (1 << 14)
    assert isinstance(cut.check(found), Checked)


def test_a_process_that_asks_for_the_same_block_without_end_is_ended(long, monkeypatch):
    monkeypatch.setattr("transforms.decode_child._END_SECONDS", 0.5)
    pool = DecodePool(stall_seconds=60.0, module="odd_decoders")
    task = replace(long.listen_task(0, CutSettings(EngineChoice("16k_en"), Path())), name="ask again")
    with open_parted(long.recording) as source, pytest.raises(Exception, match="its decoder") as told:
        pool.listen(source, task)
    assert told.value.code == "DecoderCrashed"
    pool.close()


def test_headers_are_not_looked_at_when_the_run_is_stopped(long, settings, monkeypatch):
    looked = threading.Event()
    monkeypatch.setattr("transforms.long_recordings.long_recording_of", lambda *_: looked.set())
    stop = StopSignal(settings.coordination)
    stop.stop(StopReason("Signal", "enough"))
    tell = TellLongOnesFn(settings, ChapterPolicy(60, 4))
    tell.setup()
    tell.start_bundle()
    handed_on = [*tell.process(long.recording, MIN_TIMESTAMP, GlobalWindow()), *tell.finish_bundle()]
    tell.teardown()
    stop.close()
    assert [each.value for each in handed_on] == [long.recording]
    assert not looked.is_set()
