"""Chooses the failures that are worth showing: different ones before more of the same. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import islice, zip_longest

from pipeline.plain import shown_address, shown_message
from pipeline.standing_facts import Example

EXAMPLES = 3
"""Shown of each code."""

_MOST_SHAPES = 64  # of a code; messages beyond are counted as one, or memory would have no end
_VARYING = re.compile(r"\d+|[0-9a-f]{8,}(?:-[0-9a-f]+)*")


@dataclass(slots=True)
class _Shape:
    times: int = 0
    first: list[Example] = field(default_factory=list)


class ExamplePicker:
    """Takes failures one by one, and keeps a few of each kind of message of each code.

    Messages are of a kind if they differ in numbers and in the recording's address only.
    """

    def __init__(self) -> None:
        self._codes: dict[str, dict[str, _Shape]] = {}

    def add(self, code: str, failure: Example) -> None:
        """Take a failure, its address as it is in the row; passwords and queries are left out."""
        address = shown_address(failure.audio_uri)
        message = shown_message(failure.message, failure.audio_uri)
        shapes = self._codes.setdefault(code, {})
        kind = _VARYING.sub("#", message.replace(address, "@").replace(failure.name, "@"))
        shape = shapes.setdefault(kind if kind in shapes or len(shapes) < _MOST_SHAPES else "", _Shape())
        shape.times += 1
        if any(known.audio_uri == address for known in shape.first):
            return
        own = [replace(failure, audio_uri=address, message=message)]
        shape.first = list(islice(merge(shape.first, own, key=_by_address), EXAMPLES))

    def best(self, code: str) -> tuple[Example, ...]:
        """One of each of the commonest kinds, then more of them; of a kind the first by address."""
        shapes = self._codes.get(code, {})
        commonest = sorted(shapes, key=lambda kind: (-shapes[kind].times, kind))
        rounds = zip_longest(*(shapes[kind].first for kind in commonest))
        return tuple(islice((each for turn in rounds for each in turn if each is not None), EXAMPLES))


def _by_address(example: Example) -> str:
    return example.audio_uri
