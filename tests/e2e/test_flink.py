"""Jobs on a Flink cluster; `make test-flink` gets it. What every runner does is in test_runners."""

from __future__ import annotations

import io
import time

import pyarrow.parquet as pq
import pytest
import soundfile

from tests.e2e.command import ended, records, rows, settings, start_apart
from tests.e2e.long_sounds import phrases, told
from tests.e2e.sounds import some_wavs
from tests.flink.cluster import TASK_MANAGERS
from tests.object_server import BUCKET
from transforms.meter_files import meter_readings
from transforms.objects import Objects

RECORDINGS = 60
CONCURRENCY = 6

pytestmark = pytest.mark.xdist_group("runners")


def workers_that_called(output):
    """Processes of a run that goes on."""
    [running] = (output / ".beamscribe" / "running").iterdir()
    return sum(reading.counts.calls > 0 for reading in meter_readings(running))


@pytest.mark.parametrize("killed", ["pools", "task_managers"])
def test_a_job_outlives_a_worker_and_a_task_manager_and_pays_for_the_calls_in_flight_at_most(
    killed, flink, serve, tmp_path
):
    some_wavs(tmp_path / "in", RECORDINGS, seconds=0.2)
    service = serve(latency_ms=(200, 300))
    given = settings(service, concurrency=CONCURRENCY, requests_per_second=10)
    process = start_apart(["run", "--input=in", "--output=out", *given, "--", *flink.flags()], tmp_path)
    while service.stats().billed < RECORDINGS // 3 and process.poll() is None:
        time.sleep(0.02)
    assert workers_that_called(tmp_path / "out") == TASK_MANAGERS
    assert getattr(flink, killed)[0].kill_workers() >= 1  # that of the job before may not be gone yet
    run = ended(process)
    assert run.code == 0, run.stderr
    found = rows(tmp_path / "out", "transcripts")
    assert [row["audio_uri"] for row in found] == [
        str(tmp_path / "in" / f"{number:03}.wav") for number in range(RECORDINGS)
    ]
    assert len(rows(tmp_path / "out", "segments")) == RECORDINGS
    stats = service.stats()
    assert stats.distinct_billed_payloads == RECORDINGS
    assert stats.billed - RECORDINGS <= CONCURRENCY
    [record] = records(tmp_path / "out")
    assert (record["files"], record["segments"]) == (RECORDINGS, RECORDINGS)
    # The restart made what Beam's counters knew of the first attempt vanish; the bill is whole.
    assert record["billed_calls"] == stats.billed


def test_a_long_recording_is_worked_in_chapters_by_task_managers_with_the_rows_of_one_piece(
    flink, serve, tmp_path
):
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "long.wav", phrases(8000, 21.0, 3), 8000)
    service = serve()
    given = settings(service, segmentation__skip_silence="true", audio__chapters_above_hours=0.1)
    one = ended(start_apart(["run", "--input=in", "--output=one", *given], tmp_path))
    assert one.code == 0, one.stderr
    billed = service.stats().billed
    flags = flink.flags()
    several = ended(start_apart(["run", "--input=in", "--output=several", *given, "--", *flags], tmp_path))
    assert several.code == 0, several.stderr
    assert told(tmp_path / "several") == told(tmp_path / "one")
    assert service.stats().billed == 2 * billed
    [record] = records(tmp_path / "several")
    assert record["timeline"]["totals"]["chapters_heard"] == 5


def test_recordings_dataset_and_state_lie_in_a_store_and_a_worker_is_killed(flink, s3, serve, tmp_path):
    some_wavs(tmp_path / "in", RECORDINGS, seconds=0.2)
    objects = Objects(f"s3://{BUCKET}")
    for path in sorted((tmp_path / "in").iterdir()):
        objects.put(f"in/{path.name}", path.read_bytes())
    service = serve(latency_ms=(200, 300))
    given = settings(service, concurrency=CONCURRENCY, requests_per_second=10)
    command = [
        "run",
        f"--input=s3://{BUCKET}/in",
        f"--output=s3://{BUCKET}/out",
        *given,
        "--",
        *flink.flags(),
    ]
    process = start_apart(command, tmp_path)
    while service.stats().billed < RECORDINGS // 3 and process.poll() is None:
        time.sleep(0.02)
    assert flink.pools[0].kill_workers() >= 1
    run = ended(process)
    assert run.code == 0, run.stderr
    parts = [each.name for each in objects.listed("out/transcripts")]
    found = [row for name in parts for row in pq.read_table(io.BytesIO(objects.read(name))).to_pylist()]
    assert sorted(row["audio_uri"] for row in found) == [
        f"s3://{BUCKET}/in/{number:03}.wav" for number in range(RECORDINGS)
    ]
    stats = service.stats()
    assert stats.distinct_billed_payloads == RECORDINGS
    assert stats.billed - RECORDINGS <= CONCURRENCY
    again = ended(start_apart(command, tmp_path))
    assert again.code == 0, again.stderr
    assert service.stats().billed == stats.billed
