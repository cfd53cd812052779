from __future__ import annotations

import errno
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from transforms.chapter_work import ChapterHeard, ListenTask
from transforms.chapters import Chapters
from transforms.chosen import ChannelChoice
from transforms.cut_source import CutTask, SourceCut, cut_source
from transforms.cuts import CutPolicy
from transforms.decode_pool import DecodePool
from transforms.errors import RecordingError
from transforms.outline import Outline

RATE = 16_000
RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
OnLinux = pytest.mark.skipif(sys.platform != "linux", reason="of Linux")


def task_of(name: str, channels: ChannelChoice | None = None) -> CutTask:
    policy = CutPolicy.for_rate(RATE, max_samples=20 * RATE)
    return CutTask(name, RATE, channels or ChannelChoice.mix(), policy, "energy", 24.0)


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).integers(-900, 900, RATE).astype(np.int16), RATE)
    return path


Pools = Callable[..., DecodePool]


@pytest.fixture
def pools() -> Iterator[Pools]:
    """Makes pools of odd decoders."""
    made: list[DecodePool] = []

    def make(**options: object) -> DecodePool:
        made.append(DecodePool(**{"stall_seconds": 60.0, "module": "odd_decoders", **options}))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def ask(pool: DecodePool, path: Path, task: CutTask) -> SourceCut:
    with path.open("rb", buffering=0) as source:
        return pool.cut(source, task)


def told(pool: DecodePool, path: Path, name: str):
    damage = ask(pool, path, task_of(name)).damage
    assert damage is not None
    return json.loads(damage)


def read(note: Path) -> str:
    return note.read_text() if note.exists() else ""


def is_gone(pid: int) -> bool:
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()[:1] in ("", "Z")


