"""Decode, resample and cut a recording, without Beam and without a call.

python docs/examples/cut_only.py RECORDING FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from transforms.cuts import CutPolicy
from transforms.cutting import cut
from transforms.normalize import ChannelChoice, normalize

SAMPLE_RATE = 16_000


def main(path: Path, folder: Path) -> None:
    """Write the segments of a recording as wav files, named by where they begin."""
    folder.mkdir(parents=True, exist_ok=True)
    policy = CutPolicy.for_rate(SAMPLE_RATE, max_samples=59 * SAMPLE_RATE)
    with path.open("rb") as stream:
        blocks = normalize(stream, name=str(path), sample_rate=SAMPLE_RATE, channels=ChannelChoice.mix())
        # A segment is a pydub AudioSegment: 16-bit mono, at most 59 s.
        for where, segment in cut((block.audio for block in blocks), policy):
            start_ms = where.own.start_sample * 1000 // SAMPLE_RATE
            segment.export(folder / f"{path.stem}-{start_ms:08d}.wav", format="wav")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
