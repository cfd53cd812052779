from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.outcome import ExitCode
from pipeline.streams import print_out, say

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def full(monkeypatch):
    def break_stream(name: str) -> None:
        stream = Path("/dev/full").open("w")  # noqa: SIM115
        monkeypatch.setattr(sys, name, stream)

    return break_stream


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_exit_code_and_no_number_of_theirs_is_taken(closed):
    program = (
        "import os; from pipeline.cli import main; from pipeline.streams import prepare_streams\n"
        "prepare_streams(); assert os.open('setup.py', os.O_RDONLY) > 2\n"
        "main(['run', '--config', 'demoo'])"
    )
    ran = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, program],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, capture_output=True,
    )  # fmt: skip
    assert ran.returncode == ExitCode.USAGE, ran.stderr


def test_tables_that_a_full_disk_does_not_take_are_no_failure_and_it_is_said(full, capsys):
    full("stdout")
    print_out(lambda console: console.print("a table"))
    sys.stdout.flush()  # as Python does at its end
    assert "Standard output cannot be written" in capsys.readouterr().err


def test_what_standard_error_does_not_take_is_no_failure(full):
    full("stderr")
    say("a message")


def test_a_reader_who_has_read_enough_is_no_failure(monkeypatch, capsys):
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(sys, "stdout", os.fdopen(writing, "w"))
    print_out(lambda console: console.print("a table"))
    sys.stdout.flush()
    assert capsys.readouterr().err == ""
