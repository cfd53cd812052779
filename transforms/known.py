"""Recordings that need no reading: known by address, size, modification mark and settings.

Each is one digest of all that would have to differ for its rows to differ, so
whoever lists recordings asks one question: is it here? Where size or mark is not
known (a download, a store that does not tell) a recording is never here.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import blake2b
from pathlib import Path

import numpy as np

from transforms.engines import EngineChoice
from transforms.errors import RecordingError
from transforms.objects import Objects
from transforms.records import Mark, Recording
from transforms.spill import Spill

DIGEST_BYTES = 16
"""The length of every digest here."""

_HALF_BYTES = DIGEST_BYTES // 2
_BLOCK_BYTES = 256 * DIGEST_BYTES


def recording_digest(audio_uri: str, mark: Mark, settings: str, crc32c: int | None = None) -> bytes:
    """What a recording is known by, 16 bytes.

    Args:
        audio_uri: its address.
        mark: its size and modification mark.
        settings: digest of the options that shape its rows, from `Shaping`.
        crc32c: its checksum, to find it by where one is expected.
    """
    parts = (audio_uri, mark.size_bytes, mark.modified, settings, crc32c)
    return blake2b(repr(parts).encode(), digest_size=DIGEST_BYTES).digest()


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
    """A set of digests in a file, of which memory holds 8 bytes for each 256.

    Args:
        path: a file that `writing_known` wrote, or a copy of it.

    Raises:
        OSError: it cannot be read.
    """

    def __init__(self, path: Path | SharedFile) -> None:
        if isinstance(path, Path):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as copy:
                copy.write(Objects(path.uri).read(path.name))
                copy.flush()
                self._descriptor = os.dup(copy.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self._size = os.fstat(self._descriptor).st_size
        # The first half of the digest that each block begins with.
        self._firsts = array("Q")
        for offset in range(0, self._size, _BLOCK_BYTES):
            self._firsts.append(_half(os.pread(self._descriptor, _HALF_BYTES, offset)))

    def __contains__(self, digest: bytes) -> bool:
        half = _half(digest[:_HALF_BYTES])
        # Of digests that begin alike some may end the block before.
        first = max(0, bisect_left(self._firsts, half) - 1)
        behind = bisect_right(self._firsts, half)
        return any(self._is_in_block(digest, block) for block in range(first, behind))

    def __len__(self) -> int:
        return self._size // DIGEST_BYTES

    def _is_in_block(self, digest: bytes, block: int) -> bool:
        held = os.pread(self._descriptor, _BLOCK_BYTES, block * _BLOCK_BYTES)
        found = held.find(digest)
        while found >= 0 and found % DIGEST_BYTES:
            found = held.find(digest, found + 1)
        return found >= 0


@contextmanager
def writing_known(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A function that takes digests, each once; the file for `Known` is there on leaving.

    Raises:
        OSError: on leaving, or from the function: a file cannot be written.
    """
    with Spill(DIGEST_BYTES) as spill:
        yield spill.add
        with path.open("wb") as file:
            for bucket in spill.buckets():
                pairs = np.frombuffer(bucket, dtype=">u8").reshape(-1, 2)
                high, low = (pairs[:, half].astype(np.uint64) for half in (0, 1))
                file.write(pairs[np.lexsort((low, high))].tobytes())


def write_known(path: Path, digests: Iterable[bytes]) -> None:
    """Write a set of digests for `Known`; see `writing_known`."""
    with writing_known(path) as take:
        for digest in digests:
            take(digest)


def _half(first: bytes) -> int:
    return int.from_bytes(first, "big")
