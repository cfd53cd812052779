"""Which recordings are meant by files, folders, globs, URIs and manifests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from apache_beam.io.filesystems import FileSystems

from transforms.addresses import audio_uri_of, display_name, is_http, is_uri, locate, uri_text
from transforms.asked import Manifest, asked_for, check_manifests
from transforms.errors import UsageError
from transforms.nearby import did_you_mean_path
from transforms.object_marks import marked
from transforms.objects import Objects, is_object_uri
from transforms.patterns import Located, OneFile, Pattern, local_mark, pattern_of
from transforms.records import Recording
from transforms.walk import has_magic, split_glob

__all__ = ["Sources", "check_sources", "list_recordings", "local_mark"]


@dataclass(frozen=True, slots=True)
class Sources:
    """What a run is to transcribe.

    Attributes:
        patterns: files, folders, globs and URIs, as they were typed.
        manifests: paths or URIs of manifests.
        limit: at most so many recordings; None for all.
        base: the folder that relative patterns and manifests start from. Workers
            may have another working directory than the command.
    """

    patterns: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    limit: int | None = None
    base: str = field(default_factory=os.getcwd)


def list_recordings(sources: Sources, *, on_other: Callable[[int], None]) -> Iterator[Recording]:
    """List recordings, each address and channel once: manifests first, then patterns.

    The order is that of the manifests and patterns; inside a folder or glob names are
    sorted. An existing path is never read as a pattern. A folder means the files
    beneath it with known media endings, hidden ones excepted; a glob means
    every file that it matches, and links that lead nowhere, but no folder.

    Args:
        sources: what to list.
        on_other: told how many further files of a folder were left out, as they are met.

    Raises:
        UsageError: a mistake in a manifest.
    """
    return islice(_every_recording(sources, on_other), sources.limit)


def check_sources(sources: Sources) -> None:
    """Raise unless every pattern matches something and every manifest is right to its last row.

    Listing stops at the first recording of a pattern; manifests are read whole, so that no
    mistake in them shows only when calls are paid for.

    Raises:
        UsageError: naming the first that does not, the likely cause and what to do.
    """
    if not sources.patterns and not sources.manifests:
        raise UsageError("Nothing to transcribe: give --input PATTERN or --manifest FILE.")
    check_manifests(_manifests(sources))
    for pattern in sources.patterns:
        _check_pattern(pattern, sources.base)


def _every_recording(sources: Sources, on_other: Callable[[int], None]) -> Iterator[Recording]:
    with asked_for(_manifests(sources), tells_addresses=bool(sources.patterns)) as asked:
        # No store is asked for what lies behind the limit.
        yield from marked(islice(asked.recordings(local_mark), sources.limit))
        for location, mark in _locations(sources, on_other):
            # What a manifest asks for, by channel or whole, is nothing new.
            if location not in asked:
                yield Recording(audio_uri=audio_uri_of(location), location=location, mark=mark)


def _locations(sources: Sources, on_other: Callable[[int], None]) -> Iterator[Located]:
    """What the patterns mean, each once. Only the patterns are held, not what they matched."""
    files: set[bytes] = set()
    earlier: list[Pattern] = []
    for typed in sources.patterns:
        pattern = pattern_of(typed, sources.base)
        for location, mark in pattern.locations(on_other):
            if location not in files and not any(each.covers(location) for each in earlier):
                yield location, mark
        if isinstance(pattern, OneFile):
            files.add(pattern.location)  # a shell may have written thousands of them
        else:
            earlier.append(pattern)


def _manifests(sources: Sources) -> list[Manifest]:
    return [Manifest(manifest, _from_base(manifest, sources.base)) for manifest in sources.manifests]


def _from_base(address: str, base: str) -> str:
    """Make a local address absolute; another URI stays as it is."""
    return os.fsdecode(locate(address, os.fsencode(base)))


def _check_pattern(pattern: str, base: str) -> None:
    name = display_name(pattern)
    if is_http(pattern):
        raise UsageError(
            f"--input {name}: a web address is no pattern. Put it into a manifest, a CSV file with the "
            "column 'audio', and give that as --manifest."
        )
    others: list[int] = []
    try:
        first = next(pattern_of(pattern, base).locations(others.append), None)
        missing = first is None or (not has_magic(pattern) and not _exists(first[0]))
    except OSError as error:
        raise UsageError(f"--input {name} cannot be listed: {error.strerror or error}.") from error
    except ValueError as error:
        raise UsageError(f"--input {name} cannot be listed: {error}") from error
    if missing and others:
        raise UsageError(
            f"--input {name}: none of the {sum(others)} files beneath it has the ending of a recording "
            "(.wav, .mp3, ...). If they are recordings, name them by a pattern, for example "
            f"'{name.rstrip('/')}/**'."
        )
    if missing:
        raise UsageError(f"--input {name} matches nothing. {_why_nothing(pattern, base)}")


def _exists(location: bytes) -> bool:
    if is_object_uri(location):
        return Objects(uri_text(location)).mark("") is not None
    if is_uri(location):
        return bool(FileSystems.exists(uri_text(location)))
    return os.path.lexists(location)


def _why_nothing(pattern: str, base: str) -> str:
    path = _from_base(pattern, base)
    if is_uri(path):
        return "Check the bucket, the path and the credentials."
    if os.path.isdir(path):  # noqa: PTH112
        return "The folder is empty."
    top = split_glob(pattern, base).top if has_magic(pattern) else path
    nearest = top
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)  # noqa: PTH120
    if nearest != top:
        return f"The part of the path that exists is {display_name(nearest)}.{did_you_mean_path(top)}"
    return (
        f"{display_name(top)} exists, but no file in it fits. '*' does not look into folders, '**' does; "
        "wildcards are best put in quotation marks, so that the shell leaves them alone."
    )
