from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.corpus import make_recordings, sound
from benchmarks.processes import tree_memory

REPOSITORY = Path(__file__).resolve().parent.parent

REFERENCES = {
    "client_cpu": ["the floor (reference)", "official SDK (reference)"],
    "encode": ["wav (reference)"],
    "memory": ["wav: 2 x 5 min (reference)", "of 400 MiB"],
    "rate": ["the quota (reference)", "one call at a time (reference)"],
    "record_cost": ["no record (reference)"],
    "rerun": ["listing alone s"],
}
ROWS = {
    "client_cpu": ["240,000 bytes", "1,888,044 bytes"],
    "encode": ["mp3", "ogg-opus", "At 600,000 bytes auto sends", "At 2,250,000 bytes auto sends"],
    "memory": ["wav: 2 x 5 min (reference)", "wav: 4 x 5 min"],
    "rate": ["one call at a time (reference)", "the job, 48 calls"],
    "record_cost": ["recorded before it is handed on"],
    "rerun": ["       300 ", "     3,000 "],
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_prints_its_figures_beside_their_references(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--quick"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr
    for reference in REFERENCES[name]:
        assert reference in ran.stdout
    for row in ROWS[name]:
        (line,) = [line for line in ran.stdout.splitlines() if line.startswith(row)]
        assert any(letter.isdigit() for letter in line.removeprefix(row))


def test_no_two_recordings_share_a_piece(tmp_path: Path) -> None:
    make_recordings(tmp_path / "in", 2, 61.0, kind="flac")
    assert len(list((tmp_path / "in").iterdir())) == 2
    first, second = sound(2.0, seed=1), sound(2.0, seed=2)
    assert np.mean(first == second) < 0.5
    assert np.array_equal(first, sound(2.0, seed=1))


def test_memory_counts_a_process_with_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with_child = tree_memory(os.getpid())
        alone = tree_memory(child.pid)
        child.kill()
    assert with_child.processes >= 2
    assert with_child.rss_bytes > alone.rss_bytes > 0
    assert with_child.high_water_bytes >= alone.high_water_bytes > 0
    assert tree_memory(child.pid).processes == 0
