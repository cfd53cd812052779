"""Ways from a file to 16-bit mono at 16 kHz, and what each of them costs."""

from __future__ import annotations

import io
import resource
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import av
import numpy as np
import soundfile
import soxr

from benchmarks.ffmpeg import Ffmpeg
from benchmarks.media import WAV, Format
from transforms.checksum import ChecksumReader
from transforms.chosen import ChannelChoice
from transforms.normalize import normalize
from transforms.samples import to_int16
from transforms.sound import AudioSegment

SAMPLE_RATE: Final = 16_000

OURS: Final = "ours"
SNDFILE: Final = "soundfile + soxr"
FFMPEG: Final = "ffmpeg"
FFMPEG_SOXR: Final = "ffmpeg, soxr"
PYAV: Final = "PyAV"
PYDUB: Final = "pydub"

# As fast as any block from a quarter of a second to five.
_SNDFILE_SECONDS = 2


def _anything(kind: Format) -> bool:
    return True


def _is_plain_wav(kind: Format) -> bool:
    return (kind.suffix, kind.encoding) == (WAV.suffix, WAV.encoding)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to decode.

    Attributes:
        name: what tables call it.
        decode: takes a file to its end, and keeps nothing.
        reads: whether it reads a format.
    """

    name: str
    decode: Callable[[Path], object]
    reads: Callable[[Format], bool] = _anything


@dataclass(frozen=True, slots=True)
class Usage:
    """What something took: by the clock, and of all cores, child processes included."""

    wall_seconds: float
    cpu_seconds: float


def ways(ffmpeg: Ffmpeg | None) -> list[Way]:
    """Ours, then what it is measured against, as far as that is here.

    pydub is left with what it reads by itself where it finds no ffmpeg and ffprobe.
    """
    found = [Way(OURS, _ours), Way(SNDFILE, _sndfile, lambda kind: kind.suffix != "m4a")]
    if ffmpeg is not None:
        found += [
            Way(FFMPEG, lambda path: ffmpeg.decode_to_nowhere([path])),
            Way(FFMPEG_SOXR, lambda path: ffmpeg.decode_to_nowhere([path], "soxr")),
        ]
    found.append(Way(PYAV, _pyav))
    has_programs = shutil.which("ffmpeg") and shutil.which("ffprobe")
    found.append(Way(PYDUB, _pydub, _anything if has_programs else _is_plain_wav))
    return found


def compare(each: Sequence[Way], kind: Format, paths: Sequence[Path], rounds: int) -> dict[str, Usage]:
    """Let the ways decode the same files in turn.

    Args:
        each: the ways; those that do not read them are left out.
        kind: the format of the files.
        paths: where they are.
        rounds: how often each has its turn.

    Returns:
        By the name of the way, what all files took it; the median of the rounds.
    """
    able = [way for way in each if way.reads(kind)]
    taken: dict[str, list[Usage]] = {way.name: [] for way in able}
    for _ in range(rounds):
        for way in able:
            taken[way.name].append(used(partial(_decode_all, way, paths)))
    return {
        name: Usage(median(one.wall_seconds for one in all_), median(one.cpu_seconds for one in all_))
        for name, all_ in taken.items()
    }


def used(work: Callable[[], object]) -> Usage:
    """Do something in this process and its children, and say what it took."""
    wall_seconds, cpu_seconds = time.monotonic(), _cpu_seconds()
    work()
    return Usage(time.monotonic() - wall_seconds, _cpu_seconds() - cpu_seconds)


def _cpu_seconds() -> float:
    """CPU of this process and of the children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def _decode_all(way: Way, paths: Sequence[Path]) -> None:
    for path in paths:
        way.decode(path)


def _ours(path: Path) -> None:
    """As the product does, its checksum and digest included."""
    with ChecksumReader(io.FileIO(path)) as source:
        blocks = normalize(source, name=path.name, sample_rate=SAMPLE_RATE, channels=ChannelChoice.mix())
        deque(blocks, maxlen=0)
        source.finish()


def _sndfile(path: Path) -> None:
    with soundfile.SoundFile(path) as file:
        rate = file.samplerate
        weights = np.full(file.channels, 1 / file.channels, np.float32)
        stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        for block in file.blocks(_SNDFILE_SECONDS * rate, dtype="float32", always_2d=True):
            to_int16(stream.resample_chunk(block @ weights))
        to_int16(stream.resample_chunk(np.empty(0, np.float32), last=True))


def _pyav(path: Path) -> None:
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            for done in resampler.resample(frame):
                done.to_ndarray()
        resampler.resample(None)


def _pydub(path: Path) -> None:
    AudioSegment.from_file(path).set_frame_rate(SAMPLE_RATE).set_channels(1)
