"""Each of these was wrong once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile

from pipeline.config_load import load
from pipeline.job_settings import shaping_of
from pipeline.service.faults import parse_fault
from pipeline.service.server import LocalService
from tests.e2e.command import Ended, beamscribe, rows, settings
from tests.e2e.sounds import chatter, some_wavs, write_wav
from tests.transforms.test_upgrade import make_older


def run(service: LocalService, folder: Path, *more: str, **changes: object) -> Ended:
    return beamscribe("run", "--output", folder / "out", *more, *settings(service, **changes))


def manifest(folder: Path, *lines: str, head: str = "audio,channel,language,id,crc32c") -> str:
    (folder / "list.csv").write_text("\n".join([head, *lines]) + "\n")
    return f"--manifest={folder / 'list.csv'}"


def stereo(path: Path) -> None:
    soundfile.write(
        path, [[a, b] for a, b in zip(chatter(1, 1) / 32768, chatter(1, 2) / 32768, strict=True)], 16000
    )


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("a.wav,3,,,", "a.wav,,,,"), ("a.wav,,xx,,", "a.wav,,en,,"), ("a.wav,,,,00000000", "a.wav,,,,")],
    ids=["channel", "language", "crc32c"],
)
def test_a_mistake_in_the_manifest_that_is_put_right_leaves_no_failure(wrong, right, serve, tmp_path):
    write_wav(tmp_path / "a.wav", chatter(1))
    engines = {"engines": "{en: 16k_en}"}
    service = serve()
    assert run(service, tmp_path, manifest(tmp_path, right), **engines).code == 0
    assert run(service, tmp_path, manifest(tmp_path, wrong), **engines).code == 3
    assert run(service, tmp_path, manifest(tmp_path, right), **engines).code == 0
    assert rows(tmp_path / "out", "failures") == []
    assert [row["status"] for row in rows(tmp_path / "out", "transcripts")] == ["complete"]
    assert service.stats().billed == 1


def test_a_file_that_was_away_for_a_night_is_not_failing_for_ever(serve, tmp_path):
    write_wav(tmp_path / "a.wav", chatter(1))
    service = serve()
    codes = []
    for away in (False, True, False):
        if away:
            (tmp_path / "a.wav").rename(tmp_path / "b")
        codes.append(run(service, tmp_path, manifest(tmp_path, "a.wav,,,,")).code)
        if away:
            (tmp_path / "b").rename(tmp_path / "a.wav")
    assert codes == [0, 3, 0]
    assert rows(tmp_path / "out", "failures") == []
    assert service.stats().billed == 1


def test_channels_listed_one_by_one_stay_beside_each_other(serve, tmp_path):
    stereo(tmp_path / "a.wav")
    service = serve()
    assert run(service, tmp_path, manifest(tmp_path, "a.wav,0,,,")).code == 0
    for _ in range(3):
        assert run(service, tmp_path, manifest(tmp_path, "a.wav,0,,,", "a.wav,1,,,")).code == 0
        assert [row["channel"] for row in rows(tmp_path / "out", "transcripts")] == [0, 1]
        assert [row["channel"] for row in rows(tmp_path / "out", "segments")] == [0, 1]
    assert service.stats().billed == 2


def test_split_channels_go_when_the_recording_is_mixed_again(serve, tmp_path):
    stereo(tmp_path / "a.wav")
    service = serve()
    for channels, found in (("split", [0, 1]), ("mix", [0]), ("split", [0, 1])):
        run(service, tmp_path, f"--input={tmp_path / 'a.wav'}", audio__channels=channels)
        assert [row["channel"] for row in rows(tmp_path / "out", "transcripts")] == found
        assert [row["channel"] for row in rows(tmp_path / "out", "segments")] == found
    assert service.stats().billed == 3


def test_a_changed_id_reaches_the_dataset_without_a_call(serve, tmp_path):
    write_wav(tmp_path / "a.wav", chatter(1))
    service = serve()
    for name in ("old", "new"):
        assert run(service, tmp_path, manifest(tmp_path, f"a.wav,,,{name},")).code == 0
        assert [row["id"] for row in rows(tmp_path / "out", "transcripts")] == [name]
    assert service.stats().billed == 1


def test_one_copy_of_a_refused_sound_is_asked_for_again_not_all(serve, tmp_path):
    some_wavs(tmp_path / "in", 0)
    for number in range(5):
        write_wav(tmp_path / "in" / f"{number}.wav", chatter(1))
    service = serve(faults=(parse_fault("code:InvalidParameterValue.ErrorInvalidVoicedata=1.0"),))
    source = f"--input={tmp_path / 'in'}"
    assert run(service, tmp_path, source, concurrency=1).code == 3
    assert service.stats().calls == 1
    assert run(service, tmp_path, source, concurrency=1, input__retry_failed="all").code == 3
    assert service.stats().calls == 2


def test_an_interrupt_does_not_wait_for_every_thread_to_get_its_permit(serve, tmp_path):
    some_wavs(tmp_path / "in", 40)
    service = serve(calls_left=2)
    ended = run(service, tmp_path, f"--input={tmp_path / 'in'}", requests_per_second=2, concurrency=40)
    assert ended.code == 4
    assert service.stats().calls <= 5


@pytest.mark.parametrize("option", ["--input=", "--manifest=", "--output="])
def test_an_empty_option_is_a_mistake_and_not_the_working_directory(option, serve, tmp_path):
    given = [f"--input={tmp_path}", f"--output={tmp_path / 'out'}", option]
    ended = beamscribe("run", *given, *settings(serve()))
    assert ended.code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "flag", ["--direct_num_workerz=2", "junk", "--runner=Foo", "--direct_num_workers=-1"]
)
def test_an_option_that_beam_cannot_use_is_a_mistake_told_before_the_start(flag, serve, tmp_path):
    some_wavs(tmp_path / "in", 1)
    service = serve()
    ended = run(service, tmp_path, f"--input={tmp_path / 'in'}", "--set=input.limit=1")
    assert ended.code == 0
    again = beamscribe(
        "run", f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'other'}", *settings(service), "--", flag
    )
    assert again.code == 2
    assert not (tmp_path / "other").exists()


def test_a_proxy_that_cannot_be_used_is_told_before_the_start(serve, tmp_path, monkeypatch):
    some_wavs(tmp_path / "in", 1)
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.delenv("NO_PROXY", raising=False)
    ended = run(serve(), tmp_path, f"--input={tmp_path / 'in'}")
    assert ended.code == 2
    assert "Traceback" not in ended.stderr
    assert not list((tmp_path / "out" / "runs").glob("*.json"))


def test_one_channel_of_an_address_is_refused_and_not_given_the_text_of_another(serve, tmp_path):
    ended = run(serve(), tmp_path, manifest(tmp_path, "http://127.0.0.1:1/a.wav,1,,,"), source="url")
    assert ended.code == 3
    assert [row["code"] for row in rows(tmp_path / "out", "failures")] == ["NoSuchChannel"]


def test_answers_of_a_service_on_this_machine_are_not_taken_for_the_real_ones(tmp_path):
    local = load(None, ["recognition.endpoint=http://127.0.0.1:8421"]).config
    other = load(None, ["recognition.endpoint=http://localhost:1"]).config
    real = load(None).config
    assert shaping_of(local) == shaping_of(other) != shaping_of(real)


def test_what_the_output_holds_besides_is_left_alone(serve, tmp_path):
    some_wavs(tmp_path / "in", 1)
    service = serve()
    assert run(service, tmp_path, f"--input={tmp_path / 'in'}").code == 0
    (tmp_path / "out" / "runs" / "notes.json").write_text("{")
    assert run(service, tmp_path, f"--input={tmp_path / 'in'}").code == 0
    shutil.copytree(tmp_path / "out", tmp_path / "copy")
    again = beamscribe(
        "run", f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'copy'}", *settings(service)
    )
    assert again.code == 0
    assert service.stats().billed == 1


def test_a_dataset_of_the_release_before_is_brought_up_to_date_without_a_call(serve, tmp_path):
    some_wavs(tmp_path / "in", 3)
    service = serve()
    assert run(service, tmp_path, f"--input={tmp_path / 'in'}").code == 0
    make_older(tmp_path / "out")
    status = beamscribe("status", tmp_path / "out", "--json")
    assert (status.code, json.loads(status.stdout)["schema_version"]) == (0, "1")
    assert beamscribe("export", tmp_path / "out", "--format", "jsonl").code == 0
    assert run(service, tmp_path, f"--input={tmp_path / 'in'}").code == 0
    found = rows(tmp_path / "out", "segments")
    assert [row["level_dbfs"] for row in found] == [None] * 3
    assert run(service, tmp_path, f"--input={tmp_path / 'in'}", input__verify="true").code == 0
    assert all(row["level_dbfs"] < 0 for row in rows(tmp_path / "out", "segments"))
    assert service.stats().calls == 3
