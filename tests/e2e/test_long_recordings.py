from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.e2e.command import beamscribe, ended, records, rows, settings, start_apart
from tests.e2e.long_sounds import TWO_WORKERS, phrases, told
from tests.transforms.media_files import av_file


@pytest.mark.thorough
@pytest.mark.parametrize("channels", ["mix", "split"])
def test_rows_of_long_recordings_are_those_of_one_piece_and_no_call_is_made_twice(serve, tmp_path, channels):
    (tmp_path / "in").mkdir()
    stereo = np.stack((phrases(11025, 11.3, 1), phrases(11025, 11.3, 2)), axis=1)
    soundfile.write(tmp_path / "in" / "stereo.wav", stereo, 11025)
    soundfile.write(tmp_path / "in" / "mono.flac", phrases(8000, 16.0, 3), 8000)
    soundfile.write(tmp_path / "in" / "short.wav", phrases(16000, 0.5, 4), 16000)
    service = serve()
    changes = settings(
        service,
        segmentation__skip_silence="true",
        audio__chapters_above_hours=0.1,
        audio__channels=channels,
    )
    planned = beamscribe("plan", "--input", tmp_path / "in", "--output", tmp_path / "one", "--json", *changes)
    one = beamscribe("run", "--input", tmp_path / "in", "--output", tmp_path / "one", *changes)
    assert one.code == 0, one.stderr
    billed = service.stats().billed
    assert json.loads(planned.stdout)["amounts"]["calls"]["value"] == billed
    several = beamscribe(
        "run", "--input", tmp_path / "in", "--output", tmp_path / "several", *changes, *TWO_WORKERS
    )
    assert several.code == 0, several.stderr
    assert told(tmp_path / "several") == told(tmp_path / "one")
    assert service.stats().billed == 2 * billed
    # The cuts and the sound are known by what they are, whoever made them.
    again = beamscribe(
        "run",
        "--input",
        tmp_path / "in",
        "--output",
        tmp_path / "one",
        *changes,
        "--set=input.verify=true",
        *TWO_WORKERS,
    )
    assert again.code == 0, again.stderr
    assert service.stats().billed == 2 * billed
    [of_one] = (each["timeline"]["totals"] for each in records(tmp_path / "one")[:1])
    [of_several] = (each["timeline"]["totals"] for each in records(tmp_path / "several"))
    for name in ("recordings_read", "recordings_done", "segments_cut", "audio_ms", "speech_ms", "calls"):
        assert of_several[name] == of_one[name], name
    assert (of_one["chapters_heard"], of_several["chapters_heard"]) == (0, 3 + 4)


@pytest.mark.thorough
def test_rows_of_long_mp3_are_those_of_one_piece(serve, tmp_path):
    (tmp_path / "in").mkdir()
    stereo = np.stack((phrases(22050, 11.3, 1), phrases(22050, 11.3, 2)), axis=1)
    soundfile.write(tmp_path / "in" / "varying.mp3", stereo, 22050)
    mono = av_file(
        phrases(8000, 11.0, 3) / 32768,
        8000,
        "mp3",
        "libmp3lame",
        bit_rate=24_000,
        options={"write_xing": "0"},
    )
    (tmp_path / "in" / "constant.mp3").write_bytes(mono)
    # What goes the old way: damaged, cut off, joined.
    (tmp_path / "in" / "damaged.mp3").write_bytes(mono[:700_000] + bytes(2000) + mono[702_000:])
    (tmp_path / "in" / "cut_off.mp3").write_bytes(mono[:-50])
    joined = (tmp_path / "in" / "varying.mp3").read_bytes() + mono
    (tmp_path / "in" / "joined.mp3").write_bytes(joined)
    service = serve()
    changes = settings(service, segmentation__skip_silence="true", audio__chapters_above_hours=0.1)
    arguments = ("run", "--input", tmp_path / "in", *changes, "--output")
    one = beamscribe(*arguments, tmp_path / "one")
    billed = service.stats().billed
    several = beamscribe(*arguments, tmp_path / "several", *TWO_WORKERS)
    assert (one.code, several.code) == (3, 3), several.stderr
    assert told(tmp_path / "several") == told(tmp_path / "one")
    assert service.stats().billed == 2 * billed
    [totals] = (each["timeline"]["totals"] for each in records(tmp_path / "several"))
    assert totals["chapters_heard"] == 3 + 3


