from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.transforms.log_paths import frames_of, is_written
from transforms.answer_writer import LogWriter
from transforms.folders import OutputError
from transforms.framing import frame
from transforms.local_logs import LocalLogs
from transforms.log_files import Written


def writer_in(folder: Path, flush: Callable[[int], None] = os.fsync) -> LogWriter:
    return LogWriter(LocalLogs(folder, flush=flush), clock_us=lambda: 0)


def payloads(folder: Path) -> list[bytes]:
    return [found.payload for log in sorted(folder.glob("*.log")) for found in frames_of(log)]


class GatedFlush:
    """Lets the test hold the flush of frames back; that of the header passes."""

    def __init__(self) -> None:
        self.calls = 0
        self.reached = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.error: BaseException | None = None

    def __call__(self, descriptor: int) -> None:
        self.calls += 1
        if self.calls == 1:
            return
        self.reached.release()
        assert self.gate.acquire(timeout=30)
        if self.error is not None:
            raise self.error


def waiting(writer: LogWriter, count: int) -> None:
    """Returns when so many threads are inside append."""
    while writer._appending < count:
        threading.Event().wait(0.001)


def test_a_log_is_made_with_the_first_frame(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "answers"
    writer = writer_in(folder)
    assert not folder.exists()
    first, second = writer.append(frame(b"one")), writer.append(frame(b"two"))
    [log] = folder.iterdir()
    assert [found.offset for found in frames_of(log)] == [first.offset, second.offset]
    assert first.log == log.name
    assert payloads(folder) == [b"one", b"two"]
    assert is_written(log)
    writer.close()
    assert not is_written(log)


def test_nothing_is_written_without_a_frame(tmp_path: Path) -> None:
    writer_in(tmp_path / "answers").close()
    assert list(tmp_path.iterdir()) == []


def test_those_who_come_during_a_flush_share_the_next(tmp_path: Path) -> None:
    flush = GatedFlush()
    writer = writer_in(tmp_path, flush)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(writer.append, frame(b"first"))
        assert flush.reached.acquire(timeout=30)
        others = [pool.submit(writer.append, frame(b"%d" % number)) for number in range(8)]
        waiting(writer, 9)
        assert not any(future.done() for future in [first, *others])
        flush.gate.release()
        assert flush.reached.acquire(timeout=30)
        assert first.result(30).offset > 0
        assert not any(future.done() for future in others)
        flush.gate.release()
        offsets = {future.result(30).offset for future in others}
    assert flush.calls == 3  # the header, the first, all others
    assert {found.offset for log in tmp_path.glob("*.log") for found in frames_of(log)} >= offsets
    assert len(offsets) == 8
    writer.close()


def test_a_failed_flush_fails_everybody_and_for_good(tmp_path: Path) -> None:
    flush = GatedFlush()
    writer = writer_in(tmp_path, flush)
    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(writer.append, frame(b"first"))]
        assert flush.reached.acquire(timeout=30)
        futures += [pool.submit(writer.append, frame(b"other")) for _ in range(4)]
        waiting(writer, 5)
        flush.error = OSError(errno.EIO, "Input/output error")
        flush.gate.release()
        for future in futures:
            with pytest.raises(OutputError, match=r"cannot write it .Input/output error"):
                future.result(30)
    with pytest.raises(OutputError, match="Input/output error"):
        writer.append(frame(b"later"))
    assert flush.calls == 2
    writer.close()


def test_a_full_disk_leaves_whole_frames_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = writer_in(tmp_path)
    writer.append(frame(b"kept"))
    [log] = tmp_path.glob("*.log")
    size = log.stat().st_size
    write = os.write

    def full(descriptor: int, data: memoryview) -> int:
        if len(data) <= 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[: len(data) - 7])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match="disk or the quota on it is full"):
        writer.append(frame(b"does not fit"))
    monkeypatch.undo()
    assert log.stat().st_size == size
    with pytest.raises(OutputError, match="full"):
        writer.append(frame(b"later"))
    writer.close()
    assert payloads(tmp_path) == [b"kept"]


def test_a_frame_torn_by_a_full_disk_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the log cannot be cut back."""
    writer = writer_in(tmp_path)
    writer.append(frame(b"kept"))

    [log] = tmp_path.glob("*.log")
    write = os.write

    def torn(descriptor: int, data: memoryview) -> int:
        if len(data) < len(frame(b"torn")):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:9])

    def stuck(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", torn)
    monkeypatch.setattr(os, "ftruncate", stuck)
    with pytest.raises(OutputError):
        writer.append(frame(b"torn"))
    monkeypatch.undo()
    assert log.read_bytes().endswith(frame(b"torn")[:9])
    writer.close()
    other = writer_in(tmp_path)
    other.append(frame(b"after"))
    other.close()
    assert payloads(tmp_path) == [b"kept", b"after"]


def test_a_folder_that_cannot_be_made_is_an_error_for_good(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    writer = writer_in(tmp_path / "file" / "answers")
    for _ in range(2):
        with pytest.raises(OutputError, match="answers: cannot write it"):
            writer.append(frame(b"one"))
    writer.close()


def test_a_thread_that_is_interrupted_leaves_its_batch_to_another(tmp_path: Path) -> None:
    flush = GatedFlush()
    writer = writer_in(tmp_path, flush)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(writer.append, frame(b"first"))
        assert flush.reached.acquire(timeout=30)
        others = [pool.submit(writer.append, frame(b"other")) for _ in range(2)]
        waiting(writer, 3)
        flush.gate.release()
        assert flush.reached.acquire(timeout=30)
        flush.error = KeyboardInterrupt()
        flush.gate.release()
        assert flush.reached.acquire(timeout=30)
        flush.error = None
        flush.gate.release()
        outcomes = [future.exception(30) for future in others]
    assert first.exception() is None
    assert sorted(map(type, outcomes), key=repr) == sorted([type(None), KeyboardInterrupt], key=repr)
    writer.close()
    assert payloads(tmp_path) == [b"first", *[b"other"] * 4]  # the interrupted batch twice


def test_closing_waits_for_those_who_came_and_refuses_others(tmp_path: Path) -> None:
    flush = GatedFlush()
    writer = writer_in(tmp_path, flush)
    with ThreadPoolExecutor(2) as pool:
        adding = pool.submit(writer.append, frame(b"one"))
        assert flush.reached.acquire(timeout=30)
        closing = pool.submit(writer.close)
        while not writer._closed:
            threading.Event().wait(0.001)
        assert not closing.done()
        flush.gate.release()
        assert isinstance(adding.result(30), Written)
        closing.result(30)
    with pytest.raises(OutputError, match="is closed"):
        writer.append(frame(b"two"))


def test_many_threads_lose_and_mix_nothing(tmp_path: Path) -> None:
    flushes = []
    writer = writer_in(tmp_path, lambda descriptor: flushes.append(os.fsync(descriptor)))
    brought = [b"%d " % number * (number % 97) + b"%d" % number for number in range(600)]
    with ThreadPoolExecutor(24) as pool:
        written = list(pool.map(writer.append, map(frame, brought)))
    writer.close()
    [log] = tmp_path.glob("*.log")
    by_offset = {found.offset: found.payload for found in frames_of(log)}
    assert [by_offset[one.offset] for one in written] == brought
    assert len(by_offset) == len(brought)
    assert len(flushes) <= len(brought) + 1
