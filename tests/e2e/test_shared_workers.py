"""Workers on two hosts, which share nothing but object storage; here hosts are folders and processes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY
from tests.e2e.command import ended, settings, start_apart
from tests.e2e.portable import flags_of, job_service, worker_pool
from tests.e2e.shared_worker import CONCURRENCY
from tests.e2e.sounds import chatter, heard, write_wav
from tests.object_server import BUCKET
from transforms.lease import Lease
from transforms.lease_holding import HeldLease, take
from transforms.objects import Objects
from transforms.shared_budget import SharedBudget
from transforms.shared_place import SharedPlace

STORE = f"s3://{BUCKET}"
STATE = f"{STORE}/state"
LEASE_SECONDS = 6.0


@pytest.fixture
def lease(s3) -> Iterator[HeldLease]:
    held = take(Objects(STATE), Lease("run", os.getpid(), "here", "", LEASE_SECONDS))
    held.start()
    yield held
    held.release()


def host(folder: Path, lease: HeldLease, service, **options: object) -> subprocess.Popen[bytes]:
    """A worker process with a temporary folder, a home and a working directory of its own."""
    (folder / "tmp").mkdir(parents=True)
    place = SharedPlace(STATE, "run", lease.generation, LEASE_SECONDS)
    chosen = {
        "place": asdict(place),
        "endpoint": service.endpoint,
        "rate": 1000,
        "max_calls": None,
        "first": 0,
        "last": 40,
        **options,
    }
    environment = {"TMPDIR": str(folder / "tmp"), "HOME": str(folder)}
    program = ("-m", "tests.e2e.shared_worker")
    return start_apart([json.dumps(chosen)], folder, environment, program)


def told(process: subprocess.Popen[bytes]) -> list[object]:
    found = ended(process)
    assert found.code == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])


def test_what_two_hosts_need_at_once_is_paid_for_once(lease, serve, tmp_path):
    service = serve(latency_ms=(100, 200))
    both = [host(tmp_path / name, lease, service) for name in "ab"]
    assert [told(process) for process in both] == [[40, None]] * 2
    assert service.stats().billed == 40


def test_a_worker_that_is_killed_leaves_its_segments_to_another_host(lease, serve, tmp_path):
    service = serve(latency_ms=(200, 300))
    doomed = host(tmp_path / "a", lease, service)
    while service.stats().billed < 5 and doomed.poll() is None:
        time.sleep(0.02)
    other = host(tmp_path / "b", lease, service)
    os.killpg(doomed.pid, signal.SIGKILL)
    doomed.wait()
    assert told(other) == [40, None]
    stats = service.stats()
    assert stats.distinct_billed_payloads == 40
    assert stats.billed - 40 <= CONCURRENCY


def test_the_budget_is_one_wall_for_both_and_the_stop_reaches_both(lease, serve, tmp_path):
    service = serve(latency_ms=(50, 100))
    both = [
        host(tmp_path / "a", lease, service, first=0, last=60, max_calls=50),
        host(tmp_path / "b", lease, service, first=60, last=120, max_calls=50),
    ]
    answered = [told(process) for process in both]
    assert sum(count for count, _ in answered) == service.stats().billed == 50
    assert {reason for _, reason in answered} == {"BudgetReached"}
    assert SharedBudget(Objects(STATE), "chain", 50).spent() == 50


def test_both_keep_to_their_shares_of_the_quota(lease, serve, tmp_path):
    # Of each host one call more may arrive in a second, which left in another, and on a busy machine some.
    # Without shares it would be twice as many.
    service = serve(requests_per_second=20 + 8)
    both = [
        host(tmp_path / "a", lease, service, first=0, last=40, rate=20),
        host(tmp_path / "b", lease, service, first=40, last=80, rate=20),
    ]
    assert [told(process) for process in both] == [[40, None]] * 2
    stats = service.stats()
    assert stats.refused.get("RequestLimitExceeded", 0) == 0
    assert stats.max_in_second <= 20 + 8


def test_workers_stop_when_the_command_that_started_them_is_gone(lease, serve, tmp_path):
    service = serve(latency_ms=(200, 300))
    worker = host(tmp_path / "a", lease, service, last=400)
    while service.stats().billed < 5 and worker.poll() is None:
        time.sleep(0.02)
    lease._ended.set()  # nobody renews it any more
    lease._thread.join()
    count, reason = told(worker)
    assert reason == "LauncherGone"
    assert 5 <= count < 400


def test_pools_of_workers_elsewhere_do_the_job_one_after_the_other(s3, serve, tmp_path, monkeypatch):
    """The job service takes one pool for a job; the second run continues on the other one."""
    objects = Objects(f"{STORE}/in")
    for number in range(12):
        write_wav(tmp_path / "sound.wav", chatter(0.2, seed=number))
        objects.put(f"{number:03}.wav", (tmp_path / "sound.wav").read_bytes())
    service = serve(latency_ms=(50, 100))
    keys = {"TENCENTCLOUD_SECRET_ID": TEST_SECRET_ID, "TENCENTCLOUD_SECRET_KEY": TEST_SECRET_KEY}
    elsewhere = []
    for name in "ab":
        (tmp_path / name / "tmp").mkdir(parents=True)
        elsewhere.append({**keys, "TMPDIR": str(tmp_path / name / "tmp"), "HOME": str(tmp_path / name)})
    with (
        job_service(tmp_path / "jobs") as jobs,
        worker_pool(tmp_path / "a" / "pool", elsewhere[0]) as first,
        worker_pool(tmp_path / "b" / "pool", elsewhere[1]) as second,
    ):
        for pool, wall, code in ((first, 5, 4), (second, 12, 0)):
            changes = settings(service, output__lease_seconds=LEASE_SECONDS, budget__max_calls=wall)
            arguments = ["run", f"--input={STORE}/in", f"--output={STORE}/out", *changes, "--"]
            run = ended(start_apart([*arguments, *flags_of(jobs, pool)], tmp_path))
            assert run.code == code, run.stderr
            assert service.stats().billed == wall
    written = Objects(f"{STORE}/out/transcripts")
    rows = [
        row
        for each in written.listed()
        for row in pq.read_table(io.BytesIO(written.read(each.name))).to_pylist()
    ]
    assert {row["audio_uri"].rpartition("/")[2]: row["text"] for row in rows} == {
        f"{number:03}.wav": heard(chatter(0.2, seed=number)) for number in range(12)
    }
    assert len(rows) == 12
