from __future__ import annotations

import pytest

from tests.e2e.command import ended, records, rows, settings, start_apart
from tests.e2e.sounds import chatter, heard, some_wavs

RECORDINGS = 30
RATE = 20
CONCURRENCY = 6

FLAGS = {
    "as it comes": (),
    "DirectRunner": ("--runner=DirectRunner",),
    "two threads": ("--direct_num_workers=2", "--direct_running_mode=multi_threading"),
    "two processes": ("--direct_num_workers=2", "--direct_running_mode=multi_processing"),
}


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS.keys())
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
    assert stats.refused.get("RequestLimitExceeded", 0) <= 1
    assert stats.billed == RECORDINGS
    [record] = records(tmp_path / "out")
    assert (record["files"], record["segments"]) == (RECORDINGS + 1, RECORDINGS)
    assert (record["calls"], record["billed_calls"]) == (stats.calls, RECORDINGS)
