from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from tests.e2e.command import ended, records, rows, settings, start_apart
from tests.e2e.portable import Server, flags_of, job_service, prism_flags, worker_pool
from tests.e2e.sounds import chatter, heard, some_wavs

RECORDINGS = 30
RATE = 20
CONCURRENCY = 6

WAYS = {
    "as it comes": (),
    "DirectRunner": ("--runner=DirectRunner",),
    "two threads": ("--direct_num_workers=2", "--direct_running_mode=multi_threading"),
    "two processes": ("--direct_num_workers=2", "--direct_running_mode=multi_processing"),
    "job service, first pool": lambda get: flags_of(get("host").jobs, get("host").first),
    "job service, second pool": lambda get: flags_of(get("host").jobs, get("host").second),
    "Prism": lambda get: prism_flags(get("host").second),
    "Flink": lambda get: get("flink").flags(),
    "Flink, a job server of its own": lambda get: get("flink").flags_by_name(),
}

# Its servers are shared by the tests of one process.
pytestmark = pytest.mark.xdist_group("runners")


@dataclass(frozen=True)
class Host:
    """Where portable jobs run; pools and command have different working directories."""

    jobs: Server
    first: Server
    second: Server


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    folder = tmp_path_factory.mktemp("host")
    with (
        job_service(folder / "jobs") as jobs,
        worker_pool(folder / "first") as first,
        worker_pool(folder / "second") as second,
    ):
        yield Host(jobs, first, second)


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def flags(request):
    way = request.param
    return way(request.getfixturevalue) if callable(way) else way


def test_every_way_of_running_gives_the_same_rows_and_keeps_rate_and_concurrency(flags, serve, tmp_path):
    some_wavs(tmp_path / "in", RECORDINGS, seconds=0.2)
    (tmp_path / "in" / "empty.wav").touch()
    service = serve(latency_ms=(200, 300), requests_per_second=RATE)
    changes = settings(service, requests_per_second=RATE, concurrency=CONCURRENCY)
    run = ended(start_apart(["run", "--input=in", "--output=out", *changes, "--", *flags], tmp_path))
    assert run.code == 3, run.stderr
    texts = {row["audio_uri"]: row["text"] for row in rows(tmp_path / "out", "transcripts")}
    assert texts == {
        str(tmp_path / "in" / f"{number:03}.wav"): heard(chatter(0.2, seed=number))
        for number in range(RECORDINGS)
    }
    assert [row["code"] for row in rows(tmp_path / "out", "failures")] == ["EmptyFile"]
    stats = service.stats()
    assert stats.max_in_flight <= CONCURRENCY
    # Calls that left in different seconds may arrive in one.
    assert stats.max_in_second <= RATE + 1
    assert stats.refused.get("RequestLimitExceeded", 0) <= RECORDINGS // 10
    assert stats.billed == RECORDINGS
    [record] = records(tmp_path / "out")
    assert (record["files"], record["segments"]) == (RECORDINGS + 1, RECORDINGS)
    assert (record["calls"], record["billed_calls"]) == (stats.calls, RECORDINGS)
    seen = record["timeline"]["totals"]
    assert (seen["calls"], seen["recordings_done"]) == (stats.calls, RECORDINGS + 1)


@pytest.mark.parametrize("way", ["job service, first pool", "Prism"])
def test_a_killed_worker_ends_the_job_and_the_next_run_on_another_pool_pays_for_the_calls_in_flight(
    way, host, serve, tmp_path
):
    some_wavs(tmp_path / "in", 40, seconds=0.2)
    service = serve(latency_ms=(200, 300))
    command = ["run", "--input=in", "--output=out", *settings(service, concurrency=CONCURRENCY), "--"]
    with worker_pool(tmp_path / "pool") as pool:
        doomed = Host(host.jobs, pool, pool)
        process = start_apart([*command, *WAYS[way]({"host": doomed}.__getitem__)], tmp_path)
        while service.stats().billed < 10 and process.poll() is None:
            time.sleep(0.02)
        assert pool.kill_workers() == 1
        killed = ended(process)
    assert killed.code == 1, killed.stderr
    run = ended(start_apart([*command, *WAYS[way]({"host": host}.__getitem__)], tmp_path))
    assert run.code == 0, run.stderr
    assert len(rows(tmp_path / "out", "transcripts")) == 40
    stats = service.stats()
    assert stats.distinct_billed_payloads == 40
    assert stats.billed - 40 <= CONCURRENCY, (stats.billed, stats.max_in_flight, stats.max_in_second)


def test_workers_without_keys_stop_the_run_and_say_which_variable_is_missing(host, serve, tmp_path):
    some_wavs(tmp_path / "in", 3, seconds=0.2)
    service = serve()
    without = {"TENCENTCLOUD_SECRET_ID": "", "TENCENTCLOUD_SECRET_KEY": "", "HOME": str(tmp_path)}
    with worker_pool(tmp_path / "pool", without) as pool:
        flags = flags_of(host.jobs, pool)
        run = ended(
            start_apart(["run", "--input=in", "--output=out", *settings(service), "--", *flags], tmp_path)
        )
    assert run.code == 4, run.stderr
    assert "TENCENTCLOUD_SECRET_ID" in run.stdout
    assert service.stats().calls == 0