def wait_until(done: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not done() and time.monotonic() < until:
        time.sleep(0.02)
    return done()


def test_a_chapter_of_which_the_decoder_complains_is_not_heard(pools, wav):
    pool = pools()
    chapters = Chapters(Outline(RATE, RATE, 1), RATE, 1)
    for name, heard in (("warn", True), ("conceal", False)):
        task = ListenTask(name, chapters, 0, ChannelChoice.mix(), "energy")
        with wav.open("rb", buffering=0) as source:
            if heard:
                assert isinstance(pool.listen(source, task), ChapterHeard)
                continue
            with pytest.raises(RecordingError, match="its decoder reported an error"):
                pool.listen(source, task)


@pytest.mark.parametrize("kind", ["mix", "split"])
def test_a_recording_is_cut_there_as_it_would_be_here(kind, pools):
    pool = pools(module="transforms.decode_process")
    for path in sorted(RECORDINGS.glob("*_*k*")):
        task = task_of(str(path), ChannelChoice(kind))
        there = ask(pool, path, task)
        with path.open("rb", buffering=0) as source:
            here = cut_source(source, task)
        assert (there.checked, there.damage, there.failure) == (here.checked, here.damage, None)
        assert here.channels
        for one, other in zip(there.channels, here.channels, strict=True):
            assert one.segments == other.segments
            assert (one.number, one.total_samples, one.speech_samples, one.digests) == (
                other.number,
                other.total_samples,
                other.speech_samples,
                other.digests,
            )
            assert [one.hold.read(piece.own) for piece in one.segments] == [
                other.hold.read(piece.own) for piece in other.segments
            ]


def test_what_cannot_be_decoded_comes_back_with_its_checksum(pools):
    path = RECORDINGS / "broken.mp3"
    there = ask(pools(), path, task_of("caf\\xE9 ' \".mp3"))
    assert there.checked.size_bytes == path.stat().st_size
    assert there.failure is not None
    assert there.failure.code == "NotAudio"
    assert "caf\\xE9 ' \".mp3" in there.failure.message


@OnLinux
def test_bytes_that_cannot_be_read_are_an_error_of_reading(pools):
    # Nothing is mapped at the start of this file: reading it is an input/output error.
    with pytest.raises(RecordingError, match=r"x\.wav.*Input/output error") as raised:
        ask(pools(), Path("/proc/self/mem"), task_of("x.wav"))
    assert (raised.value.code, raised.value.retryable) == ("ReadFailed", True)


@pytest.mark.parametrize("how", ["hang", "hang natively"])
def test_a_decoder_that_hangs_is_ended_and_the_next_recording_gets_another(how, pools, wav, tmp_path):
    note = tmp_path / "pid"
    # Time stands still until it hangs, and then passes with every look.
    ticks = itertools.count(1)
    pool = pools(stall_seconds=0.05, clock=lambda: float(next(ticks)) if read(note) else 0.0)
    first = told(pool, wav, "process")[0]
    with pytest.raises(RecordingError, match=r"no progress.*stall_seconds.*retry_failed: all") as raised:
        ask(pool, wav, task_of(f"{how}:{note}"))
    error = raised.value
    assert (error.code, error.stage.value, error.retryable) == ("DecoderHung", "decode", False)
    assert read(note) == str(first)
    assert is_gone(first)
    note.unlink()
    assert told(pool, wav, "process")[0] != first


def test_a_stopped_run_waits_for_no_decoder(pools, wav, tmp_path):
    note = tmp_path / "process"
    with pytest.raises(InterruptedError):
        ask(pools(stopped=lambda: read(note) != ""), wav, task_of(f"hang:{note}"))
    assert wait_until(lambda: is_gone(int(read(note))))


def test_signs_of_life_keep_a_slow_decoder_alive(pools, wav):
    ticks = itertools.count(0, 10)
    found = ask(pools(clock=ticks.__next__), wav, task_of("steps"))
    assert found.channels


@pytest.mark.parametrize(
    ("name", "words", "retryable"),
    [
        (f"end by:{int(signal.SIGSEGV)}", "crashed (SIGSEGV)", False),
        (f"end by:{int(signal.SIGABRT)}", "crashed (SIGABRT)", False),
        (f"end by:{int(signal.SIGKILL)}", "out of memory", True),
        ("raise", "exit code 1, ValueError: of a kind that nobody foresaw", False),
    ],
)
def test_a_decoder_that_crashes_costs_its_recording_alone(name, words, retryable, pools, wav):
    pool = pools()
    for _ in range(2):
        found = ask(pool, wav, task_of(name))
        assert found.failure is not None
        assert found.failure.code == "DecoderCrashed"
        assert (words in found.failure.message, found.failure.retryable) == (True, retryable)
        assert found.checked.size_bytes == wav.stat().st_size
        assert len(ask(pool, wav, task_of("a.wav")).channels) == 1


def test_a_module_that_does_not_start_says_why(pools, wav):
    found = ask(pools(module="no_such_module"), wav, task_of("a.wav"))
    assert found.failure is not None
    assert "No module named no_such_module" in found.failure.message


@OnLinux
def test_memory_has_a_limit(pools, wav):
    pool = pools()
    first = told(pool, wav, "process")[0]
    with pytest.raises(RecordingError, match="2 GiB") as raised:
        ask(pool, wav, task_of("memory"))
    assert (raised.value.code, raised.value.retryable) == ("DecoderOutOfMemory", False)
    assert told(pool, wav, "process")[0] != first


def test_a_full_disk_is_an_error_of_the_system(pools, wav):
    with pytest.raises(OSError, match="No space left") as raised:
        ask(pools(), wav, task_of("full"))
    assert raised.value.errno == errno.ENOSPC


def test_an_idle_process_that_was_killed_is_replaced(pools, wav):
    pool = pools()
    first = told(pool, wav, "process")[0]
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: is_gone(first))
    assert told(pool, wav, "process")[0] != first


def test_signals_for_the_parent_do_not_end_it(pools, wav):
    assert ask(pools(), wav, task_of("ignored")).failure is None


def test_chatter_of_decoders_goes_to_the_debug_log(pools, wav, caplog, capfd):
    with caplog.at_level(logging.DEBUG, "transforms.decode_child"):
        ask(pools(), wav, task_of("talk"))
        ask(pools(), wav, task_of("quiet"))
    [record] = caplog.records
    assert record.levelno == logging.DEBUG
    assert "a complaint" in record.getMessage()
    assert capfd.readouterr() == ("", "")


