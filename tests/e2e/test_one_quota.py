from __future__ import annotations

import time

import pytest

from tests.e2e.command import beamscribe, ended, records, rows, settings, start_apart
from tests.e2e.sounds import some_wavs
from tests.transforms.redis_server import RedisServer

RATE = 10
EACH = 15


@pytest.fixture
def server(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.kill()


def begun(tmp_path, service, server, name, seed, recordings=EACH):
    """A run over recordings and an output of its own."""
    some_wavs(tmp_path / name, recordings, seconds=0.2 + seed / 10)
    url = f"redis://127.0.0.1:{server.port}/0"
    given = settings(service, requests_per_second=RATE, shared_quota=url)
    return start_apart(["run", f"--input={name}", f"--output=out-{name}", *given], tmp_path)


def test_runs_over_different_outputs_share_one_quota(serve, server, tmp_path):
    service = serve(requests_per_second=RATE)
    runs = [begun(tmp_path, service, server, name, seed) for seed, name in enumerate(("one", "two"))]
    for run in map(ended, runs):
        assert run.code == 0, run.stderr
    stats = service.stats()
    assert stats.billed == 2 * EACH
    # Alone, each would go at the whole rate: every call of one second beyond it would be refused.
    assert stats.refused.get("RequestLimitExceeded", 0) <= EACH // 5


@pytest.mark.thorough
def test_runs_go_on_at_their_shares_when_the_server_is_lost_and_say_so(serve, server, tmp_path):
    service = serve(requests_per_second=RATE)
    names = ("one", "two")
    runs = [begun(tmp_path, service, server, name, seed, 5 * EACH) for seed, name in enumerate(names)]
    with server.client() as client:
        while client.hlen("beamscribe:claims") < 2 and not any(run.poll() for run in runs):
            time.sleep(0.02)
    both_know = service.stats().billed + RATE
    while service.stats().billed < both_know and not any(run.poll() for run in runs):
        time.sleep(0.02)
    server.kill()
    for run in map(ended, runs):
        assert run.code == 0, run.stderr
        assert "Redis cannot be reached" in run.stderr
        assert "its share among 2" in run.stderr
    for name in names:
        assert len(rows(tmp_path / f"out-{name}", "transcripts")) == 5 * EACH
    stats = service.stats()
    assert stats.billed == 10 * EACH
    # What each would be refused if it took the whole quota is every second call.
    assert stats.refused.get("RequestLimitExceeded", 0) <= EACH


def test_a_server_that_is_not_there_stops_the_command_before_it_begins(serve, server, tmp_path):
    some_wavs(tmp_path / "in", 1)
    server.kill()
    url = f"redis://127.0.0.1:{server.port}/0"
    given = settings(serve(), shared_quota=url)
    run = beamscribe("run", "--input", tmp_path / "in", "--output", tmp_path / "out", *given)
    assert run.code == 4
    assert "recognition.shared_quota" in run.stderr
    assert not (tmp_path / "out").exists()


def test_a_password_in_the_address_is_refused_and_not_repeated(serve, tmp_path):
    some_wavs(tmp_path / "in", 1)
    given = settings(serve(), shared_quota="redis://:open-sesame@127.0.0.1:6379/0")
    run = beamscribe("run", "--input", tmp_path / "in", "--output", tmp_path / "out", *given)
    assert run.code == 2
    assert "BEAMSCRIBE_REDIS_PASSWORD" in run.stderr
    assert "open-sesame" not in run.stdout + run.stderr
    assert records(tmp_path / "out") == []
