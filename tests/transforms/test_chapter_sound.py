from __future__ import annotations

import io

import numpy as np
import pytest
from coded_files import aac, opus, vorbis
from media_files import sound_file
from mp3_files import mp3

from transforms import chapters as chapters_module
from transforms.chapter_sound import StretchSound
from transforms.chapters import Chapters, chapters_of
from transforms.chosen import ChannelChoice
from transforms.normalize import normalize
from transforms.outline import outline_of
from transforms.resampling import resampling_period

CHAPTER = 40
CHOICES = {"mix": ChannelChoice.mix(), "split": ChannelChoice.split(), "only": ChannelChoice.only(1)}
RATES = (8000, 11025, 16000, 22050, 24000, 32000, 37800, 44100, 48000, 96000)


@pytest.fixture(autouse=True)
def _short_chapters(monkeypatch):
    monkeypatch.setattr(chapters_module, "CHAPTER_SECONDS", CHAPTER)


def music(rate: int, seconds: float, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Noise that comes and goes, different in each channel, with something common to all."""
    random = np.random.default_rng(seed)
    length = round(rate * seconds)
    loudness = np.repeat(random.uniform(0.001, 0.2, length // (rate // 4) + 1), rate // 4)[:length]
    common = random.standard_normal(length) * loudness
    own = random.standard_normal((channels, length)) * 0.05
    return (common + own).T.astype(np.float32).squeeze()


def chapters_in(data: bytes, rate: int) -> Chapters:
    outline = outline_of(io.BytesIO(data))
    assert outline is not None
    chapters = chapters_of(outline, rate, resampling_period(outline.sample_rate, rate))
    assert chapters is not None
    return chapters


def whole(data: bytes, rate: int, choice: ChannelChoice) -> np.ndarray:
    found: dict[int, list[bytes]] = {}
    for block in normalize(io.BytesIO(data), name="a", sample_rate=rate, channels=choice):
        found.setdefault(block.channel, []).append(block.audio.raw_data)
    return np.stack([np.frombuffer(b"".join(pcm), np.int16) for pcm in found.values()], axis=1)


def heard(data: bytes, chapters: Chapters, number: int, choice: ChannelChoice):
    stretch = chapters.listened(number)
    sound = StretchSound(io.BytesIO(data), "a", chapters, stretch, choice)
    borders = chapters.border_before(number), chapters.border_behind(number)
    for border in borders:
        sound.watch(border)
    blocks = list(sound)
    assert blocks[0].start_sample == stretch.first_sample
    samples = np.concatenate([block.samples for block in blocks])
    assert len(samples) == stretch.end_sample - stretch.first_sample
    return stretch, samples, [sound.digest_at(border) for border in borders]


def check_chapters(data: bytes, rate: int, choice: ChannelChoice) -> int:
    """Each chapter has the samples of the whole; returns how many there are."""
    expected, chapters = whole(data, rate, choice), chapters_in(data, rate)
    assert chapters.total_samples == len(expected)
    behind = b""
    for number in range(chapters.count):
        stretch, samples, digests = heard(data, chapters, number, choice)
        assert np.array_equal(samples, expected[stretch.first_sample : stretch.end_sample]), number
        assert digests[0] == behind
        behind = digests[1]
    assert behind == b""
    return chapters.count


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("from_rate", RATES)
def test_chapters_have_the_samples_of_the_whole_at_every_rate(from_rate, rate):
    data = sound_file(music(from_rate, 97.31, 2), from_rate, subtype="PCM_16")
    assert check_chapters(data, rate, CHOICES["mix"]) == 3


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
def test_and_in_every_form_of_samples(subtype):
    data = sound_file(music(22050, 85.0, 2), 22050, subtype=subtype)
    assert check_chapters(data, 16000, CHOICES["mix"]) == 3


@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "FLAC"])
@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES.keys())
def test_and_in_every_container_and_for_every_choice_of_channels(container, choice):
    data = sound_file(music(44100, 85.0, 3), 44100, container=container, subtype="PCM_16")
    assert check_chapters(data, 16000, choice) == 3


@pytest.mark.parametrize(
    ("kind", "from_rate", "channels", "choice"),
    [
        ("varying", 22050, 2, "mix"),
        ("without a tag", 8000, 1, "mix"),
        pytest.param("varying", 44100, 2, "mix", marks=pytest.mark.thorough),
        pytest.param("with a tag", 22050, 2, "split", marks=pytest.mark.thorough),
        pytest.param("with a tag", 48000, 2, "only", marks=pytest.mark.thorough),
        pytest.param("varying", 16000, 1, "mix", marks=pytest.mark.thorough),
    ],
)
def test_and_of_mp3(kind, from_rate, channels, choice):
    assert check_chapters(mp3(kind, from_rate, 85.0, channels), 16000, CHOICES[choice]) == 3


CODED = {
    "aac": lambda: aac(22_050, 2),
    "opus": lambda: opus(12_000, band=8000),
    "opus stereo": lambda: opus(64_000, 2),
    "vorbis": vorbis,
}


@pytest.mark.parametrize(
    ("kind", "choice"),
    [
        ("aac", "mix"),
        ("opus", "mix"),
        pytest.param("opus stereo", "split", marks=pytest.mark.thorough),
        pytest.param("aac", "only", marks=pytest.mark.thorough),
        pytest.param("vorbis", "mix", marks=pytest.mark.thorough),
    ],
)
def test_and_of_what_ffmpeg_decodes(kind, choice):
    assert check_chapters(CODED[kind](), 16000, CHOICES[choice]) == 4
