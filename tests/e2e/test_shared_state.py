"""The record of paid answers, the budget and the lock in object storage, by the command line."""

from __future__ import annotations

import io
import json
import os
import signal
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.shared_state import shared_budget_spent
from tests.e2e.command import beamscribe, ended, settings, start_apart
from tests.e2e.sounds import chatter, heard, some_wavs, write_wav
from tests.object_server import BUCKET, fault_proxy
from transforms.objects import Objects

STORE = f"s3://{BUCKET}"
OUTPUT = f"{STORE}/out"
CONCURRENCY = 4


@pytest.fixture(autouse=True)
def _here(s3, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def stored(count: int, store: str = STORE) -> None:
    objects = Objects(f"{store}/in")
    for number in range(count):
        write_wav(Path("sound.wav"), chatter(0.2, seed=number))
        objects.put(f"{number:03}.wav", Path("sound.wav").read_bytes())


def command(service, store: str = STORE, **changes: object) -> list[str]:
    chosen = {"output__lease_seconds": 6, "concurrency": CONCURRENCY, **changes}
    return ["run", f"--input={store}/in", f"--output={store}/out", *settings(service, **chosen)]


def texts() -> dict[str, str]:
    objects = Objects(f"{OUTPUT}/transcripts")
    found = [
        row
        for each in objects.listed()
        for row in pq.read_table(io.BytesIO(objects.read(each.name))).to_pylist()
    ]
    assert len({row["audio_uri"] for row in found}) == len(found)
    return {row["audio_uri"].rpartition("/")[2]: row["text"] for row in found}


def expected(count: int) -> dict[str, str]:
    return {f"{number:03}.wav": heard(chatter(0.2, seed=number)) for number in range(count)}


def names_of_state() -> list[str]:
    return sorted(each.name for each in Objects(f"{OUTPUT}/.beamscribe").listed())


@pytest.mark.parametrize("store", [STORE, f"gs://{BUCKET}"])
def test_a_run_keeps_everything_in_object_storage_and_the_next_one_pays_nothing(
    store, gcs, serve, tmp_path, monkeypatch
):
    stored(12, store)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    service = serve()
    first = beamscribe(*command(service, store))
    assert first.code == 0, first.stderr
    assert texts() == expected(12)
    assert service.stats().billed == 12
    # Put together at its end: one log, its index, the chain, the lease, where the state is, a budget.
    folders = [name.partition("/")[0] for name in names_of_state()]
    assert {folder: folders.count(folder) for folder in folders} == {
        "answers": 2,
        "budget": folders.count("budget"),
        "chain": 1,
        "lock": 1,
        "state": 1,
    }
    again = beamscribe(*command(service, store, input__verify="true"))
    assert again.code == 0, again.stderr
    assert service.stats().billed == 12
    assert list(Path(tempfile.gettempdir()).glob("beamscribe-2*Z-*")) == []


@pytest.mark.parametrize(
    "billed", [pytest.param(1, marks=pytest.mark.thorough), 9, pytest.param(17, marks=pytest.mark.thorough)]
)
def test_killed_at_any_moment_it_costs_at_most_the_calls_in_flight(billed, serve, tmp_path):
    stored(24)
    service = serve(latency_ms=(100, 200))
    process = start_apart(command(service), tmp_path)
    while service.stats().billed < billed and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    ended(process)
    run = ended(start_apart(command(service), tmp_path))
    assert run.code == 0, run.stderr
    assert "If it does not renew it" in run.stderr
    assert texts() == expected(24)
    stats = service.stats()
    assert stats.distinct_billed_payloads == 24
    assert stats.billed - 24 <= CONCURRENCY


def test_a_second_run_is_told_who_is_at_work_and_status_and_plan_look_on(serve, tmp_path):
    stored(30)
    service = serve(latency_ms=(300, 400))
    process = start_apart(command(service, concurrency=1), tmp_path)
    while service.stats().billed < 2 and process.poll() is None:
        time.sleep(0.02)
    second = beamscribe(*command(service))
    assert second.code == 2, second.stdout + second.stderr
    assert f"process {process.pid}" in second.stderr
    status = json.loads(beamscribe("status", OUTPUT, "--json").stdout)
    assert status["at_work"]["pid"] == process.pid
    planned = beamscribe("plan", *command(service)[1:])
    assert planned.code == 0, planned.stderr
    os.killpg(process.pid, signal.SIGINT)
    first = ended(process)
    assert first.code == 4, first.stderr
    after = ended(start_apart(command(service), tmp_path))
    assert after.code == 0, after.stderr
    assert texts() == expected(30)
    assert service.stats().billed == 30


def test_the_budget_is_an_exact_wall_over_runs(serve):
    stored(30)
    service = serve()
    for wall in (7, 19):
        run = beamscribe(*command(service, budget__max_calls=wall))
        assert run.code == 4, run.stderr
        assert service.stats().billed == wall
        assert shared_budget_spent(f"{OUTPUT}/.beamscribe") == wall
    assert beamscribe(*command(service, budget__max_calls=30)).code == 0
    assert service.stats().billed == 30


def test_a_store_that_fails_on_every_tenth_request_loses_nothing(s3, serve, monkeypatch):
    stored(30)
    service = serve(latency_ms=(50, 100))
    with fault_proxy(s3.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        walled = beamscribe(*command(service, budget__max_calls=11))
        assert walled.code == 4, walled.stderr
        assert service.stats().billed == 11
        run = beamscribe(*command(service))
        assert run.code == 0, run.stderr
        assert len(proxy.met) == 5
    assert texts() == expected(30)
    assert service.stats().billed == 30


def test_a_state_elsewhere_serves_a_local_output_and_another_one_is_refused(serve, tmp_path):
    some_wavs(tmp_path / "in", 4, seconds=0.2)
    service = serve()
    local = ["run", "--input=in", "--output=out", *settings(service, output__lease_seconds=6)]
    run = beamscribe(*local, f"--set=output.state={STORE}/state")
    assert run.code == 0, run.stderr
    assert {each.name.partition("/")[0] for each in Objects(f"{STORE}/state").listed()} == {
        "answers",
        "budget",
        "chain",
        "lock",
    }
    other = beamscribe(*local, f"--set=output.state={STORE}/other")
    assert other.code == 2
    assert f"are recorded in {STORE}/state" in other.stderr
    again = beamscribe(*local, f"--set=output.state={STORE}/state", "--set=input.verify=true")
    assert again.code == 0, again.stderr
    assert service.stats().billed == 4


def test_a_store_that_ignores_conditions_is_refused(s3, serve, monkeypatch):
    stored(1)

    def unconditional(headers: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in headers.items() if name.lower() != "if-none-match"}

    service = serve()
    with fault_proxy(s3.url, every=0, dialect=unconditional) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        run = beamscribe(*command(service))
    assert run.code == 2, run.stderr
    assert "output.state" in run.stderr
    assert "If-None-Match" in run.stderr
    assert service.stats().calls == 0
