"""Which objects are meant by an address in object storage: a folder, a pattern, or one object.

Listings are streamed in the order of names, which is the store's own: a page is held, never all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from transforms.addresses import uri_text
from transforms.media_names import is_media
from transforms.objects import Listed, Objects
from transforms.records import Mark
from transforms.walk import Glob, glob_parts, has_magic


def object_pattern(uri: str, find: Callable[[str], Objects] = Objects) -> ObjectFolderPattern | ObjectGlob:
    """What is meant by an address, as `patterns.pattern_of`.

    Args:
        uri: the address. What is there by just this name is meant, whatever signs it holds.
        find: opens an address.
    """
    scheme, _, rest = uri.partition("://")
    if has_magic(rest.partition("/")[0]):  # before it is asked: what a store says of such a name is not that
        raise OSError(f"{uri}: the name of a bucket has no wildcards")
    itself = None if uri.endswith("/") else find(uri).mark("")
    if not has_magic(uri) or itself is not None:
        return ObjectFolderPattern(uri, itself, find)
    parts = rest.split("/")
    first = next(number for number, part in enumerate(parts) if has_magic(part))
    return ObjectGlob(
        f"{scheme.lower()}://{'/'.join(parts[:first])}", glob_parts("/".join(parts[first:])), find
    )


@dataclass(frozen=True, slots=True)
class ObjectFolderPattern:
    """One object, and what lies beneath its name and has the ending of a recording.

    Attributes:
        uri: the address, as it was typed.
        itself: what the store says of the object of just this name; None if there is none.
        find: opens an address.
    """

    uri: str
    itself: Mark | None
    find: Callable[[str], Objects]

    def locations(self, on_other: Callable[[int], None]) -> Iterator[tuple[bytes, Mark | None]]:
        """See `patterns.Pattern`. What is not there is given out too, so that reading it fails loudly."""
        objects = self.find(self.uri)
        if self.itself is not None:
            yield objects.uri.encode(), self.itself
        found = None
        for found in objects.listed():
            if is_media(tuple(found.name.split("/"))):
                yield f"{objects.uri}/{found.name}".encode(), found.mark
            else:
                on_other(1)
        if found is None and self.itself is None:
            yield objects.uri.encode(), None

    def covers(self, location: bytes) -> bool:
        """See `patterns.Pattern`."""
        uri = self.find(self.uri).uri
        return uri_text(location) == uri or is_media(_names_beneath(location, uri))


@dataclass(frozen=True, slots=True)
class ObjectGlob:
    """All objects that fit a pattern.

    Attributes:
        top: the address above the first wildcard.
        parts: the pattern below it, one name or ``**`` each.
        find: opens an address.
    """

    top: str
    parts: tuple[str, ...]
    find: Callable[[str], Objects]

    def locations(self, on_other: Callable[[int], None]) -> Iterator[tuple[bytes, Mark | None]]:
        """See `patterns.Pattern`."""
        objects, glob = self.find(self.top), Glob("", self.parts)
        for found in _starting_with(objects, _letters_before_magic(self.parts[0])):
            if glob.fits(tuple(found.name.split("/"))):
                yield f"{objects.uri}/{found.name}".encode(), found.mark

    def covers(self, location: bytes) -> bool:
        """See `patterns.Pattern`."""
        return Glob("", self.parts).fits(_names_beneath(location, self.top))


def _starting_with(objects: Objects, letters: str) -> Iterator[Listed]:
    """What is listed and begins with some letters; hardly any other page is asked for."""
    if not letters:
        return objects.listed()
    near = takewhile(
        lambda found: found.name < letters or found.name.startswith(letters),
        objects.listed(after=_just_before(letters)),
    )
    return (found for found in near if found.name.startswith(letters))


def _just_before(letters: str) -> str | None:
    """A name that comes before all that begin with some letters, and after most that come before them."""
    sign = chr(ord(letters[-1]) - 1)
    return letters[:-1] + sign + "~" if sign.isprintable() and sign != "/" else None


def _letters_before_magic(part: str) -> str:
    return part[: next(number for number, sign in enumerate(part) if has_magic(sign))]


def _names_beneath(location: bytes, folder: str) -> tuple[str, ...]:
    address = uri_text(location)
    beneath = address.removeprefix(f"{folder}/")
    return () if beneath == address else tuple(beneath.split("/"))
