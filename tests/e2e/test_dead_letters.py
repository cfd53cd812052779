from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SHIPPED
from tests.e2e.command import beamscribe, failures_by_name, records, rows, settings
from tests.e2e.sounds import chatter, heard, write_wav
from tests.transforms.media_files import av_file, tone, video_file, wav_file

SOUND = tone(440, 16_000, 2)
# What cannot be transcribed, the code that tells why, and a word of what the message advises.
BROKEN: dict[str, tuple[bytes, str, str]] = {
    "empty.wav": (b"", "EmptyFile", "copy it again"),
    "text.wav": (b"Dear sir or madam,\n" * 50, "NotAudio", ""),
    "page.mp3": ((SHIPPED / "broken.mp3").read_bytes(), "NotAudio", ""),
    "picture.jpg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(500), "NotAudio", ""),
    "silent_film.mp4": (video_file(SOUND, 16_000, with_audio=False), "NoAudioStream", ""),
    "header_only.wav": (wav_file(b""), "NoSamples", ""),
}


def test_each_broken_recording_is_one_row_that_says_why_and_the_others_are_transcribed(serve, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, (content, _, _) in BROKEN.items():
        (folder / name).write_bytes(content)
    (folder / "dangling.wav").symlink_to(tmp_path / "nowhere.wav")
    (folder / "film.mp4").write_bytes(video_file(SOUND, 16_000))
    write_wav(folder / "good.wav", chatter(1))
    (folder / "sub.wav").mkdir()
    write_wav(folder / "sub.wav" / "deeper.wav", chatter(1, 1))
    service = serve()
    # A glob takes every file that it matches, and the file named on its own comes once.
    run = beamscribe(
        "run", "--input", folder / "**", "--input", folder / "good.wav", "--output", tmp_path / "out",
        *settings(service),
    )  # fmt: skip
    assert run.code == 3
    found = failures_by_name(tmp_path / "out")
    assert {name: row["code"] for name, row in found.items()} == {
        "dangling.wav": "NotFound",
        **{name: code for name, (_, code, _) in BROKEN.items()},
    }
    for name, row in found.items():
        assert row["stage"] == ("read" if name == "dangling.wav" else "decode")
        assert str(folder / name) in row["message"]
        assert BROKEN.get(name, (b"", "", ""))[2].lower() in row["message"].lower()
        assert "Traceback" not in row["message"]
        assert len(row["message"]) > len(str(folder / name)) + 30
        assert (row["segment_index"], row["start_ms"], row["attempts"], row["retryable"]) == (
            None,
            None,
            0,
            False,
        )
    texts = {Path(row["audio_uri"]).name: row["text"] for row in rows(tmp_path / "out", "transcripts")}
    assert texts.keys() == {"good.wav", "deeper.wav", "film.mp4"}
    assert texts["good.wav"] == heard(chatter(1))
    assert service.stats().refused == {}
    [record] = records(tmp_path / "out")
    assert (record["files"], record["failed_files"]) == (len(BROKEN) + 4, len(BROKEN) + 1)


def test_a_named_folder_that_looks_like_a_recording_means_the_files_beneath_it(serve, tmp_path):
    (tmp_path / "x.wav").mkdir()
    write_wav(tmp_path / "x.wav" / "inner.wav", chatter(1))
    run = beamscribe("run", "--input", tmp_path / "x.wav", "--output", tmp_path / "out", *settings(serve()))
    assert run.code == 0
    assert [Path(row["audio_uri"]).name for row in rows(tmp_path / "out", "transcripts")] == ["inner.wav"]


def test_a_folder_in_a_manifest_is_a_failure(serve, tmp_path):
    (tmp_path / "x.wav").mkdir()
    (tmp_path / "m.csv").write_text("audio\nx.wav\n")
    run = beamscribe(
        "run", "--manifest", tmp_path / "m.csv", "--output", tmp_path / "out", *settings(serve())
    )
    assert run.code == 3
    failure = failures_by_name(tmp_path / "out")["x.wav"]
    assert (failure["stage"], failure["code"]) == ("read", "ReadFailed")
    assert "directory" in failure["message"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_recording_that_may_not_be_read_is_a_failure(serve, tmp_path):
    write_wav(tmp_path / "a.wav", chatter(1)).chmod(0)
    run = beamscribe("run", "--input", tmp_path / "a.wav", "--output", tmp_path / "out", *settings(serve()))
    assert run.code == 3
    assert failures_by_name(tmp_path / "out")["a.wav"]["code"] == "PermissionDenied"


def test_what_is_left_of_a_damaged_recording_is_transcribed_and_the_damage_told(serve, tmp_path):
    whole = chatter(4)
    (tmp_path / "half.wav").write_bytes(wav_file(whole[:32_000].tobytes(), declared=whole.nbytes))
    opus = av_file(np.asarray(whole / 32768, np.float32), 16_000, "ogg", "libopus")
    spoiled = bytearray(opus)
    spoiled[len(opus) // 2 : len(opus) // 2 + 4000] = bytes(4000)
    (tmp_path / "spoiled.opus").write_bytes(spoiled)
    run = beamscribe("run", "--input", tmp_path, "--output", tmp_path / "out", *settings(serve()))
    assert run.code == 3
    found = failures_by_name(tmp_path / "out")
    assert {name: row["code"] for name, row in found.items()} == {
        "half.wav": "Damaged",
        "spoiled.opus": "Damaged",
    }
    assert all(row["audio_crc32c"] for row in found.values())
    transcripts = {Path(row["audio_uri"]).name: row for row in rows(tmp_path / "out", "transcripts")}
    assert {row["status"] for row in transcripts.values()} == {"partial"}
    assert transcripts["half.wav"]["text"] == heard(whole[:32_000])
