from __future__ import annotations

import csv
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

RECORDINGS = Path(__file__).resolve().parent / "recordings"
MEDIA_ENDINGS = {".wav", ".mp3", ".flac", ".m4a", ".opus"}

# Container and codec as FFmpeg names them, samples per second, channels.
EXPECTED = {
    "letter_16k.wav": ("wav", "pcm_s16le", 16000, 1),
    "house_44k_24bit.wav": ("wav", "pcm_s24le", 44100, 1),
    "telephone_8k_mulaw.wav": ("wav", "pcm_mulaw", 8000, 1),
    "restaurant_44k.mp3": ("mp3", "mp3", 44100, 1),
    "evening_48k.flac": ("flac", "flac", 48000, 1),
    "museum_44k.m4a": ("mov,mp4,m4a,3gp,3g2,mj2", "aac", 44100, 1),
    "family_48k.opus": ("ogg", "opus", 48000, 1),
    "interview_32k_stereo.flac": ("flac", "flac", 32000, 2),
    "city_48k_long.mp3": ("mp3", "mp3", 48000, 1),
}


def manifest() -> dict[str, str]:
    with (RECORDINGS / "references.csv").open(encoding="utf-8", newline="") as file:
        return {row["audio"]: row["reference"] for row in csv.DictReader(file) if row["language"] == "en"}


def duration_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0)))


def test_the_manifest_names_every_recording_and_no_other() -> None:
    on_disk = {path.name for path in RECORDINGS.iterdir() if path.suffix in MEDIA_ENDINGS}
    assert set(manifest()) == on_disk == {*EXPECTED, "broken.mp3"}


def test_all_but_the_broken_one_have_a_reference() -> None:
    assert [name for name, reference in manifest().items() if not reference] == ["broken.mp3"]


@pytest.mark.parametrize("name", EXPECTED)
def test_formats_are_what_the_names_say(name: str) -> None:
    with av.open(str(RECORDINGS / name)) as container:
        stream = container.streams.audio[0]
        found = (container.format.name, stream.codec_context.name, stream.rate, stream.channels)
    container_name, codec, rate, channels = EXPECTED[name]
    # FFmpeg has two decoders for mp3, "mp3" and "mp3float".
    assert (found[0], found[1].removesuffix("float"), *found[2:]) == (container_name, codec, rate, channels)


def test_one_is_longer_than_a_call_may_be_and_all_are_soon_transcribed() -> None:
    durations_s = {name: duration_s(RECORDINGS / name) for name in EXPECTED}
    assert [name for name, seconds in durations_s.items() if seconds >= 60] == ["city_48k_long.mp3"]
    assert 70 <= durations_s["city_48k_long.mp3"] <= 80
    assert sum(durations_s.values()) <= 180


def test_the_stereo_speakers_never_speak_at_once() -> None:
    samples, rate = soundfile.read(RECORDINGS / "interview_32k_stereo.flac", dtype="float32")
    window = rate // 50
    whole = len(samples) // window * window
    levels = np.abs(samples[:whole]).reshape(-1, window, 2).max(axis=1)
    speaks = levels > 0.01
    assert speaks.any(axis=0).all()
    assert not speaks.all(axis=1).any()


def test_no_decoder_takes_the_broken_one() -> None:
    path = RECORDINGS / "broken.mp3"
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.info(path)
    with pytest.raises(av.FFmpegError):
        av.open(str(path))


def test_together_they_stay_small() -> None:
    assert sum((RECORDINGS / name).stat().st_size for name in manifest()) < 3_000_000
