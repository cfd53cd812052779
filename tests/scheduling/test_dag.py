"""The example DAG, imported and run by Airflow itself. ``make test-airflow`` sets it up."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY
from pytest_beamscribe import StartService

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "docs" / "examples" / "scheduling"
RECORDINGS = ROOT / "tests" / "recordings"

# What Airflow starts: the command against the service of the test, with options of one run.
PROGRAM = """#!/bin/sh
cd {root}
{before}
exec {python} -m pipeline "$@" --set recognition.engine=16k_en --set recognition.endpoint={endpoint} {options}
"""


@pytest.fixture
def airflow(tmp_path: Path) -> list[str]:
    """Airflow's own Python and a database for it; skips where Airflow was not set up."""
    if "AIRFLOW_PYTHON" not in os.environ:
        pytest.skip("make test-airflow sets Airflow up and runs this")
    python = os.environ["AIRFLOW_PYTHON"]
    migrate = [python, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=environment_of(tmp_path), check=True, capture_output=True)
    return [python]


def environment_of(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    keys = {"conn_type": "generic", "login": TEST_SECRET_ID, "password": TEST_SECRET_KEY}
    return {
        **kept,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_BEAMSCRIBE": json.dumps(keys),
    }


def program(path: Path, endpoint: str, *, options: str = "", before: str = "") -> str:
    path.write_text(
        PROGRAM.format(root=ROOT, python=sys.executable, endpoint=endpoint, options=options, before=before)
    )
    path.chmod(0o755)
    return str(path)


def test_each_exit_code_becomes_what_the_page_says(
    airflow: list[str], beamscribe_service: StartService, tmp_path: Path
) -> None:
    service, empty = beamscribe_service(), beamscribe_service(calls_left=0)
    inputs = tmp_path / "in"
    inputs.mkdir()
    for name in ("letter_16k.wav", "broken.mp3"):
        shutil.copyfile(RECORDINGS / name, inputs / name)
    # The account is empty at the first try, and filled up at the second.
    tried = tmp_path / "tried"
    first = f"endpoint={empty.endpoint}; [ ! -e {tried} ] || endpoint={service.endpoint}; touch {tried}"
    right = program(tmp_path / "right", service.endpoint)
    passing = program(tmp_path / "passing", "$endpoint", before=first)
    wrong = program(tmp_path / "wrong", service.endpoint, options="--set recognition.engin=16k_en")
    letter = str(inputs / "letter_16k.wav")
    runs = [
        {"program": right, "input": letter, "output": str(tmp_path / "0")},
        {"program": right, "input": str(inputs), "output": str(tmp_path / "3")},
        {"program": passing, "input": letter, "output": str(tmp_path / "4")},
        {"program": wrong, "input": letter, "output": str(tmp_path / "2")},
    ]
    done = subprocess.run(
        [*airflow, str(Path(__file__).with_name("run_dag.py")), json.dumps(runs)],
        env=environment_of(tmp_path),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    printed = done.stdout + done.stderr
    ended = re.findall(r"^ENDED (\w+) (\d)$", printed, re.MULTILINE)
    assert ended == [("success", "1"), ("success", "1"), ("success", "2"), ("failed", "1")], printed
    assert "finished; what failed is in the table failures" in printed
    assert "UserHasNoAmount" in printed
    assert "did you mean recognition.engine" in printed
    assert TEST_SECRET_KEY not in printed
