"""A segment's sound as FLAC: no sample is changed, and speech takes about half the room."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from transforms.sound import AudioSegment


def to_flac(audio: AudioSegment) -> bytes | None:
    """The sound as a FLAC file; the same sound gives the same bytes.

    None if there are no samples: such a file would be one that nobody reads.

    Args:
        audio: 16-bit mono.
    """
    samples = np.frombuffer(audio.raw_data, "<i2")
    if not len(samples):
        return None
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, audio.frame_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
