from __future__ import annotations

import gc
import multiprocessing
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from transforms.stopping import StopReason, StopSignal


def test_the_first_reason_stays_and_everybody_sees_it(tmp_path):
    first, second = StopSignal(tmp_path), StopSignal(tmp_path)
    assert first.reason() is None
    first.stop(StopReason("AuthFailure.SecretIdNotFound", "wrong id"))
    second.stop(StopReason("Other", "later"))
    assert second.reason() == first.reason() == StopReason("AuthFailure.SecretIdNotFound", "wrong id")


def test_who_stops_alone_stops_nobody_else(tmp_path):
    alone, other = StopSignal(tmp_path), StopSignal(tmp_path)
    alone.stop_here(StopReason("BundleBroke", "first"))
    alone.stop_here(StopReason("Other", "later"))
    assert alone.reason() == StopReason("BundleBroke", "first")
    assert other.reason() is None


def test_another_process_sees_it(tmp_path):
    code = "from pathlib import Path; from transforms.stopping import StopSignal, StopReason; "
    code += f"StopSignal(Path({str(tmp_path)!r})).stop(StopReason('Code', 'long ' * 5000))"
    subprocess.run([sys.executable, "-c", code], check=True)
    reason = StopSignal(tmp_path).reason()
    assert reason is not None
    assert reason.code == "Code"
    assert reason.message.startswith("long long")


def test_a_signal_on_a_full_disk_is_known_to_this_process_and_does_not_raise(tmp_path):
    StopSignal(tmp_path / "gone").stop(StopReason("OutputFailed", "disk full"))
    assert StopSignal(tmp_path / "gone").reason() == StopReason("OutputFailed", "disk full")


def test_a_prepared_signal_needs_no_further_room(tmp_path, monkeypatch):
    signal = StopSignal(tmp_path)
    signal.prepare()
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    signal.stop(StopReason("Code", "told to"))
    assert {path.stat().st_ino for path in tmp_path.iterdir()} == {(tmp_path / "stop.json").stat().st_ino}
    assert (tmp_path / "stop.json").stat().st_size == size
    signal.close()
    assert StopSignal(tmp_path).reason() == StopReason("Code", "told to")


def test_waiting_ends_soon_after_the_stop(tmp_path):
    slept = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds
        if len(slept) == 3:
            StopSignal(tmp_path).stop(StopReason("Interrupted", "told to"))

    signal = StopSignal(tmp_path, clock=lambda: now[0], sleep=sleep)
    signal.wait(60.0)
    assert len(slept) == 3


def test_waiting_lasts_as_long_as_asked_while_nothing_stops(tmp_path):
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    StopSignal(tmp_path, clock=lambda: now[0], sleep=sleep).wait(1.5)
    assert abs(now[0] - 1.5) < 1e-9


def hold_and_wait(folder):
    held = StopSignal(folder).watch_over()
    (folder / "holding").touch()
    time.sleep(600)
    held.close()


def test_workers_stop_when_the_launcher_is_gone(tmp_path):
    launcher = multiprocessing.get_context("spawn").Process(target=hold_and_wait, args=(tmp_path,))
    launcher.start()
    while not (tmp_path / "holding").exists():
        time.sleep(0.01)
    worker = StopSignal(tmp_path)
    assert worker.reason() is None
    assert worker.reason() is None
    launcher.kill()
    launcher.join()
    reason = worker.reason()
    assert reason is not None
    assert reason.code == "LauncherGone"
    worker.close()


def test_the_launcher_itself_is_not_gone_while_it_lives(tmp_path):
    held = StopSignal(tmp_path).watch_over()
    assert StopSignal(tmp_path).reason() is None
    held.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux tells what files are open")
def test_signals_of_many_threads_and_bundles_leave_no_open_file(tmp_path):
    held = StopSignal(tmp_path).watch_over()
    before = open_files(tmp_path)
    for _ in range(10):
        stop, gate = StopSignal(tmp_path), threading.Barrier(8)
        with ThreadPoolExecutor(8) as threads:
            for _ in range(8):
                threads.submit(lambda stop, gate: (gate.wait(30), stop.reason()), stop, gate)
        assert open_files(tmp_path) == before + 1
        del stop
    assert open_files(tmp_path) == before
    held.close()


def open_files(folder: Path) -> int:
    """Of this process, beneath a folder: what other tests have left to the collector is not counted."""
    gc.collect()
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            found += descriptor.readlink().is_relative_to(folder)
    return found