@pytest.mark.thorough
def test_rows_of_long_m4a_and_ogg_are_those_of_one_piece(serve, tmp_path):
    (tmp_path / "in").mkdir()
    wide, narrow = phrases(22050, 11.3, 1) / 32768, phrases(8000, 11.0, 3) / 32768
    spoken = np.stack((wide, phrases(22050, 11.3, 2) / 32768), axis=1)
    made = {
        "stereo.m4a": av_file(spoken, 22050, "ipod", "aac", layout="stereo"),
        "narrow.m4a": av_file(narrow, 8000, "ipod", "aac", bit_rate=24_000),
        "voice.opus": av_file(narrow, 8000, "ogg", "libopus", bit_rate=12_000),
    }
    with soundfile.SoundFile(tmp_path / "in" / "music.ogg", "w", 22050, 2, "VORBIS") as file:
        for start in range(0, len(spoken), 22050):  # libvorbis takes its working memory from the stack
            file.write(spoken[start : start + 22050])
    opus = made["voice.opus"]
    # What goes the old way: cut off, joined, in fragments. And what is damaged inside, where nothing tells.
    made["cut_off.m4a"] = made["narrow.m4a"][:-5000]
    made["cut_off.opus"] = opus[:-5000]
    made["joined.opus"] = opus + opus
    made["parts.m4a"] = av_file(narrow, 8000, "mp4", "aac", options={"movflags": "frag_keyframe+empty_moov"})
    made["damaged.m4a"] = made["narrow.m4a"][:900_000] + bytes(3000) + made["narrow.m4a"][903_000:]
    for name, data in made.items():
        (tmp_path / "in" / name).write_bytes(data)
    service = serve()
    changes = settings(service, segmentation__skip_silence="true", audio__chapters_above_hours=0.1)
    arguments = ("run", "--input", tmp_path / "in", *changes, "--output")
    one = beamscribe(*arguments, tmp_path / "one")
    billed = service.stats().billed
    several = beamscribe(*arguments, tmp_path / "several", *TWO_WORKERS)
    assert (one.code, several.code) == (3, 3), several.stderr
    assert told(tmp_path / "several") == told(tmp_path / "one")
    assert service.stats().billed == 2 * billed
    [totals] = (each["timeline"]["totals"] for each in records(tmp_path / "several"))
    assert totals["chapters_heard"] >= 4 * 3


@pytest.mark.thorough
def test_a_killed_run_over_long_recordings_goes_on_where_it_was(serve, tmp_path):
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "long.wav", phrases(8000, 40.0, 3), 8000)
    service = serve(latency_ms=(800, 1000))
    changes = settings(
        service,
        segmentation__skip_silence="true",
        audio__chapters_above_hours=0.1,
        concurrency=4,
        output__progress_seconds=1,
    )
    command = ["run", "--input=in", "--output=out", *changes, "--", "--direct_num_workers=2"]
    processes = "--direct_running_mode=multi_processing"
    process = start_apart([*command, processes], tmp_path)
    while service.stats().billed < 8 or chapters_heard(tmp_path / "out") < 8:
        assert process.poll() is None, "it has ended before it was killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    run = ended(start_apart([*command, processes], tmp_path))
    assert run.code == 0, run.stderr
    [transcript] = rows(tmp_path / "out", "transcripts")
    assert transcript["status"] == "complete"
    stats = service.stats()
    assert stats.distinct_billed_payloads == transcript["segments"] == len(rows(tmp_path / "out", "segments"))
    assert stats.billed - stats.distinct_billed_payloads <= 4
    assert chapters_heard(tmp_path / "out") >= 8


def chapters_heard(output: Path) -> int:
    """As the runs over an output have told so far, also those that were killed."""
    timelines = (each["timeline"] for each in records(output)) if output.exists() else ()
    return sum(each["totals"]["chapters_heard"] for each in timelines if each)


def test_long_recordings_that_are_not_what_they_should_be_fail_as_in_one_piece(serve, tmp_path):
    samples = phrases(8000, 11.0, 3)
    soundfile.write(tmp_path / "other.wav", samples, 8000)
    soundfile.write(tmp_path / "damaged.flac", samples, 8000)
    data = bytearray((tmp_path / "damaged.flac").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    (tmp_path / "damaged.flac").write_bytes(data)
    (tmp_path / "list.csv").write_text("audio,crc32c\nother.wav,00000001\ndamaged.flac,\n")
    service = serve()
    changes = settings(service, segmentation__skip_silence="true", audio__chapters_above_hours=0.1)
    arguments = ("run", "--manifest", tmp_path / "list.csv", *changes, "--output")
    one = beamscribe(*arguments, tmp_path / "one")
    several = beamscribe(*arguments, tmp_path / "several", *TWO_WORKERS)
    assert (one.code, several.code) == (3, 3), several.stderr
    assert told(tmp_path / "several") == told(tmp_path / "one")
    assert {row["code"] for row in rows(tmp_path / "several", "failures")} == {"ChecksumMismatch", "Damaged"}
    totals = [each["timeline"]["totals"] for each in records(tmp_path / "several")]
    assert totals[0]["recordings_done"] == 2