def test_what_a_decoder_only_prints_is_damage_all_the_same(pools, wav):
    damage = ask(pools(), wav, task_of("conceal")).damage
    assert damage == "the decoder reported an error: dequantization failed!"
    assert ask(pools(), wav, task_of("warn")).damage is None


def test_two_recordings_are_decoded_at_once(pools, wav, tmp_path):
    pool = pools()
    one, other = tmp_path / "one", tmp_path / "other"
    with ThreadPoolExecutor(2) as threads:
        met = threads.map(lambda name: told(pool, wav, name), [f"meet:{one}:{other}", f"meet:{other}:{one}"])
        assert list(met) == [True, True]


def test_a_thread_keeps_its_process_until_the_pool_is_closed(pools, wav):
    pool = pools()
    pids = {told(pool, wav, "process")[0] for _ in range(5)}
    assert len(pids) == 1
    pool.close()
    assert all(map(is_gone, pids))


def test_a_process_is_renewed_after_so_much_sound(pools, wav):
    pool = pools(renewed_after_hours=1.5 / 3600)
    pids = []
    for _ in range(4):
        pids.append(told(pool, wav, "process")[0])
        assert ask(pool, wav, task_of("a second.wav")).channels[0].total_samples == RATE
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert is_gone(pids[0])


def test_nothing_is_left_open_over_many_recordings(pools, wav):
    pool = pools()

    def go_on(recordings: int) -> tuple[int, int]:
        for number in range(recordings):
            ask(pool, wav if number % 2 else RECORDINGS / "broken.mp3", task_of("a.wav"))
        return told(pool, wav, "process")[1], len(list(Path("/dev/fd").iterdir()))

    assert go_on(10) == go_on(200)


def test_crashes_leave_nothing_open_and_no_zombies(pools, wav):
    pool = pools()

    def crash() -> int:
        for _ in range(3):
            ask(pool, wav, task_of("end by:9"))
        return len(list(Path("/dev/fd").iterdir()))

    assert crash() == crash()
    listed = subprocess.run(["ps", "-A", "-o", "ppid=,stat="], capture_output=True, text=True, check=True)
    states = [line.split()[1] for line in listed.stdout.splitlines() if line.split()[0] == str(os.getpid())]
    assert not any(state.startswith("Z") for state in states)


def test_it_imports_nothing_of_beam_or_the_network(pools, wav):
    modules = {name.partition(".")[0] for name in told(pools(), wav, "modules")}
    assert {"soundfile", "soxr", "numpy"} <= modules
    assert not modules & {"apache_beam", "pyarrow", "pydantic", "urllib3", "http", "ssl", "pipeline"}


def test_it_knows_no_secrets(pools, wav, monkeypatch):
    for name in ("TENCENTCLOUD_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    environment = told(pools(), wav, "environment")
    assert "secret" not in environment.values()
    assert environment["LC_ALL"] == "C.UTF-8"


def test_modules_of_the_working_folder_are_not_taken_for_its_own(pools, wav, tmp_path, monkeypatch):
    (tmp_path / "soundfile.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    assert ask(pools(), wav, task_of("a.wav")).failure is None


@pytest.mark.parametrize("how", ["hang natively", "hang elsewhere"])
def test_it_ends_with_a_parent_that_is_killed_even_while_it_hangs(how, wav, tmp_path):
    note = tmp_path / "pid"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(wav), f"{how}:{note}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert wait_until(lambda: read(note) != "")
    child = int(read(note))
    assert not is_gone(child)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: is_gone(child))


PARENT = """
import sys
from pathlib import Path
from test_decode_pool import ask, task_of
from transforms.decode_pool import DecodePool
ask(DecodePool(stall_seconds=600.0, module="odd_decoders"), Path(sys.argv[1]), task_of(sys.argv[2]))
"""
