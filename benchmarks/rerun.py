"""How long a scheduled run takes when nothing is new: 10,000 and 100,000 finished recordings.

The files exist and the dataset says that they are transcribed; the run lists them,
finds each by address, size and modification mark, reads none and calls nobody. The
reference is listing the folder and asking the disk for each file's mark.

    python -m benchmarks.rerun [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.config_load import load
from pipeline.job_settings import shaping_of
from pipeline.run_record import RunCounts, RunRecord, write_record
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY
from transforms.folders import dataset_folder
from transforms.listing import Sources, list_recordings
from transforms.parts import PartWriter, Rolling, create_dataset
from transforms.records import Status, Transcript
from transforms.rows import transcript_row
from transforms.schemas import Table

RUN_ID = "20260101T000000Z-00000000"
CHECKOUT = Path(__file__).resolve().parents[1]


def make_finished(folder: Path, recordings: int) -> None:
    """Files of a few bytes in folders of a thousand, and the rows that say they are done."""
    corpus, output = folder / "corpus", str(folder / "out")
    for number in range(recordings):
        if number % 1000 == 0:
            (corpus / f"{number // 1000:04}").mkdir(parents=True)
        (corpus / f"{number // 1000:04}" / f"{number:07}.wav").write_bytes(b"RIFF")
    create_dataset(output)
    shaping = shaping_of(load(None).config)
    writer = PartWriter(
        dataset_folder(output, "transcripts"), Table.TRANSCRIPTS, RUN_ID, Rolling(max_rows=5000)
    )
    for found in list_recordings(Sources((str(corpus),)), on_other=lambda _: None):
        transcript = Transcript(
            audio_uri=found.audio_uri,
            audio_crc32c=1,
            channel=0,
            recording_id=None,
            engine="16k_zh",
            sample_rate=16000,
            duration_samples=16000 * 300,
            speech_samples=16000 * 300,
            text="words " * 200,
            segments=6,
            failed_segments=0,
            status=Status.COMPLETE,
            mark=found.mark,
            settings=shaping.of(found),
        )
        writer.add(transcript_row(transcript, RUN_ID))
    writer.flush()
    write_record(
        output,
        RunRecord(
            RUN_ID,
            "2026-01-01T00:00:00",
            load(None).config.model_dump(mode="json"),
            "2026-01-01T01:00:00",
            0,
            RunCounts(),
        ),
    )


def rerun_seconds(folder: Path) -> float:
    """The whole command, from start to exit; checks that it found every recording finished."""
    secrets = {"TENCENTCLOUD_SECRET_ID": TEST_SECRET_ID, "TENCENTCLOUD_SECRET_KEY": TEST_SECRET_KEY}
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "--input", folder / "corpus", "--output", folder / "out"],
        cwd=CHECKOUT,
        env={**os.environ, **secrets},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.perf_counter() - begun
    newest = max((folder / "out" / "runs").glob("*.json"))
    record = json.loads(newest.read_text(encoding="utf-8"))
    assert record["skipped_files"] == record["files"], "every recording was finished"
    assert record["calls"] == 0, "nobody was called"
    return seconds


def listing_seconds(folder: Path) -> float:
    """The reference: names and marks of every file."""
    begun = time.perf_counter()
    for parent, _, names in os.walk(folder / "corpus"):
        for name in names:
            Path(parent, name).stat()
    return time.perf_counter() - begun


def main() -> None:
    """Print seconds for each size."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--quick", action="store_true", help="300 and 3,000 recordings")
    sizes = (300, 3_000) if options.parse_args().quick else (10_000, 100_000)
    print("recordings   rerun s   listing alone s   ratio")
    for recordings in sizes:
        with tempfile.TemporaryDirectory() as folder:
            make_finished(Path(folder), recordings)
            reference, rerun = listing_seconds(Path(folder)), rerun_seconds(Path(folder))
            print(f"{recordings:10,}   {rerun:7.1f}   {reference:15.2f}   {rerun / reference:5.1f}")


if __name__ == "__main__":
    main()
