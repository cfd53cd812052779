from __future__ import annotations

import ctypes
import io
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import main, split_at_dashes
from pipeline.outcome import ExitCode, exit_code_of
from transforms.errors import MissingCredentialsError, UsageError
from transforms.folders import OutputError

ROOT = Path(__file__).resolve().parents[2]


def test_what_follows_the_first_two_dashes_goes_to_beam():
    given = ["run", "--input", "a", "--", "--runner=X", "--", "y"]
    assert split_at_dashes(given) == (["run", "--input", "a"], ("--runner=X", "--", "y"))
    assert split_at_dashes(["run"]) == (["run"], ())
    assert split_at_dashes(["run", "--"]) == (["run"], ())


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("x"), 2), (MissingCredentialsError("x"), 4), (OutputError("x"), 4)],
)
def test_errors_have_their_exit_codes(error, code):
    assert exit_code_of(error) == code


def test_print_config_prints_what_loads_again_and_needs_neither_input_nor_keys(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("TENCENTCLOUD_SECRET_ID", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--print-config", "--set", "recognition.engine=16k_en"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    (tmp_path / "c.yaml").write_text(printed)
    with pytest.raises(SystemExit):
        main(["run", "--print-config", "--config", str(tmp_path / "c.yaml")])
    assert capsys.readouterr().out == printed
    assert "engine: 16k_en" in printed


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["serve", "--help"]])
def test_help_ends_with_0(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "Usage" in capsys.readouterr().out


def test_a_terminal_that_cannot_show_a_message_gets_it_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    with pytest.raises(SystemExit) as ended:
        main(["run", "--config", "配置.yaml"])
    assert ended.value.code == ExitCode.USAGE
    assert b"\\u914d\\u7f6e.yaml" in raw.getvalue()


def test_an_error_message_is_not_taken_for_markup(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--config", "[bold]c[/bold].yaml"])
    assert "[bold]c[/bold].yaml" in capsys.readouterr().err


# Arrow chooses when it is imported: the command has to say so before anything imports it.
ARROW_OF_A_COMMAND = """
import sys
from pipeline.cli import main

try:
    main(["run", "--print-config"])
except SystemExit:
    import pyarrow

    print(pyarrow.default_memory_pool().backend_name, file=sys.stderr)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_a_command_takes_memory_from_one_allocator(monkeypatch):
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    ran = subprocess.run(
        [sys.executable, "-c", ARROW_OF_A_COMMAND], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stderr.splitlines()[-1] == "system"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_under_what_is_printed_ends_in_a_sentence():
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "pipeline", "run", "--print-config"],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert ran.returncode == ExitCode.STOPPED
    assert ran.stderr.startswith("What this command prints could not be written (No space left on device)")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["statsu", "out"], "Did you mean 'status'?"),
        (["status", "out", "--jsn"], "--json"),
        (["export", "out", "--fromat", "srt"], "--format"),
        (
            ["export", "out", "--format", "srtt"],
            "--format 'srtt': expected some of srt, vtt, txt, jsonl, csv",
        ),
        (["export", "out"], "--format: expected some of srt, vtt, txt, jsonl, csv"),
        (["evaluate", "out"], "--references: expected a CSV, JSONL or Parquet file with the columns 'audio'"),
        (["evaluate", "out", "--references", "x.csv", "--worst", "-1"], "--worst -1: expected 0 or more"),
        (["run", "--config", "demoo"], "Did you mean demo?"),
        (["run", "--set", "audio.channels=splitt"], "expected 'mix' or 'split'. Did you mean split?"),
        (["run", "--set", "audio.chanels=split"], "did you mean audio.channels?"),
        (["run", "--input", "tests/recordigns", "--output", "o"], "Did you mean {root}/tests/recordings?"),
        (["run", "--manifest", "setup.pyy", "--output", "o"], "Did you mean {root}/setup.py?"),
        (["run", "a.wav", "b.wav", "--output", "o"], "a.wav and 1 more: no option stands before it"),
        (["serve", "--recognizer", "sfinx"], "Did you mean sphinx?"),
        (["serve", "--port", "99999"], "less than or equal to 65535"),
        (["serve", "--recognizer", "script"], "give --script FILE"),
        (["serve", "--script", "answers.jsonl"], "give --recognizer script as well"),
        (["serve", "--latency-ms", "5", "1"], "--latency-ms 5 1 (latency_ms): expected 0 or more, the lower"),
        (["plan", "--input", "tests", "--seed", "1"], "--seed 1 decides nothing"),
        (["serve", "--fault", "resett=0.1"], "Did you mean reset?"),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_expected_and_the_nearest_choice(
    arguments, said, capsys, monkeypatch
):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == ExitCode.USAGE
    assert said.format(root=ROOT) in capsys.readouterr().err
