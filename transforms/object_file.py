"""An object as a file that decoders can move in: of its size, holding only the blocks that were read.

The keys of the store stay with whoever opened it. A decode process, which reads strangers' files and
has none, gets the descriptor and asks its parent for each block that it comes to first.
"""

from __future__ import annotations

import os
import tempfile
from typing import BinaryIO, Final

from transforms import codes
from transforms.block_file import BLOCK_BYTES, BlockFile
from transforms.errors import RecordingError
from transforms.fetch import object_errors
from transforms.objects import Objects
from transforms.records import Mark, Stage

HEADER_BLOCK_BYTES: Final = 64 << 10
"""What is fetched at a time of one that is opened for its header."""
_IN_ORDER_BYTES: Final = 8 << 20


class ObjectFile(BlockFile):
    """An object of a store; its blocks lie in a temporary file without a name.

    Args:
        uri: of the object.
        block_bytes: what is fetched at a time.

    Attributes:
        opened_as: what the store said of it first.

    Raises:
        RecordingError: there is no such object, or the store refuses it.
        OSError: there is no place for the temporary file.
    """

    def __init__(self, uri: str, block_bytes: int = BLOCK_BYTES) -> None:
        self._uri = uri
        with object_errors():
            self._objects = Objects(uri)
        self.opened_as = self.state()
        with tempfile.TemporaryFile(buffering=0) as file:
            file.truncate(self.opened_as.size_bytes)
            super().__init__(os.dup(file.fileno()), self.bring, block_bytes)

    def state(self) -> Mark:
        """What the store says of it now.

        Raises:
            RecordingError: it is gone, or the store does not say.
        """
        with object_errors():
            mark = self._objects.mark("")
        if mark is None:
            raise RecordingError(
                Stage.READ, codes.NOT_FOUND, f"{self._uri}: no such object. Was it moved or deleted?"
            )
        return mark

    def bring(self, number: int) -> None:
        """Fetch a block into the file, once.

        Raises:
            RecordingError: the store does not give it, or not whole.
            ConnectionError: it has no such block, or has it already.
            OSError: the temporary file cannot be written.
        """
        offset = number * self.block_bytes
        if not 0 <= offset < self._size or number in self._there:
            # Who asks without end would be at work without end, and the store has its price.
            raise ConnectionError(f"{self._uri} has no block {number} to be brought")
        length = min(self.block_bytes, self._size - offset)
        with object_errors():
            data = self._objects.read("", offset, length)
        if len(data) != length:
            raise RecordingError(
                Stage.READ,
                codes.READ_FAILED,
                f"{self._uri}: it ends before byte {offset + length:,}. It was changed meanwhile: run the "
                "same command again.",
                retryable=True,
            )
        view = memoryview(data)
        while view:
            written = os.pwrite(self.fileno(), view, offset)
            view, offset = view[written:], offset + written
        self._there.add(number)

    def in_order(self) -> BinaryIO:
        """The object from its first byte to its last, past the file; the caller closes it."""
        with object_errors():
            return self._objects.open("", _IN_ORDER_BYTES)
