from __future__ import annotations

import base64
import bz2
import json
import logging
import re
import zlib
from dataclasses import fields, is_dataclass
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.internal import pickler

from pipeline.graph import Job, build
from tests.e2e.command import beamscribe, ended, rows, settings, start_apart
from tests.e2e.sounds import some_wavs

SECRET_ID = "AKIDq7Zr4mB1xWkT9dLsVnPcYf0GhJu2"
SECRET_KEY = "Hq8vXn3LbYt6RwZk1CmPs5DgFj0Ta9Ue"
TOKEN = "sessionToken7Kd2Vb9Xm4Qp1Rz6Wn3Lc8"
SECRETS = (SECRET_ID, SECRET_KEY, TOKEN)

# As an application that logs everything would start it.
AT_DEBUG = "import logging; logging.basicConfig(level=logging.DEBUG); from pipeline.cli import main; main()"


def found_in(text: str | bytes) -> list[str]:
    """The secrets that stand in a text, as they are or in base64 or hexadecimal."""
    content = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    forms = {
        secret: (secret.encode(), base64.b64encode(secret.encode())[:-4], secret.encode().hex().encode())
        for secret in SECRETS
    }
    return [secret for secret, written in forms.items() if any(form in content for form in written)]


def test_the_search_finds_what_it_looks_for():
    assert found_in(f"Authorization: {SECRET_KEY}") == [SECRET_KEY]
    assert found_in(base64.b64encode(TOKEN.encode())) == [TOKEN]
    assert found_in("nothing") == []


@pytest.mark.parametrize(
    ("key", "code", "mode"),
    [
        (SECRET_KEY, 3, "in_memory"),
        (SECRET_KEY[::-1], 4, "in_memory"),
        (SECRET_KEY, 3, "multi_processing"),
    ],
    ids=["accepted", "refused", "two processes"],
)
def test_no_log_row_record_or_file_holds_a_secret(key, code, mode, serve, tmp_path):
    some_wavs(tmp_path / "in", 4)
    (tmp_path / "in" / "empty.wav").touch()
    (tmp_path / "tmp").mkdir()
    service = serve(secret_id=SECRET_ID, secret_key=SECRET_KEY, token=TOKEN)
    workers = [] if mode == "in_memory" else ["--direct_num_workers=2", f"--direct_running_mode={mode}"]
    process = start_apart(
        ["run", "--input", tmp_path / "in", "--output", tmp_path / "out", *settings(service), "--", *workers],
        tmp_path,
        {
            "TENCENTCLOUD_SECRET_ID": SECRET_ID,
            "TENCENTCLOUD_SECRET_KEY": key,
            "TENCENTCLOUD_TOKEN": TOKEN,
            "TMPDIR": str(tmp_path / "tmp"),
        },
        program=("-c", AT_DEBUG),
    )
    run = ended(process)
    assert run.code == code, run.stderr
    assert "DEBUG" in run.stderr
    for text in (run.stdout, run.stderr):
        assert found_in(text) == []
        assert SECRET_KEY[::-1] not in text
        assert "TC3-HMAC-SHA256 Credential" not in text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 5 + 4
    for path in files:
        content = path.read_bytes()
        assert found_in(content) == [], path
        assert SECRET_KEY[::-1].encode() not in content, path
    # Parquet is compressed: the rows themselves.
    for table in ("segments", "transcripts", "failures"):
        assert found_in(repr(rows(tmp_path / "out", table))) == []


def test_the_pickled_job_its_options_and_its_reprs_hold_no_secret(serve, tmp_path, monkeypatch, caplog):
    built: list[tuple[beam.Pipeline, Job]] = []

    def build_and_keep(pipeline: beam.Pipeline, job: Job) -> None:
        build(pipeline, job)
        built.append((pipeline, job))

    monkeypatch.setattr("pipeline.job.build", build_and_keep)
    service = serve(secret_id=SECRET_ID, secret_key=SECRET_KEY, token=TOKEN)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", SECRET_ID)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("TENCENTCLOUD_TOKEN", TOKEN)
    some_wavs(tmp_path / "in", 1)
    arguments = ["run", "--input", tmp_path / "in", "--output", tmp_path / "out"]
    with caplog.at_level(logging.DEBUG):
        assert beamscribe(*arguments, *settings(service)).code == 0
    assert caplog.records
    assert found_in(caplog.text) == []

    [(pipeline, job)] = built
    proto = pipeline.to_runner_api().SerializeToString()
    inside = unpacked(proto)
    # The settings are found in the pickles, so a secret among them would be.
    assert any(service.endpoint.encode() in pickle for pickle in inside)
    for content in (proto, *inside, *unpacked(pickler.dumps(job))):
        assert found_in(content) == []
    assert found_in(json.dumps(pipeline.options.get_all_options(), default=str)) == []
    assert found_in(json.dumps(pipeline.options.display_data(), default=str)) == []
    assert service.endpoint in "".join(reprs(job))
    assert found_in("".join(reprs(job))) == []


def unpacked(pickled: bytes) -> list[bytes]:
    """The contents of Beam's pickles in some bytes: base64 of what bz2 or zlib made."""
    contents = []
    for run in re.findall(rb"[A-Za-z0-9+/]{60,}={0,2}", pickled):
        # The length of a protobuf field may stand before it and look like base64 too.
        for start in range(4):
            packed = base64.b64decode(run[start : start + (len(run) - start) // 4 * 4])
            for unpack in (bz2.decompress, zlib.decompress):
                try:
                    contents.append(unpack(packed))
                except (OSError, ValueError, zlib.error):
                    continue
    return contents


def reprs(value: object) -> list[str]:
    """The repr of a dataclass and of all that it holds."""
    if not is_dataclass(value):
        return [repr(value)]
    return [repr(value)] + [text for each in fields(value) for text in reprs(getattr(value, each.name))]


def test_a_secret_in_a_configuration_is_refused_and_not_repeated(serve, tmp_path):
    some_wavs(tmp_path / "in", 1)
    (tmp_path / "c.yaml").write_text(f"recognition:\n  secret_key: {SECRET_KEY}\n")
    arguments = ["run", "--input", tmp_path / "in", "--output", tmp_path / "out"]
    for given in (["--config", tmp_path / "c.yaml"], [f"--set=recognition.secret_key={SECRET_KEY}"]):
        run = beamscribe(*arguments, *given)
        assert run.code == 2
        assert found_in(run.stdout + run.stderr) == []
        assert "TENCENTCLOUD_SECRET_KEY" in run.stderr
    assert not Path(tmp_path / "out").exists()
