"""Recordings and dataset on a real S3 server, by the command line, through a proxy that fails."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from tests.e2e.command import beamscribe, ended, settings, start_apart
from tests.e2e.command import records as local_records
from tests.e2e.long_sounds import TWO_WORKERS, phrases, told
from tests.e2e.sounds import chatter, some_wavs, write_wav
from tests.object_server import BUCKET, CREDENTIALS, fault_proxy
from transforms.objects import Objects
from transforms.schemas import Table

STORE = f"s3://{BUCKET}"
OUTPUT = f"{STORE}/data set/out"


def stored(count: int, folder: str = "in") -> None:
    """Short recordings, all different, in the bucket."""
    objects = Objects(f"{STORE}/{folder}")
    for number in range(count):
        write_wav(Path("sound.wav"), chatter(0.3, seed=number))
        objects.put(f"{number % 3}/{number:03} a#b.wav", Path("sound.wav").read_bytes())


def rows(table: str) -> list[dict]:
    """All rows of a table, as the names beneath its folder say."""
    objects = Objects(f"{OUTPUT}/{table}")
    names = [each.name for each in objects.listed()]
    assert all(name.endswith(".parquet") and not name.startswith(".") for name in names)
    return [row for name in names for row in pq.read_table(io.BytesIO(objects.read(name))).to_pylist()]


def records() -> list[dict]:
    objects = Objects(f"{OUTPUT}/runs")
    found = [json.loads(objects.read(each.name)) for each in objects.listed()]
    return sorted(found, key=lambda record: record["started_at"])


def command(service, *more: str, source: str = f"{STORE}/in", **changes: object) -> list[str]:
    return [
        "run",
        f"--input={source}",
        f"--output={OUTPUT}",
        *settings(service, output__state="state", **changes),
        *more,
    ]


@pytest.fixture(autouse=True)
def _here(s3, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_store_that_fails_on_every_tenth_request_loses_nothing_and_nothing_is_paid_twice(
    s3, serve, monkeypatch
):
    stored(30)
    service = serve()
    with fault_proxy(s3.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        first = beamscribe(*command(service, output__rows_per_part=5))
        assert first.code == 0, first.stderr
        assert service.stats().billed == 30
        again = beamscribe(*command(service))
        assert again.code == 0, again.stderr
        assert service.stats().billed == 30
        assert len(proxy.met) == 5, f"too few requests to meet every fault: {proxy.met}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    transcripts = rows("transcripts")
    expected = {f"{STORE}/in/{number % 3}/{number:03} a#b.wav" for number in range(30)}
    assert {row["audio_uri"] for row in transcripts} == expected
    assert len(transcripts) == len(rows("segments")) == 30
    assert {row["status"] for row in transcripts} == {"complete"}
    assert rows("failures") == []
    assert [record["exit_code"] for record in records()] == [0, 0]


def test_a_rerun_reads_no_recording_and_a_changed_one_is_transcribed_again(s3, serve, monkeypatch):
    stored(4)
    service = serve()
    assert beamscribe(*command(service)).code == 0
    write_wav(Path("new.wav"), chatter(0.3, seed=99))
    changed = f"{STORE}/in/1/001 a#b.wav"
    before = {row["audio_uri"]: row["text"] for row in rows("transcripts")}
    Objects(changed).put("", Path("new.wav").read_bytes())
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert beamscribe(*command(service)).code == 0
        read = [request for request in proxy.requests if request.startswith(f"GET /{BUCKET}/in/")]
        assert read == [f"GET /{BUCKET}/in/1/001%20a%23b.wav"], "read once, in one request, and nothing else"
    assert service.stats().billed == 5
    after = {row["audio_uri"]: row["text"] for row in rows("transcripts")}
    assert {uri for uri in after if after[uri] != before[uri]} == {changed}
    assert len(rows("segments")) == 4


def test_every_command_reads_a_dataset_in_object_storage(serve, tmp_path):
    stored(3)
    service = serve()
    planned = beamscribe("plan", *command(service)[1:])
    assert planned.code == 0, planned.stderr
    assert service.stats().calls == 0
    run = beamscribe(*command(service, "--set=output.include_audio=true"))
    assert run.code == 0, run.stderr

    status = beamscribe("status", OUTPUT)
    assert (status.code, "finished" in status.stdout or "3" in status.stdout) == (0, True), status.stderr
    report = beamscribe("report", OUTPUT, "--to", tmp_path / "report.html")
    assert report.code == 0, report.stderr
    assert "data set/out" in (tmp_path / "report.html").read_text("utf-8")
    in_store = beamscribe("report", OUTPUT, "--to", f"{STORE}/reports/report.html")
    assert in_store.code == 0, in_store.stderr
    assert Objects(f"{STORE}/reports").mark("report.html") is not None

    export = beamscribe("export", OUTPUT, "--format", "srt,txt,jsonl,csv")
    assert export.code == 0, export.stderr
    exported = Objects(f"{OUTPUT}/exports")
    names = [each.name for each in exported.listed()]
    assert sum(name.endswith(".srt") for name in names) == 3

    texts = {row["audio_uri"]: row["text"] for row in rows("transcripts")}
    with Path("references.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["audio", "reference"])
        writer.writerows(texts.items())
    evaluated = beamscribe("evaluate", OUTPUT, "--references", "references.csv")
    assert evaluated.code == 0, evaluated.stderr
    assert "0" in evaluated.stdout
    card = Objects(OUTPUT).read("README.md").decode()
    assert card.startswith("---")
    for secret in (CREDENTIALS["AWS_SECRET_ACCESS_KEY"],):
        for ran in (run, status, report, export, evaluated):
            assert secret not in ran.stdout + ran.stderr
        assert secret not in json.dumps(records())


def test_recordings_and_dataset_on_googles_storage(gcs, serve, tmp_path):
    stored(3)
    service = serve()
    output = f"{gcs}/data set/out"
    for _ in range(2):
        run = beamscribe(
            "run", f"--input={gcs}/in/**/*.wav", f"--output={output}",
            *settings(service, output__state="state"),
        )  # fmt: skip
        assert run.code == 0, run.stderr
    assert service.stats().billed == 3
    assert {row["audio_uri"][:15] for row in rows("transcripts")} == {"gs://recordings"}
    assert beamscribe("status", output).code == 0


def test_manifests_in_object_storage_name_what_lies_beside_them(serve):
    stored(2, "lists/sounds")
    rows_of = "audio,id\nsounds/0/000 a#b.wav,one\nsounds/1/001 a#b.wav,two\nsounds/none.wav,three\n"
    Objects(f"{STORE}/lists").put("list.csv", rows_of.encode())
    service = serve()
    run = beamscribe(
        "run", f"--manifest={STORE}/lists/list.csv", f"--output={OUTPUT}",
        *settings(service, output__state="state"),
    )  # fmt: skip
    assert run.code == 3, run.stderr
    assert sorted(row["audio_uri"] for row in rows("transcripts")) == [
        f"{STORE}/lists/sounds/0/000 a#b.wav",
        f"{STORE}/lists/sounds/1/001 a#b.wav",
    ]
    [failure] = rows("failures")
    assert (failure["audio_uri"], failure["code"]) == (f"{STORE}/lists/sounds/none.wav", "NotFound")
    assert "Check bucket, path and credentials" in failure["message"]


def test_what_is_wrong_with_a_store_is_told_before_anything_is_called(s3, serve, monkeypatch):
    stored(1)
    service = serve()
    for source, output, wrong in (
        (f"{STORE}/none", OUTPUT, "matches nothing"),
        (f"{STORE}/in/*.mp3", OUTPUT, "matches nothing"),
        ("s3://no-such-bucket/in", OUTPUT, "NoSuchBucket"),
        (f"{STORE}/in", "s3://no-such-bucket/out", "NoSuchBucket"),
    ):
        ran = beamscribe(
            "run", f"--input={source}", f"--output={output}", *settings(service, output__state="state")
        )
        assert (ran.code, wrong in ran.stderr) == (2, True), ran.stderr
    with fault_proxy(s3.url, every=1, faults=("403",)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        some_wavs(Path("local"), 1)
        for source, code in ((f"{STORE}/in", 2), ("local", 4)):
            ran = beamscribe(*command(service, source=source))
            assert ran.code == code, ran.stderr
            assert "Check the credentials and their rights" in ran.stderr
            assert CREDENTIALS["AWS_ACCESS_KEY_ID"] not in ran.stderr
    assert service.stats().calls == 0


@pytest.mark.thorough
def test_after_a_kill_the_same_command_goes_on_and_pays_at_most_for_the_calls_in_flight_again(
    s3, serve, tmp_path
):
    stored(40)
    (tmp_path / "tmp").mkdir()
    service = serve(latency_ms=(80, 120))
    with fault_proxy(s3.url) as proxy:
        environment = {**s3.environment(proxy.url), "TMPDIR": str(tmp_path / "tmp")}
        arguments = command(service, concurrency=2, output__rows_per_part=2)
        killed = start_apart(arguments, tmp_path, environment)
        give_up_at = time.monotonic() + 100
        while killed.poll() is None and time.monotonic() < give_up_at and service.stats().billed < 8:
            time.sleep(0.01)
        os.killpg(killed.pid, signal.SIGKILL)
        assert ended(killed).code == -signal.SIGKILL
        assert service.stats().billed < 40
        assert {row["text"] == "" for table in Table for row in rows(table.value) if "text" in row} <= {False}

        again = ended(start_apart(arguments, tmp_path, environment))
        assert again.code == 0, again.stderr
        assert 40 <= service.stats().billed <= 42
        for table in ("segments", "transcripts"):
            uris = [row["audio_uri"] for row in rows(table)]
            assert len(uris) == len(set(uris)) == 40
        assert proxy.met.total() >= 10
        paid = service.stats().billed
        assert ended(start_apart(arguments, tmp_path, environment)).code == 0
        assert service.stats().billed == paid


def test_long_recordings_in_the_store_are_worked_in_chapters_by_ranges_with_the_rows_of_one_piece(
    s3, serve, monkeypatch
):
    objects = Objects(f"{STORE}/long")
    for name, sound, rate in (
        ("stereo.wav", np.stack((phrases(11025, 11.3, 1), phrases(11025, 11.3, 2)), axis=1), 11025),
        ("mono.flac", phrases(8000, 16.0, 3), 8000),
        ("short.wav", phrases(16000, 0.5, 4), 16000),
    ):
        soundfile.write(name, sound, rate)
        objects.put(name, Path(name).read_bytes())
    service = serve()
    asked = settings(service, segmentation__skip_silence="true", audio__chapters_above_hours=0.1)
    arguments = ("run", f"--input={STORE}/long", *asked, "--output")
    one = beamscribe(*arguments, "one")
    assert one.code == 0, one.stderr
    billed = service.stats().billed
    with fault_proxy(s3.url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        several = beamscribe(*arguments, "several", *TWO_WORKERS)
    assert several.code == 0, several.stderr
    assert told(Path("several")) == told(Path("one"))
    assert service.stats().billed == 2 * billed
    assert service.stats().distinct_billed_payloads == billed
    [totals] = [each["timeline"]["totals"] for each in local_records(Path("several"))]
    assert totals["chapters_heard"] == 3 + 4


def test_a_manifests_objects_are_not_read_again(s3, serve, monkeypatch, tmp_path):
    stored(6)
    names = [f"{STORE}/in/{number % 3}/{number:03} a#b.wav" for number in range(6)]
    Path("list.csv").write_text("audio\n" + "\n".join(names) + "\n")
    service = serve()
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        arguments = ("run", "--manifest=list.csv", "--output=out", *settings(service))
        assert beamscribe(*arguments).code == 0
        read = sum(each.startswith("GET") for each in proxy.requests)
        assert beamscribe(*arguments).code == 0
        assert read == sum(each.startswith("GET") for each in proxy.requests) == 6
        Objects(f"{STORE}/in").put("1/001 a#b.wav", Path("sound.wav").read_bytes())
        assert beamscribe(*arguments).code == 0
    assert sum(each.startswith("GET") for each in proxy.requests) == 7
    assert service.stats().billed == 6  # its new bytes are those of the last one
