"""Which recordings are meant by files, folders, globs, URIs and manifests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems

from transforms.addresses import audio_uri_of, display_name, is_http, is_uri, locate, uri_text
from transforms.errors import UsageError
from transforms.manifest import read_manifest
from transforms.nearby import did_you_mean_path
from transforms.records import Mark, Recording
from transforms.walk import Glob, files_beneath, has_magic, split_glob

_ENDINGS = (
    "3g2 3gp aac ac3 aif aifc aiff amr ape asf au avi awb caf dts eac3 f4a f4v flac flv gsm m2ts m4a m4b m4v "
    "mka mkv mov mp2 mp3 mp4 mpa mpeg mpg mpga mts oga ogg ogv ogx opus qt ra rf64 rm rmvb silk snd sph spx "
    "tta voc vob w64 wav wave weba webm wma wmv wv"
)
MEDIA_ENDINGS = frozenset(_ENDINGS.split())
"""Endings of names, in lower case, by which a file in a folder counts as a recording."""


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
    seen: set[bytes] = set()
    every = _every_recording(sources, on_other)
    return islice((one for one in every if _is_new(one, seen)), sources.limit)


def check_sources(sources: Sources) -> None:
    """Raise unless every pattern matches something and every manifest is right to its last row.

    Listing stops at the first recording of a pattern; manifests are read whole, some
    8 s for a million rows, so that no mistake in them shows only when calls are paid for.

    Raises:
        UsageError: naming the first that does not, the likely cause and what to do.
    """
    if not sources.patterns and not sources.manifests:
        raise UsageError("Nothing to transcribe: give --input PATTERN or --manifest FILE.")
    _check_manifests(sources)
    for pattern in sources.patterns:
        _check_pattern(pattern, sources.base)


def _every_recording(sources: Sources, on_other: Callable[[int], None]) -> Iterator[Recording]:
    for manifest in sources.manifests:
        for recording in read_manifest(_from_base(manifest, sources.base)):
            yield replace(recording, mark=local_mark(recording.location))
    for pattern in sources.patterns:
        for location, mark in _locations(pattern, sources.base, on_other):
            yield Recording(audio_uri=audio_uri_of(location), location=location, mark=mark)


def _is_new(recording: Recording, seen: set[bytes]) -> bool:
    """Remember a recording by 16 bytes, however long its address.

    A pattern that finds what a manifest has asked for, by channel or whole, finds nothing new.
    """
    digests = [_digest(recording.location, recording.channel), _digest(recording.location, "any channel")]
    new = digests[0] not in seen and (recording.channel is not None or digests[1] not in seen)
    seen.update(digests if recording.channel is not None else digests[:1])
    return new


def _digest(location: bytes, *details: object) -> bytes:
    return hashlib.blake2b(repr((location, details)).encode(), digest_size=16).digest()


def _check_manifests(sources: Sources) -> None:
    """Read every manifest to its end; no two rows may ask for one recording in two ways."""
    asked: set[bytes] = set()
    for manifest in sources.manifests:
        for recording in read_manifest(_from_base(manifest, sources.base)):
            where, channel = recording.location, recording.channel
            same = _digest(
                where, channel, recording.language, recording.recording_id, recording.expected_crc32c
            )
            if same in asked:
                continue
            other = "some channel" if channel is None else None
            if _digest(where, channel) in asked or _digest(where, other) in asked:
                raise UsageError(
                    f"Manifest {display_name(manifest)}: {recording.audio_uri} is asked for twice, with "
                    "another language, id or crc32c, or once whole and once by channel. The dataset has one "
                    "row for each recording and channel: keep one of the two rows."
                )
            asked.add(same)
            asked.add(_digest(where, channel))
            if channel is not None:
                asked.add(_digest(where, "some channel"))


def _from_base(address: str, base: str) -> str:
    """Make a local address absolute; another URI stays as it is."""
    return os.fsdecode(locate(address, os.fsencode(base)))


def local_mark(location: bytes) -> Mark | None:
    """What the disk says of a file; None for what is not there or not on a disk."""
    if is_uri(location):
        return None
    try:
        status = os.stat(location)  # noqa: PTH116 - the name is bytes
    except (OSError, ValueError):
        return None
    return Mark(status.st_size, str(status.st_mtime_ns))


def _locations(
    pattern: str, base: str, on_other: Callable[[int], None]
) -> Iterator[tuple[bytes, Mark | None]]:
    path = _from_base(pattern, base)
    if is_uri(path):
        yield from _remote_locations(path, on_other)
        return
    for location in _local_locations(pattern, path, base, on_other):
        yield location, local_mark(location)


def _local_locations(pattern: str, path: str, base: str, on_other: Callable[[int], None]) -> Iterator[bytes]:
    if os.path.isdir(path):  # noqa: PTH112
        return _files_of_folder(path, on_other)
    if os.path.lexists(path) or not has_magic(pattern):
        # A name without wildcards is given out even if the file has gone since it was
        # checked: reading it fails, and the failure becomes a row.
        return iter((locate(path),))
    return _files_of_glob(split_glob(path if is_uri(pattern) else pattern, base))


def _files_of_folder(folder: str, on_other: Callable[[int], None]) -> Iterator[bytes]:
    for found in files_beneath(folder, lambda _: True):
        if _is_media(found.names) or (found.unlistable and not _is_hidden(found.names)):
            yield locate(os.path.join(folder, *found.names))  # noqa: PTH118
        else:
            on_other(1)


def _files_of_glob(glob: Glob) -> Iterator[bytes]:
    if not os.path.isdir(glob.top):  # noqa: PTH112
        return
    for found in files_beneath(glob.top, glob.may_hold):
        if glob.fits(found.names) or (found.unlistable and not _is_hidden(found.names)):
            yield locate(os.path.join(glob.top, *found.names))  # noqa: PTH118


def _remote_locations(uri: str, on_other: Callable[[int], None]) -> Iterator[tuple[bytes, Mark | None]]:
    """List what a URI matches, else the files beneath it, else itself."""
    if has_magic(uri) and not FileSystems.exists(uri):
        yield from ((locate(path), mark) for path, mark in _matching(uri))
        return
    folder = uri.rstrip("/") + "/"
    beneath = _matching(folder + "**")
    for path, mark in beneath:
        if _is_media(tuple(path.removeprefix(folder).split("/"))):
            yield locate(path), mark
        else:
            on_other(1)
    if not beneath:
        yield from ((locate(uri), mark) for _, mark in _matching(uri) or [(uri, None)])


def _matching(pattern: str) -> list[tuple[str, Mark | None]]:
    """Match a pattern of a remote file system; names that end in ``/`` only mark a folder."""
    (result,) = FileSystems.match([pattern])
    return sorted((one.path, _mark_of(one)) for one in result.metadata_list if not one.path.endswith("/"))


def _mark_of(metadata: FileMetadata) -> Mark | None:
    """What a store says of an object; None where it does not tell when it changed."""
    changed_at = metadata.last_updated_in_seconds
    return Mark(metadata.size_in_bytes, str(changed_at)) if changed_at else None


def _is_media(names: tuple[str, ...]) -> bool:
    """Tell whether a file beneath a folder counts: a known ending, and nothing hidden on the way."""
    ending = os.path.splitext(names[-1])[1] if names else ""  # noqa: PTH122
    return ending[1:].lower() in MEDIA_ENDINGS and not _is_hidden(names)


def _is_hidden(names: tuple[str, ...]) -> bool:
    """Tell whether no person put it there: ``._a.wav`` is what macOS keeps beside ``a.wav``."""
    return any(name.startswith(".") or name == "lost+found" for name in names)


def _check_pattern(pattern: str, base: str) -> None:
    name = display_name(pattern)
    if is_http(pattern):
        raise UsageError(
            f"--input {name}: a web address is no pattern. Put it into a manifest, a CSV file with the "
            "column 'audio', and give that as --manifest."
        )
    others: list[int] = []
    try:
        first = next(_locations(pattern, base, others.append), None)
        missing = first is None or (not has_magic(pattern) and not _exists(first[0]))
    except (OSError, ValueError) as error:
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
