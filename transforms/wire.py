"""Messages, and open files with them, between two processes of one machine."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Sequence
from typing import Final

# Length of the message and number of the files.
_HEADER: Final = struct.Struct(">QH")
# What Linux lets through at a time (SCM_MAX_FD).
_MAX_FILES: Final = 253
# More than what a recording of days is cut into; a longer message is a lie.
_MAX_BYTES: Final = 64 << 20


class Wire:
    """One end of a pair of connected Unix sockets.

    Args:
        end: closed with this one.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, message: bytes, files: Sequence[int] = ()) -> None:
        """Send a message, and the files behind some descriptors; they stay open here.

        Raises:
            OSError: the other end is closed.
        """
        header = _HEADER.pack(len(message), len(files))
        if files:
            socket.send_fds(self._end, [header], files)
        else:
            self._end.sendall(header)
        self._end.sendall(message)

    def receive(self) -> tuple[bytes, list[int]]:
        """Wait for the next message.

        Returns:
            The message, and descriptors of the files that came with it, open here now.

        Raises:
            EOFError: the other end is closed.
            TimeoutError: the socket has a time limit, and it is over.
            ConnectionError: the other end does not keep to the form.
            OSError: this process has too many files open already.
        """
        files: list[int] = []
        try:
            header = self._whole(_HEADER.size, files)
            length, count = _HEADER.unpack(header)
            if length > _MAX_BYTES:
                raise ConnectionError(f"a message of {length} bytes was announced")
            message = self._whole(length, files)
            if len(files) != count:
                raise OSError(
                    errno.EMFILE,
                    f"{count} files were sent and {len(files)} could be opened: this process has too many "
                    "open; raise its limit (ulimit -n)",
                )
        except BaseException:
            for file in files:
                os.close(file)
            raise
        return message, files

    def limit(self, seconds: float) -> None:
        """Let sending and receiving take no longer than that at a time."""
        self._end.settimeout(seconds)

    def fileno(self) -> int:
        """The descriptor of the socket, to wait for it among others."""
        return self._end.fileno()

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _whole(self, size: int, files: list[int]) -> bytes:
        """So many bytes; descriptors that come with them are added to the files."""
        parts = bytearray()
        while len(parts) < size:
            try:
                part, more, _, _ = socket.recv_fds(self._end, size - len(parts), _MAX_FILES)
            except ConnectionResetError:  # closed with something unread
                part, more = b"", []
            for file in more:
                os.set_inheritable(file, False)
            files += more
            if not part:
                raise EOFError("the other end is closed")
            parts += part
        return bytes(parts)
