r"""Names of exported files, made from the recordings' addresses. Pure.

A name is readable first, then it is the recording's own: ``standup.3kq5m2hw7r4dxzta.srt``.
The second part is a digest of the whole address, so two recordings never share a name,
whatever their folders, the file system's case or the characters that it cannot hold; and a
name depends on its own recording alone, so that it stays as others come and go.
"""

from __future__ import annotations

import re

from transforms.names import address_digest, readable_stem

_EXPORTED = re.compile(r".+\.[a-z2-7]{16}(\.ch\d+)?")


def export_stem(audio_uri: str, channel: int) -> str:
    """The name of a recording's channel as a file, without the ending of its format.

    Channel 0, which is also the mix of all, is not named; others are as ``.ch1``.

    Args:
        audio_uri: the recording, as in the dataset.
        channel: counted from 0.
    """
    return f"{readable_stem(audio_uri)}.{address_digest(audio_uri)}" + (f".ch{channel}" if channel else "")


def is_export(name: str, ending: str) -> bool:
    """Whether a file's name is one that `export_stem` makes, with this ending."""
    return name.endswith(f".{ending}") and _EXPORTED.fullmatch(name[: -len(ending) - 1]) is not None
