from __future__ import annotations

import errno
import io
import json
from pathlib import Path

import pytest

from pipeline import watch_options
from pipeline.watch_options import WatchOptions, watchers
from tests.pipeline.progress_samples import CONFIG, ENDED, STARTED, progress_at
from transforms.errors import UsageError


def told_by(options: WatchOptions) -> None:
    with watchers(options) as watcher:
        watcher.started(STARTED, "out", CONFIG)
        watcher.progress(progress_at(1, calls=3))
        watcher.ended(ENDED)


def test_without_a_terminal_there_are_lines(capsys):
    told_by(WatchOptions())
    assert "recordings 0 of 0 so far" in capsys.readouterr().err


def test_on_a_terminal_there_is_a_display_unless_it_can_show_none(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for term, expected in (("xterm-256color", True), ("dumb", False)):
        terminal = Terminal()
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr(watch_options.sys, "stderr", terminal)
        told_by(WatchOptions())
        assert ("Transcribed" in terminal.getvalue()) == expected


def test_quiet_shows_nothing_and_logs_all_the_same(capsys, tmp_path):
    told_by(WatchOptions(json_log=str(tmp_path / "log"), quiet=True))
    told_by(WatchOptions(json_log=str(tmp_path / "log"), quiet=True))
    assert capsys.readouterr().err == ""
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert events == ["run_started", "progress", "run_ended"] * 2


def test_on_standard_error_there_are_events_alone(capsys):
    told_by(WatchOptions(json_log="-"))
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == [
        "run_started",
        "progress",
        "run_ended",
    ]


@pytest.mark.parametrize("path", ["gone/log", "", "."])
def test_a_log_that_cannot_be_written_is_said_before_anything_starts(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"--json-log .*cannot be written"), watchers(WatchOptions(path)):
        pytest.fail("started")


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError("another run"), 2), (RuntimeError("odd"), 1), (KeyboardInterrupt(), 1)]
)
def test_an_error_ends_the_log_and_is_passed_on(error, code, tmp_path):
    path = tmp_path / "log"
    with pytest.raises(type(error)), watchers(WatchOptions(str(path), quiet=True)):
        raise error
    [end] = [json.loads(line) for line in path.read_text().splitlines()]
    assert (end["event"], end["exit_code"]) == ("run_ended", code)
    assert type(error).__name__ in end["stopped"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_log_on_a_full_disk_does_not_fail_the_run_and_is_said(caplog):
    told_by(WatchOptions(json_log="/dev/full", quiet=True))
    assert "--json-log /dev/full lacks events" in caplog.text


def test_a_terminal_that_has_gone_does_not_fail_the_run(monkeypatch):
    class Gone(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, _: str) -> int:
            raise OSError(errno.EIO, "gone")

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(watch_options.sys, "stderr", Gone())
    told_by(WatchOptions())


def test_a_terminal_that_goes_meanwhile_does_not_fail_the_run(monkeypatch):
    class Going(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            if "Transcribing" in self.getvalue():
                raise OSError(errno.EIO, "gone")
            return super().write(text)

    terminal = Going()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(watch_options.sys, "stderr", terminal)
    told_by(WatchOptions())
    assert "Transcribing" in terminal.getvalue()
