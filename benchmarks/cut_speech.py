"""Real speech with the times of its words, tightened to the signal.

Word times of recognizers and aligners are off by some hundredths of a second, and a word
before a pause often reaches into it. Here each edge is moved to where the sound begins or
ends, so that an edge of a segment can be judged to 30 ms.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from benchmarks.corpus import RECORDINGS, SAMPLE_RATE
from transforms.chosen import ChannelChoice
from transforms.normalize import normalize

MEASURED_RECORDINGS = RECORDINGS.parent.parent.parent / "shared" / "audio"
"""Where real recordings with word times lie, beside the checkout; they are not shipped."""

Floats = NDArray[np.float32]
Words = NDArray[np.int64]
"""First sample of each word and the one after its last, shape ``(words, 2)``, in order."""

_HOP = SAMPLE_RATE // 200
# Of the hops around one that are averaged: a period of a low voice must fit in.
_SMOOTHED_HOPS = 3
# The quietest twentieth of a recording is taken for its noise.
_NOISE_PERCENTILE = 5
_LOUD_PERCENTILE = 95
_ABOVE_NOISE_DB = 10.0
# What is as far below the loud parts is no speech, however silent the rest is.
_BELOW_LOUD_DB = 45.0
# Edges in a recording with less between noise and speech cannot be found.
_LEAST_RANGE_DB = 25.0
# A word may begin that much earlier or end that much later than was said of it: no more, or the
# breaths that follow upon words would be taken for their ends.
_REACH_SECONDS = 0.08
# Silence of this length at an edge of a word is none of it, though up to so much of its
# neighbour's sound was counted to it beyond that silence.
_PAUSE_SECONDS, _TAIL_SECONDS = 0.1, 0.03


@dataclass(frozen=True, slots=True)
class Spoken:
    """A recording and its words.

    Attributes:
        name: of its file.
        samples: at `SAMPLE_RATE`, shape ``(samples,)``, in [-1, 1].
        words: their places, tightened where `is_tight`.
        is_tight: whether the edges of the words could be found in the signal.
    """

    name: str
    samples: Floats
    words: Words
    is_tight: bool


def real_speech(folder: Path = MEASURED_RECORDINGS) -> list[Spoken]:
    """The recordings of a folder beside which lie ``*.words.json``; none if there is no such folder.

    Such a file is a list of objects with ``word``, ``start`` and ``end`` in seconds.
    """
    found = []
    for path in sorted(folder.glob("*.words.json")):
        stem = path.name.removesuffix(".words.json")
        (audio,) = (other for other in folder.glob(f"{stem}.*") if other != path)
        listed = json.loads(path.read_text(encoding="utf-8"))
        given = np.array([[word["start"], word["end"]] for word in listed]) * SAMPLE_RATE
        found.append(_spoken(audio, given))
    return found


def shipped_speech(names: Sequence[str] | None = None) -> list[Spoken]:
    """Synthetic speech that the project ships, its words placed by pocketsphinx's alignment.

    Args:
        names: of files in tests/recordings; None for all that can be decoded.
    """
    with (RECORDINGS / "references.csv").open(encoding="utf-8", newline="") as file:
        references = {row["audio"]: row["reference"] for row in csv.DictReader(file)}
    chosen = names or sorted(name for name in references if not name.startswith("broken"))
    return [_aligned(RECORDINGS / name, references[name]) for name in chosen]


def tighten(samples: Floats, given: Words) -> Words:
    """Move the edges of words to where their sound begins and ends.

    An edge within sound moves outward to the end of that sound, one in silence inward to
    its begin; neither into a neighbour, nor outward by more than 80 ms. Up to 30 ms of sound
    beyond 100 ms of silence are taken for a neighbour's. A word without any sound stays where
    it is.

    Args:
        samples: of the recording, shape ``(samples,)``.
        given: the words as somebody placed them.
    """
    active = _active_hops(samples)
    hops = np.clip(np.round(given / _HOP).astype(np.int64), 0, len(active))
    reach = round(_REACH_SECONDS * SAMPLE_RATE / _HOP)
    tight = hops.copy()
    for number, (start, end) in enumerate(hops):
        sounding = _without_tails(np.flatnonzero(active[start:end]))
        if not len(sounding):
            continue
        lower = max(hops[number - 1, 1] if number else 0, start - reach)
        upper = min(hops[number + 1, 0] if number + 1 < len(hops) else len(active), end + reach)
        first, last = start + sounding[0], start + sounding[-1] + 1
        tight[number, 0] = start - _run(active[lower:start][::-1]) if first == start else first
        tight[number, 1] = end + _run(active[end:upper]) if last == end else last
    for number, (left, right) in enumerate(pairwise(tight)):
        if left[1] > right[0]:
            tight[number, 1] = tight[number + 1, 0] = (left[1] + right[0]) // 2
    placed: Words = np.minimum(tight * _HOP, len(samples))
    return placed


def dynamic_range_db(samples: Floats) -> float:
    """From the noise of a recording to its loud parts."""
    levels = _levels_db(samples)
    return float(np.percentile(levels, _LOUD_PERCENTILE) - np.percentile(levels, _NOISE_PERCENTILE))


def _without_tails(sounding: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out of a word's sounding hops what is rather its neighbours'."""
    pause, tail = round(_PAUSE_SECONDS * SAMPLE_RATE / _HOP), round(_TAIL_SECONDS * SAMPLE_RATE / _HOP)
    pauses = np.flatnonzero(np.diff(sounding) > pause)
    if not len(pauses):
        return sounding
    first, last = pauses[0] + 1, pauses[-1] + 1
    from_hop = first if sounding[first - 1] - sounding[0] < tail else 0
    to_hop = last if sounding[-1] - sounding[last] < tail and last > from_hop else len(sounding)
    return sounding[from_hop:to_hop]


