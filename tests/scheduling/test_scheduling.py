"""The files of docs/examples/scheduling do what the page says: the wrapper is run, the units are verified."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config_load import load
from pipeline.outcome import ExitCode
from pipeline.state import held, lock_folder, state_folder
from pytest_beamscribe import StartService

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "scheduling.md"
FILES = ROOT / "docs" / "examples" / "scheduling"
RECORDINGS = ROOT / "tests" / "recordings"
LETTER = RECORDINGS / "letter_16k.wav"


@pytest.fixture
def folder(beamscribe_credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Has the program as the wrapper calls it, and a place for its log and output."""
    program = tmp_path / "beamscribe"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pipeline "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("BEAMSCRIBE", str(program))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def nightly(folder: Path, endpoint: str, *inputs: Path) -> subprocess.CompletedProcess[str]:
    given = [f"--input={path}" for path in inputs]
    settings = [f"--set=recognition.endpoint={endpoint}", "--set=recognition.engine=16k_en"]
    command = ["sh", FILES / "nightly.sh", folder / "log", *given, f"--output={folder / 'out'}", *settings]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_good_night_is_silent_and_so_is_one_with_failures_of_its_own(
    folder: Path, beamscribe_service: StartService
) -> None:
    endpoint = beamscribe_service().endpoint
    for inputs in ([LETTER], [LETTER, RECORDINGS / "broken.mp3"]):
        done = nightly(folder, endpoint, *inputs)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / "log").read_text().count("Finished; some recordings failed") == 1


def test_a_stopped_night_says_so_and_the_next_one_continues(
    folder: Path, beamscribe_service: StartService
) -> None:
    done = nightly(folder, beamscribe_service(calls_left=0).endpoint, LETTER)
    assert done.returncode == ExitCode.STOPPED
    assert done.stdout.startswith("Stopped before the end; what was paid for is kept")
    assert "UserHasNoAmount" in (folder / "log").read_text()
    assert nightly(folder, beamscribe_service().endpoint, LETTER).returncode == ExitCode.DONE


def test_a_second_run_ends_by_itself_and_says_who_is_at_work(folder: Path) -> None:
    output = str(folder / "out")
    with held(lock_folder(output, state_folder(output, None)), "the-first"):
        done = nightly(folder, "http://127.0.0.1:9", LETTER)
    assert done.returncode == ExitCode.USAGE
    assert done.stdout.startswith("Not started: wrong usage or configuration, or another run")
    assert "Another run is writing to this output: run the-first" in (folder / "log").read_text()


def test_what_nobody_thought_of_keeps_its_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEAMSCRIBE", "/no/such/program")
    done = nightly(folder, "http://127.0.0.1:9", LETTER)
    assert (done.returncode, "exit code 127" in done.stdout) == (127, True)


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(FILES / name, "utf-8")
    return parser


def test_the_service_knows_every_exit_code() -> None:
    service = unit("beamscribe.service")["Service"]
    repeated = set(ExitCode) - {ExitCode.DONE}
    for key in ("SuccessExitStatus", "RestartPreventExitStatus"):
        repeated -= {ExitCode(int(code)) for code in service[key].split()}
    assert (service["Restart"], repeated) == ("on-failure", {ExitCode.STOPPED})


def test_the_service_waits_a_minute_longer_than_a_call_may_take() -> None:
    service = unit("beamscribe.service")["Service"]
    (name,) = re.findall(r"--config (\S+)", service["ExecStart"])
    assert int(service["TimeoutStopSec"]) == load(name).config.recognition.timeout_seconds + 60


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for name in ("beamscribe.service", "beamscribe.timer"):
        text = (FILES / name).read_text("utf-8")
        # It looks whether the program is there.
        (tmp_path / name).write_text(text.replace("/opt/beamscribe/bin/beamscribe", sys.executable))
    units = sorted(tmp_path.iterdir())
    verify = ["systemd-analyze", "verify", "--man=no", *units]
    done = subprocess.run(verify, capture_output=True, text=True, timeout=60, check=False)
    about_ours = [line for line in done.stderr.splitlines() if "beamscribe" in line]
    assert (done.returncode, about_ours) == (0, []), done.stderr


def test_the_page_shows_the_files_as_they_are() -> None:
    page = PAGE.read_text("utf-8")
    for path in FILES.iterdir():
        if path.is_file():
            assert f"\n{path.read_text('utf-8')}```\n" in page, path.name


def test_the_lines_of_the_crontab_are_commands(tmp_path: Path) -> None:
    lines = (FILES / "crontab").read_text("utf-8").splitlines()
    (line,) = (line for line in lines if re.match(r"\d", line))
    command = line.split(maxsplit=5)[5]
    assert "%" not in command, "cron takes it for the end of the line"
    subprocess.run(["sh", "-n", "-c", command], check=True)
    assert os.access(FILES / "nightly.sh", os.X_OK)
