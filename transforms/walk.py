"""Folders and globs of the local machine, every name that a disk can hold.

Names are text with Python's escaped surrogates for bytes that are not UTF-8, so
that ``?`` stands for one character and ``os.fsencode`` gives the name back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

_ANY_DEPTH = "**"
_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Found:
    """A file, or a folder that cannot be listed.

    Attributes:
        names: from the top of the walk downwards; none for the top itself.
        unlistable: whether it is such a folder.
    """

    names: tuple[str, ...]
    unlistable: bool = False


@dataclass(frozen=True, slots=True)
class _Level:
    """A folder that the walk is in.

    Attributes:
        identity: device and inode, the same under every name of the folder.
        entries: what it holds and the walk has not met, sorted; folders end in ``/``.
    """

    identity: tuple[int, int]
    entries: Iterator[str]


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern, split where its first wildcard stands.

    Attributes:
        top: the folder above the first wildcard.
        parts: the pattern below it, one name or ``**`` each.
    """

    top: str
    parts: tuple[str, ...]

    def fits(self, names: tuple[str, ...]) -> bool:
        """Tell whether a file, named from `top` downwards, is one that is meant."""
        return _fits(names, self.parts, whole=True)

    def may_hold(self, names: tuple[str, ...]) -> bool:
        """Tell whether a folder, named from `top` downwards, may hold such files."""
        return _fits(names, self.parts, whole=False)


def has_magic(pattern: str) -> bool:
    """Tell whether a pattern holds a wildcard: ``*``, ``?`` or ``[``."""
    return not _MAGIC.isdisjoint(pattern)


def split_glob(pattern: str, base: str) -> Glob:
    """Read a pattern with wildcards.

    Args:
        pattern: as a shell takes it: ``*``, ``?`` and ``[...]`` within a name, and
            ``**`` for folders of any depth. None of them matches a leading dot.
        base: the folder that a relative pattern starts from; no pattern itself.
    """
    root = "/" if pattern.startswith("/") else base
    parts = glob_parts(pattern)
    first = next(index for index, part in enumerate(parts) if has_magic(part))
    top = os.path.abspath(os.path.join(root, *parts[:first]))  # noqa: PTH100, PTH118
    return Glob(top, parts[first:])


def glob_parts(pattern: str) -> tuple[str, ...]:
    """The names of a pattern, one for each folder; what ends in ``**`` means all files beneath."""
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    return (*parts, "*") if parts[-1] == _ANY_DEPTH else tuple(parts)


def files_beneath(top: str, enter: Callable[[tuple[str, ...]], bool]) -> Iterator[Found]:
    """Walk a folder depth first, in sorted order.

    Linked folders are followed, but never into a folder that the walk is in. Only the
    names in the folders that the walk is in are held. A folder that cannot be
    listed is given out too, so that it is not passed over in silence.

    Args:
        top: where to begin.
        enter: whether to look into a folder, named from `top` downwards.

    Yields:
        Each file, links that lead nowhere included.
    """
    levels: list[_Level] = []
    names: tuple[str, ...] = ()
    entry: str | None = "/"
    while entry is not None or levels:
        if entry is None:
            levels.pop()
            names = names[:-1]
        elif not entry.endswith("/"):
            yield Found((*names, entry))
        else:
            inside = (*names, entry[:-1]) if levels else ()
            try:
                level = _level(os.path.join(top, *inside)) if not levels or enter(inside) else None  # noqa: PTH118
            except OSError:
                level = None
                yield Found(inside, unlistable=True)
            if level and all(level.identity != above.identity for above in levels):
                levels.append(level)
                names = inside
        entry = next(levels[-1].entries, None) if levels else None


def _level(folder: str) -> _Level:
    status = os.stat(folder)  # noqa: PTH116
    with os.scandir(folder) as entries:
        found = sorted(entry.name + "/" if _is_folder(entry) else entry.name for entry in entries)
    return _Level((status.st_dev, status.st_ino), iter(found))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself, or through a closed folder
        return False


def _fits(names: tuple[str, ...], parts: tuple[str, ...], *, whole: bool) -> bool:
    """Tell whether names fit all parts, or, if not `whole`, some and leave some."""
    if not names:
        return whole is not bool(parts)
    if not parts:
        return False
    if parts[0] != _ANY_DEPTH:
        return _name_fits(names[0], parts[0]) and _fits(names[1:], parts[1:], whole=whole)
    if _fits(names, parts[1:], whole=whole):
        return True
    return not names[0].startswith(".") and _fits(names[1:], parts, whole=whole)


def _name_fits(name: str, part: str) -> bool:
    return fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))