def _run(active: NDArray[np.bool_]) -> int:
    """How many hops at the beginning are active."""
    return int(np.argmin(active)) if not active.all() else len(active)


def _levels_db(samples: Floats) -> NDArray[np.float64]:
    whole = len(samples) // _HOP
    squares = np.square(samples[: whole * _HOP], dtype=np.float64).reshape(whole, _HOP).mean(axis=1)
    smooth = np.convolve(squares, np.full(_SMOOTHED_HOPS, 1 / _SMOOTHED_HOPS), mode="same")
    levels: NDArray[np.float64] = 10 * np.log10(smooth + 1e-12)
    return levels


def _active_hops(samples: Floats) -> NDArray[np.bool_]:
    levels = _levels_db(samples)
    noise, loud = np.percentile(levels, [_NOISE_PERCENTILE, _LOUD_PERCENTILE])
    threshold = max(noise + _ABOVE_NOISE_DB, loud - _BELOW_LOUD_DB)
    active: NDArray[np.bool_] = levels > threshold
    return active


def _spoken(path: Path, given: NDArray[np.float64]) -> Spoken:
    samples = _read(path)
    is_tight = dynamic_range_db(samples) >= _LEAST_RANGE_DB
    words = np.round(given).astype(np.int64)
    return Spoken(path.name, samples, tighten(samples, words) if is_tight else words, is_tight)


def _read(path: Path) -> Floats:
    with path.open("rb") as stream:
        blocks = normalize(stream, name=path.name, sample_rate=SAMPLE_RATE, channels=ChannelChoice.mix())
        pcm = b"".join(block.audio.raw_data for block in blocks)
    samples: Floats = np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
    return samples


def _aligned(path: Path, reference: str) -> Spoken:
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    decoder.set_align_text(re.sub(r"[^a-z' ]", "", reference.lower()))
    decoder.start_utt()
    decoder.process_raw((_read(path) * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    frame = SAMPLE_RATE // 100
    given = [
        (part.start_frame * frame, (part.end_frame + 1) * frame)
        for part in decoder.seg()
        if not part.word.startswith("<")
    ]
    return _spoken(path, np.array(given, dtype=np.float64))
