from __future__ import annotations

import base64
import contextlib
import csv
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import google_crc32c
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.command import Ended, beamscribe, failures_by_name, rows, settings
from tests.e2e.sounds import RATE, chatter, heard, write_wav
from tests.transforms.media_files import sound_file


def write_csv(path: Path, *cells: dict[str, object]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        columns = list(dict.fromkeys(column for row in cells for column in row))
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(cells)
    return path


def transcribe(service, folder: Path, manifest: Path, **changes: object) -> Ended:
    return beamscribe(
        "run", "--manifest", manifest, "--output", folder / "out", *settings(service, **changes)
    )


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The files of a folder at an http address of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_relative_paths_start_at_the_manifest_and_its_ids_reach_the_transcripts(kind, serve, tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "sounds").mkdir()
    write_wav(tmp_path / "sounds" / "a.wav", chatter(0.5, 1))
    write_wav(tmp_path / "lists" / "b.wav", chatter(0.5, 2))
    cells = [
        {"audio": "../sounds/a.wav", "id": "first", "colour": "red"},
        {"audio": "b.wav", "id": "second", "colour": "blue"},
    ]
    manifest = tmp_path / "lists" / f"m.{kind}"
    if kind == "csv":
        write_csv(manifest, *cells)
    elif kind == "jsonl":
        manifest.write_text("".join(json.dumps(row) + "\n" for row in cells))
    else:
        pq.write_table(pa.Table.from_pylist(cells), manifest)
    run = transcribe(serve(), tmp_path, manifest)
    assert run.code == 0, run.stderr
    found = {row["id"]: (row["audio_uri"], row["text"]) for row in rows(tmp_path / "out", "transcripts")}
    assert found == {
        "first": (str(tmp_path / "sounds" / "a.wav"), heard(chatter(0.5, 1))),
        "second": (str(tmp_path / "lists" / "b.wav"), heard(chatter(0.5, 2))),
    }


def test_a_channel_can_be_chosen_and_one_that_is_not_there_is_a_failure(serve, tmp_path):
    left, right = chatter(1, 1), chatter(1, 2)
    both = sound_file(np.stack([left, right], axis=1), RATE, subtype="PCM_16")
    (tmp_path / "both.wav").write_bytes(both)
    cells = [{"audio": "both.wav", "channel": channel} for channel in (0, 1, 2)]
    assert transcribe(serve(), tmp_path, write_csv(tmp_path / "m.csv", *cells)).code == 3
    found = {row["channel"]: row["text"] for row in rows(tmp_path / "out", "transcripts")}
    assert found == {0: heard(left), 1: heard(right)}
    [failure] = rows(tmp_path / "out", "failures")
    assert (failure["code"], failure["channel"], failure["stage"]) == ("NoSuchChannel", 2, "decode")


def test_the_language_picks_the_engine_and_its_rate_and_an_unknown_one_is_a_failure(serve, tmp_path):
    for name in "abcd":
        write_wav(tmp_path / f"{name}.wav", chatter(0.5, ord(name)))
    languages = {"a.wav": "en-US", "b.wav": "yue", "c.wav": "", "d.wav": "tlh"}
    cells = [{"audio": name, "language": language} for name, language in languages.items()]
    service = serve()
    run = transcribe(
        service, tmp_path, write_csv(tmp_path / "m.csv", *cells),
        engine="16k_zh", engines="{en: 8k_en, yue: 16k_yue}",
    )  # fmt: skip
    assert run.code == 3
    found = {Path(row["audio_uri"]).name: row["engine"] for row in rows(tmp_path / "out", "transcripts")}
    assert found == {"a.wav": "8k_en", "b.wav": "16k_yue", "c.wav": "16k_zh"}
    assert sorted(call.engine for call in service.received) == ["16k_yue", "16k_zh", "8k_en"]
    failure = failures_by_name(tmp_path / "out")["d.wav"]
    assert failure["code"] == "NoEngineForLanguage"
    assert "tlh" in failure["message"]


def test_a_right_checksum_passes_in_both_forms_and_for_a_wrong_one_no_call_is_made(serve, tmp_path):
    for name in "abc":
        write_wav(tmp_path / f"{name}.wav", chatter(70 if name == "c" else 1, ord(name)))
    value = google_crc32c.value((tmp_path / "a.wav").read_bytes())
    encoded = base64.b64encode(google_crc32c.value((tmp_path / "b.wav").read_bytes()).to_bytes(4, "big"))
    manifest = write_csv(
        tmp_path / "m.csv",
        {"audio": "a.wav", "crc32c": f"{value:08X}"},
        {"audio": "b.wav", "crc32c": encoded.decode()},
        {"audio": "c.wav", "crc32c": "00000001"},
    )
    service = serve()
    assert transcribe(service, tmp_path, manifest).code == 3
    assert {Path(row["audio_uri"]).name for row in rows(tmp_path / "out", "transcripts")} == {
        "a.wav",
        "b.wav",
    }
    failure = failures_by_name(tmp_path / "out")["c.wav"]
    assert (failure["code"], failure["stage"]) == ("ChecksumMismatch", "read")
    assert "00000001" in failure["message"]
    assert service.stats().calls == 2


def test_a_missing_file_of_a_manifest_is_a_failure_of_that_row(serve, tmp_path):
    write_wav(tmp_path / "a.wav", chatter(0.5))
    manifest = write_csv(tmp_path / "m.csv", {"audio": "a.wav"}, {"audio": "gone.wav"})
    assert transcribe(serve(), tmp_path, manifest).code == 3
    assert failures_by_name(tmp_path / "out")["gone.wav"]["code"] == "NotFound"
    assert len(rows(tmp_path / "out", "transcripts")) == 1


def test_http_addresses_are_downloaded(serve, tmp_path):
    (tmp_path / "web").mkdir()
    write_wav(tmp_path / "web" / "a b.wav", chatter(0.5))
    with serving(tmp_path / "web") as address:
        manifest = write_csv(
            tmp_path / "m.csv", {"audio": f"{address}/a%20b.wav"}, {"audio": f"{address}/gone.wav"}
        )
        assert transcribe(serve(), tmp_path, manifest).code == 3
    [row] = rows(tmp_path / "out", "transcripts")
    assert (row["audio_uri"], row["text"]) == (f"{address}/a%20b.wav", heard(chatter(0.5)))
    [failure] = rows(tmp_path / "out", "failures")
    assert (failure["audio_uri"], failure["code"]) == (f"{address}/gone.wav", "NotFound")


@pytest.mark.parametrize("signature", ["tc3", "v1"])
def test_addresses_are_passed_on_to_the_service_when_asked_for(signature, serve, tmp_path):
    (tmp_path / "web").mkdir()
    write_wav(tmp_path / "web" / "a.wav", chatter(2))
    write_wav(tmp_path / "b.wav", chatter(1))
    service = serve()
    local = [{"audio": "b.wav"}] if signature == "tc3" else []
    with serving(tmp_path / "web") as address:
        cells = [{"audio": f"{address}/a.wav", "id": "one"}, *local]
        run = transcribe(
            service, tmp_path, write_csv(tmp_path / "m.csv", *cells), source="url", signature=signature
        )
    assert run.code == 0, run.stderr
    [row, *others] = sorted(rows(tmp_path / "out", "transcripts"), key=lambda row: row["id"] is None)
    assert (row["audio_uri"], row["id"], row["text"]) == (f"{address}/a.wav", "one", heard(chatter(2)))
    assert (row["duration_ms"], row["audio_crc32c"]) == (2000, None)
    # What lies on this machine is sent all the same.
    assert [other["text"] for other in others] == [heard(chatter(1))] * len(local)
    segment = next(each for each in rows(tmp_path / "out", "segments") if each["audio_crc32c"] is None)
    assert (segment["start_ms"], segment["end_ms"], segment["words"][-1]["end_ms"]) == (0, 2000, 2000)
    assert service.stats().refused == {}


def test_an_address_whose_server_says_that_nothing_changed_is_not_paid_for_again(serve, tmp_path):
    (tmp_path / "web").mkdir()
    write_wav(tmp_path / "web" / "a.wav", chatter(2))
    service = serve()
    with serving(tmp_path / "web") as address:
        manifest = write_csv(tmp_path / "m.csv", {"audio": f"{address}/a.wav"})
        for _ in range(2):
            assert transcribe(service, tmp_path, manifest, source="url").code == 0
        assert service.stats().billed == 1
        write_wav(tmp_path / "web" / "a.wav", chatter(3))
        assert transcribe(service, tmp_path, manifest, source="url").code == 0
    assert service.stats().billed == 2
    [row] = rows(tmp_path / "out", "transcripts")
    assert (row["text"], row["duration_ms"]) == (heard(chatter(3)), 3000)


def test_an_address_that_the_service_cannot_fetch_fails_alone(serve, tmp_path):
    (tmp_path / "web").mkdir()
    write_wav(tmp_path / "web" / "a.wav", chatter(1))
    write_wav(tmp_path / "web" / "long.wav", chatter(61))
    with serving(tmp_path / "web") as address:
        cells = [{"audio": f"{address}/{name}"} for name in ("a.wav", "long.wav", "gone.wav")]
        run = transcribe(
            serve(max_base64_bytes=10_000_000), tmp_path, write_csv(tmp_path / "m.csv", *cells), source="url"
        )
    assert run.code == 3
    assert {name: row["code"] for name, row in failures_by_name(tmp_path / "out").items()} == {
        "gone.wav": "FailedOperation.ErrorDownFile",
        "long.wav": "InvalidParameterValue.ErrorVoicedataTooLong",
    }
