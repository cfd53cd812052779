from __future__ import annotations

import io
import os
import socket

import pytest

from tests.e2e.command import beamscribe, rows, settings
from tests.hostile.make_hostile import (
    COMPLETE,
    LARGE_BYTES,
    MAX_HOURS,
    PARTIAL,
    RATE,
    SCRIPTS,
    cases,
    write,
    write_large,
)
from transforms.addresses import audio_uri_of
from transforms.chosen import ChannelChoice
from transforms.cut_source import CutTask, cut_source
from transforms.cuts import CutPolicy
from transforms.decode import open_decoder
from transforms.errors import RecordingError
from transforms.listing import Sources, list_recordings
from transforms.normalize import normalize
from transforms.sniff import read_wav_layout
from transforms.source import open_source

CASES = list(cases())
TOO_LONG = "TooLong"


def heard(recording):
    """Outcome, message and seconds of a recording, by the public functions of `transforms`."""
    try:
        with open_source(recording) as source:
            normalized = normalize(
                source, name=recording.audio_uri, sample_rate=RATE, channels=ChannelChoice.mix()
            )
            samples = sum(len(block.audio.raw_data) // 2 for block in normalized)
    except RecordingError as error:
        return error.code, error.message, None
    return (COMPLETE if normalized.damage is None else PARTIAL), normalized.damage or "", samples / RATE


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    return folder, write(folder)


@pytest.fixture(scope="module")
def recordings(corpus):
    """By name, as a glob finds them."""
    found = list_recordings(Sources((f"{corpus[0]}/**",)), on_other=lambda number: None)
    return {os.path.basename(one.location): one for one in found}  # noqa: PTH119


def test_there_are_many_and_they_differ():
    assert len(CASES) > 100
    assert len({case.name for case in CASES}) == len(CASES)


def test_each_is_found_under_its_name_and_no_folder_is(corpus, recordings):
    folder, expected = corpus
    assert recordings.keys() == {case.name for case in expected}
    for name, recording in recordings.items():
        assert recording.location == os.path.join(os.fsencode(folder), name)  # noqa: PTH118
        assert recording.audio_uri == audio_uri_of(recording.location)


def test_each_comes_to_its_own_end(corpus, recordings):
    wrong = []
    for case in corpus[1]:
        if case.outcome == TOO_LONG:
            continue
        outcome, message, seconds = heard(recordings[case.name])
        if outcome != case.outcome or case.says not in message:
            wrong.append((case.name, outcome, message))
        elif case.seconds is not None and abs((seconds or 0) - case.seconds) > 0.15:
            wrong.append((case.name, seconds))
        elif outcome not in (COMPLETE, PARTIAL) and recordings[case.name].audio_uri not in message:
            wrong.append((case.name, message))
    assert wrong == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_names_another_file_or_host_reaches_neither(script, tmp_path, monkeypatch):
    canary = tmp_path / "canary.wav"
    canary.write_bytes(CASES[0].content)
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        text = SCRIPTS[script](str(canary), server.getsockname()[1])
        for name in ("a.wav", "a.m3u8", "a%03d.png", "concat:a.wav", "http:a.mp3"):
            (tmp_path / name).write_text(text)
            os.utime(canary, ns=(0, canary.stat().st_mtime_ns))  # so that reading it would show
            with (tmp_path / name).open("rb") as stream, pytest.raises(RecordingError) as caught:
                list(normalize(stream, name=name, sample_rate=RATE, channels=ChannelChoice.mix()))
            assert caught.value.code == "NotAudio"
            assert canary.stat().st_atime_ns == 0
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_file_that_is_read_shows_it(tmp_path):
    canary = tmp_path / "canary.wav"
    canary.write_bytes(CASES[0].content)
    os.utime(canary, ns=(0, canary.stat().st_mtime_ns))
    canary.read_bytes()
    if canary.stat().st_atime_ns == 0:
        pytest.skip("this disk does not note when files are read, so the test above can tell less")


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.outcome == TOO_LONG], ids=lambda case: case.name
)
def test_a_small_file_that_decodes_to_long_silence_is_given_up(case):
    assert len(case.content) < 40_000
    task = CutTask(
        name="a",
        sample_rate=RATE,
        channels=ChannelChoice.mix(),
        policy=CutPolicy.for_rate(RATE, max_samples=59 * RATE),
        detector="energy",
        max_hours=MAX_HOURS,
    )
    found = cut_source(io.BytesIO(case.content), task)
    assert found.failure is not None
    assert (found.failure.code, found.channels) == (TOO_LONG, ())
    assert case.says in found.failure.message


@pytest.mark.parametrize("kind", ["RIFF", "RF64", "W64"])
def test_the_size_of_more_than_4_gib_is_understood(kind, tmp_path):
    write_large(tmp_path / "large", kind)
    with (tmp_path / "large").open("rb") as stream:
        layout = read_wav_layout(stream)
    assert layout is not None
    assert (layout.present_bytes, layout.missing_bytes) == (LARGE_BYTES, 0)
    # A size modulo 4 GiB leaves sound behind its end.
    assert layout.size_is_wrong is (kind == "RIFF")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["RIFF", "RF64", "W64"])
def test_more_than_4_gib_are_read_to_their_end(kind, tmp_path):
    write_large(tmp_path / "large", kind)
    with (tmp_path / "large").open("rb") as stream, open_decoder(stream, "large") as decoder:
        frames = sum(len(block) for block in decoder.blocks())
    assert (frames, decoder.damage) == (LARGE_BYTES // 16, None)


def test_a_run_over_all_of_them_gives_each_its_row(corpus, serve, local_credentials, tmp_path):
    folder, expected = corpus
    run = beamscribe(
        "run", "--input", f"{folder}/**", "--output", tmp_path / "out",
        *settings(serve(), audio__max_hours=MAX_HOURS),
    )  # fmt: skip
    assert run.code == 3, run.stderr
    uris = {audio_uri_of(os.path.join(os.fsencode(folder), case.name)): case for case in expected}  # noqa: PTH118
    status = {row["audio_uri"]: row["status"] for row in rows(tmp_path / "out", "transcripts")}
    failures = {row["audio_uri"]: row for row in rows(tmp_path / "out", "failures")}
    assert status.keys() | failures.keys() == uris.keys()
    wrong = []
    for uri, case in uris.items():
        told = failures.get(uri)
        code = told["code"] if told else None
        wanted = {COMPLETE: (COMPLETE, None), PARTIAL: (PARTIAL, "Damaged")}.get(
            case.outcome, (None, case.outcome)
        )
        if (status.get(uri), code) != wanted or (told and case.says not in told["message"]):
            wrong.append((case.name, status.get(uri), told and (told["code"], told["message"])))
    assert wrong == []
