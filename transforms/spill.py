"""More digests than memory should hold: in a temporary file, handed back a bucket at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

_BUCKETS = 256
_CHUNK_BYTES = 4 * 2**20


class Spill:
    """Records of one length that begin with a digest, gathered in any number.

    Memory holds 4 MiB and, while they are handed back, a 256th of them: 12 MB of 100
    million records of 32 bytes. The file has no name and lies where temporary files do.

    Args:
        record_bytes: the length of each record.
    """

    def __init__(self, record_bytes: int) -> None:
        self._record_bytes = record_bytes
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._waiting = bytearray()
        self._chunks: list[tuple[int, NDArray[np.int64]]] = []  # where each begins, and its buckets in it
        self._end = 0

    def __enter__(self) -> Spill:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, record: bytes) -> None:
        """Take one record.

        Raises:
            OSError: the temporary file cannot be written.
        """
        self._waiting += record
        if len(self._waiting) >= _CHUNK_BYTES:
            self._write()

    def buckets(self) -> Iterator[bytes]:
        """All records: those whose digests begin with the same byte together, the lowest byte first.

        Inside a bucket they stand as they came.

        Raises:
            OSError: the temporary file cannot be written or read.
        """
        self._write()
        for bucket in range(_BUCKETS):
            found = b"".join(
                os.pread(self._file.fileno(), int(ends[bucket + 1] - ends[bucket]), start + int(ends[bucket]))
                for start, ends in self._chunks
            )
            if found:
                yield found

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _write(self) -> None:
        """Put what waits behind the rest, in the order of its buckets."""
        if not self._waiting:
            return
        records = np.frombuffer(bytes(self._waiting), np.uint8).reshape(-1, self._record_bytes)
        bucket_of = records[:, 0]
        sizes = np.bincount(bucket_of, minlength=_BUCKETS) * self._record_bytes
        self._file.write(records[np.argsort(bucket_of, kind="stable")].tobytes())
        self._file.flush()
        self._chunks.append((self._end, np.concatenate([[0], np.cumsum(sizes)])))
        self._end += len(self._waiting)
        self._waiting.clear()
