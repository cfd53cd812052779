"""Recordings that need no reading: known by address, size, modification mark and settings.

Each is one digest of all that would have to differ for its rows to differ, so
whoever lists recordings asks one question: is it here? Where size or mark is not
known (a download, a store that does not tell) a recording is never here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transforms.engines import EngineChoice
from transforms.errors import RecordingError
from transforms.objects import Objects
from transforms.records import Mark, Recording

_DIGEST_BYTES = 16


def recording_digest(audio_uri: str, mark: Mark, settings: str, crc32c: int | None = None) -> bytes:
    """What a recording is known by, 16 bytes.

    Args:
        audio_uri: its address.
        mark: its size and modification mark.
        settings: digest of the options that shape its rows, from `Shaping`.
        crc32c: its checksum, to find it by where one is expected.
    """
    parts = (audio_uri, mark.size_bytes, mark.modified, settings, crc32c)
    return blake2b(repr(parts).encode(), digest_size=_DIGEST_BYTES).digest()


def settings_digest(*shaping: object) -> str:
    """Options that shape the rows of a recording, as 16 hexadecimal digits.

    Args:
        shaping: plain values (text, numbers, tuples of them) in a fixed order.
    """
    return blake2b(repr(shaping).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Shaping:
    """The options that shape the rows of a recording.

    Attributes:
        base: `settings_digest` of all that is the same for every recording.
        engines: which engine transcribes which language.
        richer: of other options whose rows have all that these ask for, and more.
    """

    base: str
    engines: EngineChoice
    richer: tuple[str, ...] = ()

    @property
    def bases(self) -> tuple[str, ...]:
        """Of the options whose rows are as good as new ones would be."""
        return (self.base, *self.richer)

    def of(self, recording: Recording) -> str:
        """The digest for one recording; it stands in the column ``settings`` of its rows."""
        return self.all_of(recording)[0]

    def all_of(self, recording: Recording) -> tuple[str, ...]:
        """The digests by which the rows of one recording are known to be as they should be."""
        try:
            engine = self.engines.engine_for(recording.language)
        except RecordingError:
            engine = ""  # it failed, and may not when an engine is added
        return tuple(
            settings_of_rows(base, engine, recording.channel, recording.recording_id) for base in self.bases
        )


def settings_of_rows(base: str, engine: str, channel: int | None, recording_id: str | None) -> str:
    """The column ``settings`` of a recording's rows; ``channel`` is None unless one was asked for."""
    return settings_digest(base, engine, channel, recording_id)


class Standing(Enum):
    """How a recording that was found stands in the dataset."""

    NEW = auto()
    DONE = auto()
    FAILING = auto()


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file of digests in object storage, where every host can read it.

    Attributes:
        uri: of the state.
        name: relative to it.
    """

    uri: str
    name: str


@dataclass(frozen=True, slots=True)
class Skipping:
    """What to leave out of a listing: recordings whose rows are in the dataset already.

    Attributes:
        done: a file of digests, from `write_known`: wholly transcribed.
        failing: likewise: what failed, for good, wholly or in part.
        shaping: the options of this run.
    """

    done: Path | SharedFile
    failing: Path | SharedFile
    shaping: Shaping

    def open(self) -> Callable[[Recording], Standing]:
        """A function that tells how a recording stands; only new ones need reading."""
        done, failing = Known(self.done), Known(self.failing)

        def standing(recording: Recording) -> Standing:
            if recording.mark is None:
                return Standing.NEW
            digests = [
                recording_digest(recording.audio_uri, recording.mark, settings, recording.expected_crc32c)
                for settings in self.shaping.all_of(recording)
            ]
            if any(digest in failing for digest in digests):
                return Standing.FAILING
            return Standing.DONE if any(digest in done for digest in digests) else Standing.NEW

        return standing


class Known:
    """A set of digests in a file, which takes 16 bytes for each and no time to open.

    Args:
        path: a file that `write_known` wrote, or a copy of it.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: Path | SharedFile) -> None:
        if isinstance(path, Path):
            pairs = np.fromfile(path, dtype=">u8").reshape(-1, 2)
        else:
            pairs = np.frombuffer(Objects(path.uri).read(path.name), dtype=">u8").reshape(-1, 2)
        # In columns and in the machine's own order, or every search would convert them anew.
        self._high: NDArray[np.uint64] = pairs[:, 0].astype(np.uint64)
        self._low: NDArray[np.uint64] = pairs[:, 1].astype(np.uint64)

    def __contains__(self, digest: bytes) -> bool:
        high, low = np.frombuffer(digest, dtype=">u8").astype(np.uint64)
        place = int(np.searchsorted(self._high, high))
        while place < len(self._high) and self._high[place] == high:
            if self._low[place] == low:
                return True
            place += 1
        return False

    def __len__(self) -> int:
        return len(self._high)


def write_known(path: Path, digests: Iterable[bytes]) -> None:
    """Write a set of digests for `Known`."""
    pairs = np.frombuffer(b"".join(digests), dtype=">u8").reshape(-1, 2)
    pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].tofile(path)
