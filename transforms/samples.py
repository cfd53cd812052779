"""The two forms in which decoded samples come, and the ones that are computed with. Pure."""

from __future__ import annotations

import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Samples: TypeAlias = "NDArray[np.float32] | NDArray[np.int16]"
"""Of shape (frames, channels): floats in [-1, 1), or whole numbers that are 32,768 times as large."""

_STEP = np.float32(1 / 32768)


def floats_of(samples: Samples) -> Floats:
    """The same as floats in [-1, 1); what is float already comes back itself."""
    if samples.dtype != np.int16:
        return samples.astype(np.float32, copy=False)
    floats: Floats = np.multiply(samples, _STEP, dtype=np.float32)
    return floats


def planes_of(samples: Samples) -> Floats:
    """The same as floats, each channel in one piece: (channels, frames). They are not copied if they are."""
    frames, channels = samples.shape
    if samples.dtype != np.int16 or channels != 2 or sys.byteorder != "little":
        turned = floats_of(samples).T
        return turned if turned.strides[1] == turned.itemsize else np.ascontiguousarray(turned)
    # Both samples of a frame as one number, of which the left one is the lower half: numpy
    # takes longer to pick every other sample.
    pairs: NDArray[Any] = np.ascontiguousarray(samples).view(np.int32)[:, 0]
    planes: Floats = np.empty((2, frames), np.float32)
    planes[0] = pairs << 16
    planes[1] = pairs & -65536
    planes *= np.float32(2**-31)
    return planes


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Round to 16 bits, little-endian; what lies beyond full scale is clipped, never wrapped."""
    if samples.dtype == np.int16:
        return samples.astype("<i2", copy=False)
    scaled = samples * np.float32(32768)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -32768, 32767, out=scaled)
    whole: NDArray[np.int16] = scaled.astype("<i2")
    return whole
