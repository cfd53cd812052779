"""How calls are counted in blocks, so that a count over many hosts costs few requests. Pure.

A worker takes a block of calls by creating the next object of a sequence. It has seen all blocks
before that one, and nobody can have created one in between, so what is taken never adds up to more
than the wall. Only its owner writes a block again, and only to make it smaller. Blocks that will not
change any more are folded into one number, which the next block carries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

LARGEST: Final = 64
"""Calls in a block at most: so many stay counted when a worker is killed."""

_FOLD_AT: Final = 16
_FOLD_ALL_AT: Final = 256


@dataclass(frozen=True, slots=True)
class Block:
    """Calls that a worker has taken.

    Attributes:
        owner: unlike any other worker.
        calls: that it may make, or has made.
        is_open: some of them may be given back, as long as this is its owner's newest block.
        folded: calls of all blocks up to ``folded_to``, which are to be left out.
        token: unlike that of any other block.
    """

    owner: str
    calls: int
    is_open: bool
    folded: int = 0
    folded_to: int = 0
    token: str = ""

    def encoded(self) -> bytes:
        """As an object."""
        return json.dumps(asdict(self)).encode()


def decode_block(data: bytes) -> Block:
    """Read an object.

    Raises:
        ValueError: it is no block.
    """
    try:
        return Block(**json.loads(data))
    except TypeError as error:
        raise ValueError(f"no block of a budget: {data[:100]!r}") from error


@dataclass(frozen=True, slots=True)
class Count:
    """What all blocks come to.

    Attributes:
        next_sequence: of the block that is created next.
        spent: calls that are taken.
        folded: calls of the blocks up to ``folded_to``.
        others_open: whether another owner may still give some back.
        folded_to_before: what the blocks themselves say of that; the next one folds up to ``folded_to``.
    """

    next_sequence: int
    spent: int
    folded: int
    folded_to: int
    others_open: bool
    folded_to_before: int = 0


def count(blocks: Mapping[int, Block], own: str) -> Count:
    """Add up.

    Args:
        blocks: by their place in the sequence.
        own: the owner who asks.
    """
    if not blocks:
        return Count(1, 0, 0, 0, others_open=False)
    carrying = max(blocks.values(), key=lambda block: block.folded_to)
    left = {place: block for place, block in sorted(blocks.items()) if place > carrying.folded_to}
    newest = {block.owner: place for place, block in left.items()}
    still_open = {place for place in newest.values() if left[place].is_open}
    folded, folded_to = carrying.folded, carrying.folded_to
    if len(left) > _FOLD_AT:
        for place, block in left.items():
            # One that stays open is a dead worker's; what it gives back after that is lost.
            if place in still_open and len(left) < _FOLD_ALL_AT:
                break
            folded, folded_to = folded + block.calls, place
    return Count(
        max(blocks) + 1,
        carrying.folded + sum(block.calls for block in left.values()),
        folded,
        folded_to,
        others_open=any(left[place].owner != own for place in still_open),
        folded_to_before=carrying.folded_to,
    )


def size_of_next(wanted: int, spent: int, max_calls: int | None) -> int:
    """How many calls the next block takes: a part of what is left, one at the wall, none behind it."""
    if max_calls is None:
        return wanted
    left = max_calls - spent
    return max(min(wanted, left // 8), min(left, 1), 0)
