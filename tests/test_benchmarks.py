from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.corpus import make_recordings, sound
from benchmarks.media import FORMATS, Format, make_media
from benchmarks.processes import tree_memory
from transforms.decode import open_decoder
from transforms.samples import floats_of

REPOSITORY = Path(__file__).resolve().parent.parent

REFERENCES = {
    "client_cpu": ["the floor (reference)", "official SDK (reference)"],
    "cores": ["one (reference)"],
    "decode": ["soundfile + soxr (reference)", "ffmpeg (reference)", "of the better"],
    "encode": ["wav (reference)"],
    "manifests": ["plain reading", "csv, 1,000 rows (reference)", "of smallest"],
    "memory": ["wav: 2 x 5 min (reference)", "of 400 MiB"],
    "plan_sample": ["plain sample (reference)"],
    "rate": ["the quota (reference)", "one call at a time (reference)"],
    "reading": ["50 (reference) s"],
    "record_cost": ["no record (reference)"],
    "rerun": ["listing alone s"],
    "scale": ["segments (reference)", "Computed, not run"],
    "shared_quota": ["one run alone (reference)"],
    "short_files": ["ffmpeg (reference)"],
    "whole_run": ["wav 44.1 kHz stereo: ffmpeg (reference)"],
}
ROWS = {
    "client_cpu": ["240,000 bytes", "1,888,044 bytes"],
    "cores": ["wav 44.1 kHz stereo: ours", "mp3 44.1 kHz stereo: ours", "flac 44.1 kHz stereo: ours"],
    "decode": [kind.name for kind in FORMATS],
    "encode": ["mp3", "ogg-opus", "At 600,000 bytes auto sends", "At 2,250,000 bytes auto sends"],
    "manifests": ["csv, 10,000 rows", "jsonl, 10,000 rows", "parquet, 10,000 rows"],
    "memory": ["wav: 2 x 5 min (reference)", "wav: 4 x 5 min"],
    "plan_sample": ["log-normal", "no sizes known"],
    "rate": ["one call at a time (reference)", "the job, 48 calls"],
    "reading": ["export jsonl,csv", "export srt", "evaluate", "report"],
    "record_cost": ["recorded before it is handed on"],
    "rerun": ["       300 ", "     3,000 "],
    "scale": [
        "left by 30",
        "10,000 segments: open the record",
        "10,000 segments: hashes and addresses of settle",
        "10,000 segments: count their rows with pyarrow",
        "10,000 segments: addresses in FnApiRunner",
    ],
    "shared_quota": ["4 runs, shared", "4 processes, permits only"],
    "short_files": [kind.name for kind in FORMATS],
    "whole_run": ["wav 44.1 kHz stereo: silero", "wav 44.1 kHz stereo: energy"],
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(ROWS))
def test_prints_its_figures_beside_their_references(name: str) -> None:
    if name == "shared_quota" and shutil.which("redis-server") is None:
        pytest.skip("no redis-server on PATH")
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


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_media_are_of_their_format_and_no_two_alike(kind: Format, tmp_path: Path) -> None:
    paths = make_media(tmp_path / "in", kind, 2, 1.5)
    decoded = []
    for path in paths:
        with path.open("rb") as stream, open_decoder(stream, path.name) as decoder:
            assert (decoder.sample_rate, decoder.channels) == (kind.sample_rate, kind.channels)
            decoded.append(np.concatenate([floats_of(block.copy()) for block in decoder.blocks()]))
            assert decoder.damage is None
    # Encoders add silence at the ends.
    assert all(1.5 <= len(samples) / kind.sample_rate < 1.6 for samples in decoded)
    assert all(np.abs(samples).max() > 0.01 for samples in decoded)
    first, second = (samples[: kind.sample_rate] for samples in decoded)
    assert not np.array_equal(first, second)


def test_memory_counts_a_process_with_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with_child = tree_memory(os.getpid())
        alone = tree_memory(child.pid)
        child.kill()
    assert with_child.processes >= 2
    assert with_child.rss_bytes > alone.rss_bytes > 0
    assert with_child.high_water_bytes >= alone.high_water_bytes > 0
    assert tree_memory(child.pid).processes == 0


def test_a_process_that_is_only_forked_yet_is_not_counted_beside_its_parent():
    script = "import os, sys; forked = os.fork(); print(flush=True) if forked else None; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        assert tree_memory(child.pid).processes == 1
        child.stdin.close()
