"""Mp3 files of all kinds."""

from __future__ import annotations

import io

import numpy as np
from media_files import av_file, sound_file

from transforms.decode import open_decoder
from transforms.mpeg_frames import scan_frames

UNTAGGED = {"write_xing": "0", "id3v2_version": "0"}


def talk(rate: int, seconds: float, channels: int, seed: int = 0) -> np.ndarray:
    """Noise that comes and goes, different in each channel, with something common to all."""
    random = np.random.default_rng(seed)
    length = round(rate * seconds)
    loudness = np.repeat(random.uniform(0.001, 0.2, length // (rate // 4) + 1), rate // 4)[:length]
    own = random.standard_normal((channels, length)) * loudness * 0.3
    return (random.standard_normal(length) * loudness + own).T.astype(np.float32)


def mp3(kind: str, rate: int, seconds: float, channels: int = 1, seed: int = 0) -> bytes:
    """A file of a constant bit rate, "with a tag" or "without a tag", or of a "varying" one."""
    sound = talk(rate, seconds, channels, seed)
    if kind == "varying":
        return sound_file(sound, rate, "MP3")
    bit_rate = (24_000 if rate < 16_000 else 48_000) * channels
    layout = "mono" if channels == 1 else "stereo"
    options = {} if kind == "with a tag" else UNTAGGED
    return av_file(sound, rate, "mp3", "libmp3lame", layout=layout, bit_rate=bit_rate, options=options)


def places(data: bytes) -> list[int]:
    """Where frames begin."""
    found: list[int] = []
    scan_frames(io.BytesIO(data), lambda at, _, begins: found.extend((at + begins[:-1]).tolist()))
    return found


def in_one_piece(data: bytes) -> tuple[np.ndarray, str | None]:
    """The samples, and what is damaged."""
    with open_decoder(io.BytesIO(data), "a") as decoder:
        return np.concatenate([block.copy() for block in decoder.blocks()]), decoder.damage
