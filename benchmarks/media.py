"""Real speech in the formats that recordings come in, any length of it.

The speech is that of ``../shared/audio`` beside the checkout where it is there, of people
before real microphones, up to the top of the band; else the synthetic recordings of the tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Final

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.corpus import RECORDINGS
from transforms.decode import open_decoder
from transforms.samples import floats_of, to_int16

REAL_RECORDINGS: Final = Path(__file__).resolve().parent.parent.parent / "shared" / "audio"

_REAL: Final = (
    "en_azure_custom_test_derived_44k_stereo.m4a",
    "de_auditok_44k.wav",
    "en_jfk_44k_stereo.flac",
    "en_nemo_audio_1.opus",
    "en_watson_speech.wav",
)
_SYNTHETIC: Final = ("evening_48k.flac", "museum_44k.m4a", "interview_32k_stereo.flac", "city_48k_long.mp3")
# As loud as the noise of a quiet room, in steps of 16 bits: no two recordings are alike in any place.
_NOISE = 4.0
# Half the time that lame takes by default; what is decoded is no different.
_ENCODER_OPTIONS: Final = {"compression_level": "7"}
_LAYOUTS: Final = {1: "mono", 2: "stereo"}


@dataclass(frozen=True, slots=True)
class Format:
    """A format of recordings.

    Attributes:
        name: what tables call it.
        suffix: of its files, without the dot.
        encoding: a subtype of libsndfile, or where there is a bit rate, an encoder of FFmpeg.
        sample_rate: of the recordings, per second.
        channels: one or two.
        bit_rate: bits per second; None for formats that have none to choose.
    """

    name: str
    suffix: str
    encoding: str
    sample_rate: int
    channels: int
    bit_rate: int | None = None


WAV: Final = Format("wav 44.1 kHz stereo", "wav", "PCM_16", 44_100, 2)
MP3: Final = Format("mp3 44.1 kHz stereo", "mp3", "libmp3lame", 44_100, 2, 128_000)
FLAC: Final = Format("flac 44.1 kHz stereo", "flac", "PCM_16", 44_100, 2)
FORMATS: Final = (
    WAV,
    MP3,
    FLAC,
    Format("m4a 44.1 kHz stereo", "m4a", "aac", 44_100, 2, 128_000),
    Format("opus 48 kHz stereo", "opus", "libopus", 48_000, 2, 64_000),
    Format("vorbis 44.1 kHz stereo", "ogg", "VORBIS", 44_100, 2),
    Format("wav 48 kHz mono", "wav", "PCM_16", 48_000, 1),
    Format("wav 16 kHz mono", "wav", "PCM_16", 16_000, 1),
    Format("wav 8 kHz mono, mu-law", "wav", "ULAW", 8_000, 1),
)


def make_media(folder: Path, kind: Format, count: int, seconds: float) -> list[Path]:
    """Write recordings of one format into a new folder.

    Args:
        folder: is made.
        kind: their format.
        count: how many.
        seconds: the length of each.

    Returns:
        Where they are.
    """
    folder.mkdir(parents=True)
    paths = [folder / f"recording-{number:04d}.{kind.suffix}" for number in range(count)]
    _speech(kind.sample_rate, kind.channels)  # once, and not once by each thread
    with ThreadPoolExecutor(os.cpu_count()) as crew:
        list(crew.map(_write, paths, repeat(kind), repeat(seconds), range(count)))
    return paths


def _write(path: Path, kind: Format, seconds: float, seed: int) -> None:
    blocks = _blocks(kind, seconds, seed)
    if kind.bit_rate is not None:
        _encode(path, kind, kind.bit_rate, blocks)
        return
    with soundfile.SoundFile(path, "w", kind.sample_rate, kind.channels, kind.encoding) as file:
        for block in blocks:
            file.write(block)


def _encode(path: Path, kind: Format, bit_rate: int, blocks: Iterator[NDArray[np.int16]]) -> None:
    layout = _LAYOUTS[kind.channels]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(kind.encoding, rate=kind.sample_rate, options=_ENCODER_OPTIONS)
        stream.layout = layout
        stream.bit_rate = bit_rate
        for block in blocks:
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate = kind.sample_rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _blocks(kind: Format, seconds: float, seed: int) -> Iterator[NDArray[np.int16]]:
    """A recording second by second, each of shape ``(frames, channels)``; another seed, another one."""
    random = np.random.default_rng(seed)
    speech = _speech(kind.sample_rate, kind.channels)
    begin = int(random.integers(len(speech)))
    end = begin + round(seconds * kind.sample_rate)
    for start in range(begin, end, kind.sample_rate):
        places = np.arange(start, min(start + kind.sample_rate, end))
        plain = speech.take(places, axis=0, mode="wrap")
        noise = random.standard_normal(plain.shape, dtype=np.float32) * np.float32(_NOISE)
        yield np.clip(plain + noise, -32768, 32767).astype(np.int16)


@cache
def _speech(sample_rate: int, channels: int) -> NDArray[np.int16]:
    """The recordings one after the other, shape ``(samples, channels)``."""
    is_real = REAL_RECORDINGS.is_dir()
    folder, names = (REAL_RECORDINGS, _REAL) if is_real else (RECORDINGS, _SYNTHETIC)
    parts = []
    for name in names:
        with (folder / name).open("rb") as stream, open_decoder(stream, name) as decoder:
            whole = np.concatenate([floats_of(block.copy()) for block in decoder.blocks()])
            # One channel becomes two equal ones; of two, the left one becomes the only one.
            chosen = np.resize(whole.T, (channels, len(whole))).T
            parts.append(soxr.resample(chosen, decoder.sample_rate, sample_rate, quality="HQ"))
    return np.ascontiguousarray(to_int16(np.concatenate(parts)))
