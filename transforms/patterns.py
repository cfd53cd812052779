"""Which files are meant by a path, folder, pattern or address, as somebody typed it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems

from transforms.addresses import is_uri, locate
from transforms.media_names import is_hidden, is_media
from transforms.object_listing import object_pattern
from transforms.objects import is_object_uri
from transforms.records import Mark
from transforms.walk import Glob, files_beneath, has_magic, split_glob

Located = tuple[bytes, Mark | None]


class Pattern(Protocol):
    """What was typed, once it was looked at whether there is a file or folder of just that name."""

    def locations(self, on_other: Callable[[int], None]) -> Iterator[Located]:
        """What is meant, with what its store says of it.

        Args:
            on_other: told how many further files of a folder were left out, as they are met.

        Raises:
            OSError: a store cannot be listed.
        """

    def covers(self, location: bytes) -> bool:
        """Whether `locations`, which has come to its end, gave this one out: by the name, not by memory."""


def pattern_of(typed: str, base: str) -> Pattern:
    """What is meant by a pattern.

    Args:
        typed: a file, folder, glob or URI; what exists by just this name is never a glob.
        base: the folder that a relative one starts from.

    Raises:
        OSError: a store cannot be asked.
        UsageError: what the store needs is not installed.
    """
    path = os.fsdecode(locate(typed, os.fsencode(base)))
    if is_object_uri(path):
        return object_pattern(path)
    if is_uri(path):
        return _OfBeam(path)
    if os.path.isdir(path):  # noqa: PTH112
        return _Files(path)
    if os.path.lexists(path) or not has_magic(typed):
        return OneFile(locate(path))
    glob = split_glob(path if is_uri(typed) else typed, base)
    return _Files(glob.top, glob)


def local_mark(location: bytes) -> Mark | None:
    """What the disk says of a file; None for what is not there or not on a disk."""
    if is_uri(location):
        return None
    try:
        status = os.stat(location)  # noqa: PTH116 - the name is bytes
    except (OSError, ValueError):
        return None
    return Mark(status.st_size, str(status.st_mtime_ns))


@dataclass(frozen=True, slots=True)
class OneFile:
    """A name without wildcards.

    It is given out even if the file has gone since it was checked: reading it fails, and the
    failure becomes a row.
    """

    location: bytes

    def locations(self, on_other: Callable[[int], None]) -> Iterator[Located]:
        """See `Pattern`."""
        yield self.location, local_mark(self.location)

    def covers(self, location: bytes) -> bool:
        """See `Pattern`."""
        return location == self.location


@dataclass(frozen=True, slots=True)
class _Files:
    """A folder of this machine, all of it that counts as recordings or what fits a glob."""

    top: str
    glob: Glob | None = None
    closed: list[bytes] = field(default_factory=list)  # folders that could not be listed

    def locations(self, on_other: Callable[[int], None]) -> Iterator[Located]:
        """See `Pattern`."""
        if not os.path.isdir(self.top):  # noqa: PTH112
            return
        for found in files_beneath(self.top, self.glob.may_hold if self.glob else lambda _: True):
            closed = found.unlistable and not is_hidden(found.names)
            if closed or self._fits(found.names):
                location = locate(os.path.join(self.top, *found.names))  # noqa: PTH118
                if closed:
                    self.closed.append(location)
                yield location, local_mark(location)
            elif self.glob is None:
                on_other(1)

    def covers(self, location: bytes) -> bool:
        """See `Pattern`."""
        top = locate(self.top).rstrip(b"/") + b"/"
        if location in self.closed or not location.startswith(top):
            return location in self.closed
        names = tuple(os.fsdecode(location.removeprefix(top)).split("/"))
        # What the walk never came to, or cannot be a file, was not given out, whatever its name.
        inside_closed = any(location.startswith(each + b"/") for each in self.closed)
        return self._fits(names) and not (
            inside_closed or os.path.isdir(location) or _is_in_itself(self.top, names)  # noqa: PTH112
        )

    def _fits(self, names: tuple[str, ...]) -> bool:
        return self.glob.fits(names) if self.glob else is_media(names)


def _is_in_itself(top: str, names: tuple[str, ...]) -> bool:
    """Whether a path goes through a folder twice, by a link, which the walk never does."""
    folders = [os.path.join(top, *names[:depth]) for depth in range(len(names))]  # noqa: PTH118
    try:
        identities = [(each.st_dev, each.st_ino) for each in map(os.stat, folders)]
    except OSError:
        return False
    return len(set(identities)) < len(identities)


@dataclass(frozen=True, slots=True)
class _OfBeam:
    """A URI of another file system of Beam's, which lists all at once."""

    uri: str
    given: set[bytes] = field(default_factory=set)

    def locations(self, on_other: Callable[[int], None]) -> Iterator[Located]:
        """What the URI matches, else the files beneath it, else itself."""
        for path, mark in self._found(on_other):
            location = locate(path)
            self.given.add(location)
            yield location, mark

    def covers(self, location: bytes) -> bool:
        """See `Pattern`."""
        return location in self.given

    def _found(self, on_other: Callable[[int], None]) -> Iterator[tuple[str, Mark | None]]:
        if has_magic(self.uri) and not FileSystems.exists(self.uri):
            yield from _matching(self.uri)
            return
        folder = self.uri.rstrip("/") + "/"
        beneath = _matching(folder + "**")
        for path, mark in beneath:
            if is_media(tuple(path.removeprefix(folder).split("/"))):
                yield path, mark
            else:
                on_other(1)
        if not beneath:
            yield from ((self.uri, mark) for _, mark in _matching(self.uri) or [(self.uri, None)])


def _matching(pattern: str) -> list[tuple[str, Mark | None]]:
    """Match a pattern of a remote file system; names that end in ``/`` only mark a folder."""
    (result,) = FileSystems.match([pattern])
    return sorted((one.path, _mark_of(one)) for one in result.metadata_list if not one.path.endswith("/"))


def _mark_of(metadata: FileMetadata) -> Mark | None:
    """What a store says of an object; None where it does not tell when it changed."""
    changed_at = metadata.last_updated_in_seconds
    return Mark(metadata.size_in_bytes, str(changed_at)) if changed_at else None
