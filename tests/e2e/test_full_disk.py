from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.e2e.command import beamscribe, records, rows, settings
from tests.e2e.sounds import some_wavs
from tests.e2e.test_walls import assert_complete, transcribe
from transforms import settle as settling
from transforms.local_logs import LocalLogs


def full_after(entries: int) -> Callable[[int], None]:
    """A disk that takes so many flushes and is full then."""
    lock = threading.Lock()
    left = entries

    def flush(descriptor: int) -> None:
        nonlocal left
        with lock:
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)

    return flush


@pytest.mark.parametrize("entries", [0, 3, 25])
def test_when_answers_can_no_longer_be_kept_the_calls_stop(entries, serve, tmp_path, monkeypatch):
    some_wavs(tmp_path / "in", 40, seconds=0.2)
    service = serve(latency_ms=(30, 30))
    with monkeypatch.context() as patch:
        flush = full_after(entries)
        patch.setattr("transforms.answer_book.LocalLogs", partial(LocalLogs, flush=flush))
        run = transcribe(service, tmp_path, concurrency=4)
    assert run.code == 4
    assert "space" in run.stdout.lower()
    assert records(tmp_path / "out")[-1]["stopped"].startswith("OutputFailed: ")
    stats = service.stats()
    assert stats.calls <= entries + 4
    kept = stats.billed
    assert transcribe(service, tmp_path).code == 0
    stats = service.stats()
    assert stats.billed - stats.distinct_billed_payloads <= 4
    assert stats.billed - kept <= 40
    assert_complete(tmp_path, 40)


def test_nothing_is_called_for_where_answers_cannot_be_kept_at_all(serve, tmp_path, monkeypatch):
    some_wavs(tmp_path / "in", 3)
    service = serve()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.state.os", SimpleNamespace(**{**vars(os), "fsync": full}))
        run = transcribe(service, tmp_path)
    assert run.code == 4
    assert "nothing was called" in run.stderr
    assert service.stats().calls == 0
    assert transcribe(service, tmp_path).code == 0


def test_changed_recordings_have_one_row_after_a_run_whose_output_failed(serve, tmp_path, monkeypatch):
    some_wavs(tmp_path / "in", 4, seconds=0.2)
    service = serve()
    assert transcribe(service, tmp_path).code == 0
    shutil.rmtree(tmp_path / "in")
    some_wavs(tmp_path / "in", 4, seconds=0.5)
    with monkeypatch.context() as patch:
        # A full disk for answers only: what was heard before it is still written.
        patch.setattr("transforms.answer_book.LocalLogs", partial(LocalLogs, flush=full_after(6)))
        assert transcribe(service, tmp_path, concurrency=1).code == 4
    assert transcribe(service, tmp_path).code == 0
    assert_complete(tmp_path, 4, seconds=0.5)


@pytest.mark.parametrize("drops", [1, 2, 3])
@pytest.mark.parametrize("continued_with", ["others", "the old options", "the new options"])
def test_a_kill_while_rows_are_being_replaced_loses_and_doubles_none(
    drops, continued_with, serve, tmp_path, monkeypatch
):
    some_wavs(tmp_path / "in", 4, seconds=0.2)
    service = serve()
    changes = {"output__rows_per_part": 2}
    assert transcribe(service, tmp_path, **changes).code == 0
    left = drops

    def drop_and_be_killed(*arguments: object) -> settling.Settled:
        nonlocal left
        settled = _drop(*arguments)
        left -= settled.rows_dropped > 0
        if left == 0:
            raise KeyboardInterrupt
        return settled

    _drop = settling._drop
    with monkeypatch.context() as patch:
        patch.setattr(settling, "_drop", drop_and_be_killed)
        assert transcribe(service, tmp_path, word_info=0, **changes).code != 0
    if continued_with == "others":
        some_wavs(tmp_path / "more", 1)
        given = ["run", "--input", tmp_path / "more", "--output", tmp_path / "out", *settings(service)]
        assert beamscribe(*given).code == 0
        for table in ("segments", "transcripts"):
            names = [Path(row["audio_uri"]).name for row in rows(tmp_path / "out", table)]
            assert sorted(names) == ["000.wav", "000.wav", "001.wav", "002.wav", "003.wav"], table
        return
    word_info = 1 if continued_with == "the old options" else 0
    assert transcribe(service, tmp_path, word_info=word_info).code == 0
    assert_complete(tmp_path, 4)
    assert all(bool(row["words"]) is bool(word_info) for row in rows(tmp_path / "out", "segments"))
    assert service.stats().billed == 8


def test_no_call_is_made_that_cannot_be_counted(serve, tmp_path, monkeypatch):
    some_wavs(tmp_path / "in", 3, seconds=0.2)
    service = serve()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("transforms.budget.os", SimpleNamespace(pread=os.pread, pwrite=full))
        run = transcribe(service, tmp_path)
    assert run.code == 4
    assert "count of paid calls" in run.stdout + run.stderr
    assert service.stats().calls == 0
    assert transcribe(service, tmp_path).code == 0
    assert_complete(tmp_path, 3)
