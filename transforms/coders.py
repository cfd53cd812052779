"""How a recording crosses the shuffle that spreads recordings over the workers.

Beam's runner in memory holds what crosses a shuffle several times over until the next
stage has ended, so it decides how memory grows with their number. Written like this a
recording takes 80 bytes, pickled 190.
"""

from __future__ import annotations

import json
from typing import Final

import apache_beam as beam

from transforms.records import Mark, Recording

_VERSION: Final = b"\x01"
_CONTENT: Final = b"\n"


class RecordingCoder(beam.coders.Coder):
    """A version byte and a JSON array in UTF-8, then a line feed and the content where there is one.

    The last fields of the array are left out if they are unset. JSON holds no line feed.
    """

    def encode(self, value: Recording) -> bytes:
        """Equal recordings are written alike."""
        mark = value.mark
        fields: list[str | int | None] = [
            value.audio_uri,
            # Nearly always the name itself.
            None if value.location == _bytes_of(value.audio_uri) else value.location.hex(),
            None if mark is None else mark.size_bytes,
            None if mark is None else mark.modified,
            value.language,
            value.channel,
            value.expected_crc32c,
            value.recording_id,
        ]
        while fields[-1] is None:
            fields.pop()
        array = _bytes_of(json.dumps(fields, ensure_ascii=False, separators=(",", ":")))
        content = () if value.content is None else (_CONTENT, value.content)
        return b"".join((_VERSION, array, *content))

    def decode(self, encoded: bytes) -> Recording:
        """What was encoded.

        Raises:
            ValueError: another version of this package wrote it.
        """
        if encoded[:1] != _VERSION:
            raise ValueError(
                f"a recording was written in form {encoded[:1]!r}, and only {_VERSION!r} is read: "
                "give all workers the same version of this package."
            )
        array, divider, content = encoded[1:].partition(_CONTENT)
        fields = json.loads(array.decode("utf-8", "surrogatepass"))
        audio_uri, location, size_bytes, modified, language, channel, expected_crc32c, recording_id = (
            fields + [None] * (8 - len(fields))
        )
        return Recording(
            audio_uri=audio_uri,
            location=_bytes_of(audio_uri) if location is None else bytes.fromhex(location),
            language=language,
            channel=channel,
            expected_crc32c=expected_crc32c,
            recording_id=recording_id,
            mark=None if size_bytes is None else Mark(size_bytes, modified),
            content=content if divider else None,
        )

    def is_deterministic(self) -> bool:
        """Fields come in one order."""
        return True


def _bytes_of(text: str) -> bytes:
    # What a manifest says in JSON may hold halves of characters.
    return text.encode("utf-8", "surrogatepass")


beam.coders.registry.register_coder(Recording, RecordingCoder)
