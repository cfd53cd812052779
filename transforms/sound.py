"""pydub's AudioSegment, imported without its complaints.

pydub warns at import that no ffmpeg program is on the PATH. None is needed: recordings
are decoded and payloads encoded in this process (`decode`, `encode`).
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

__all__ = ["AudioSegment", "sound_of"]


def sound_of(pcm: bytes, sample_rate: int) -> AudioSegment:
    """Normalized audio, 16-bit little-endian mono, as an AudioSegment."""
    return AudioSegment(data=pcm, sample_width=2, frame_rate=sample_rate, channels=1)
