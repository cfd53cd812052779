"""What manifests ask for, however long they are: checked, and each thing listed once.

A manifest is read as often as it is needed, and no row of it is kept: what tells rows
apart lies in a temporary file (`spill`), 32 bytes for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from transforms.addresses import display_name
from transforms.errors import UsageError
from transforms.known import DIGEST_BYTES, Known, writing_known
from transforms.manifest import MarkOf, no_mark, read_manifest
from transforms.records import Recording
from transforms.repeats import ROW_BYTES, address_digest, judge, packed
from transforms.spill import Spill


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest to be read.

    Attributes:
        name: as it was typed.
        address: a local path or a URI, absolute.
    """

    name: str
    address: str


def check_manifests(manifests: Sequence[Manifest]) -> None:
    """Read every manifest to its end; no two rows may ask for one recording in two ways.

    Raises:
        UsageError: a row cannot be meant, or contradicts an earlier one: the first of these.
    """
    broken: UsageError | None = None
    with Spill(ROW_BYTES) as rows:
        try:
            for number, (_, recording) in enumerate(_every(manifests)):
                rows.add(packed(number, recording))
        except UsageError as error:
            broken = error
        found = (judge(bucket).contradiction for bucket in rows.buckets())
        first = min((number for number in found if number is not None), default=None)
    if first is not None:
        manifest, recording = next(islice(_every(manifests), first, None))
        raise UsageError(
            f"Manifest {display_name(manifest.name)}: {recording.audio_uri} is asked for twice, with "
            "another language, id or crc32c, or once whole and once by channel. The dataset has one "
            "row for each recording and channel: keep one of the two rows."
        )
    if broken is not None:
        raise broken


class Asked:
    """What manifests ask for; see `asked_for`.

    Args:
        manifests: in their order.
        repeated: a bit for each of their rows, the lowest of a byte first.
        addresses: digests of all that they ask for; None where nobody is to ask.
    """

    def __init__(
        self, manifests: Sequence[Manifest], repeated: NDArray[np.uint8], addresses: Known | None
    ) -> None:
        self._manifests = manifests
        self._repeated = repeated
        self._addresses = addresses

    def recordings(self, mark_of: MarkOf) -> Iterator[Recording]:
        """In the order of the manifests, each address and channel once.

        Args:
            mark_of: what the store of a location says of it.
        """
        for number, (_, recording) in enumerate(_every(self._manifests, mark_of)):
            byte, bit = divmod(number, 8)
            # A row that was written behind the others meanwhile is taken as it is.
            if byte >= len(self._repeated) or not self._repeated[byte] >> bit & 1:
                yield recording

    def __contains__(self, location: object) -> bool:
        """Whether a row asks for a channel of this address, or for all of it."""
        assert isinstance(location, bytes), "locations are bytes"
        return self._addresses is not None and address_digest(location) in self._addresses


@contextmanager
def asked_for(manifests: Sequence[Manifest], *, tells_addresses: bool) -> Iterator[Asked]:
    """What manifests ask for, each address and channel once.

    They are read once here, and again by whoever goes through them. Memory holds a bit for each row.

    Args:
        manifests: in their order.
        tells_addresses: whether ``location in asked`` can be answered.

    Raises:
        UsageError: a mistake in a manifest.
        OSError: there is no place for temporary files.
    """
    with ExitStack() as stack:
        addresses = None
        with ExitStack() as gathering:
            rows = gathering.enter_context(Spill(ROW_BYTES))
            path = None
            if manifests and tells_addresses:
                path = Path(stack.enter_context(TemporaryDirectory(prefix="beamscribe-asked-"))) / "addresses"
                note = gathering.enter_context(writing_known(path))
            count = 0
            for count, (_, recording) in enumerate(_every(manifests), start=1):
                row = packed(count - 1, recording)
                rows.add(row)
                if path is not None:
                    note(row[:DIGEST_BYTES])
            repeated = _bits(count, (judge(bucket).repeated for bucket in rows.buckets()))
        if path is not None:
            addresses = Known(path)
        yield Asked(manifests, repeated, addresses)


def _every(manifests: Sequence[Manifest], mark_of: MarkOf = no_mark) -> Iterator[tuple[Manifest, Recording]]:
    for manifest in manifests:
        for recording in read_manifest(manifest.address, mark_of):
            yield manifest, recording


def _bits(count: int, numbers: Iterable[NDArray[np.int64]]) -> NDArray[np.uint8]:
    """One bit for each of so many rows; those of some numbers are set."""
    bits = np.zeros(-(-count // 8), dtype=np.uint8)
    for some in numbers:
        np.bitwise_or.at(bits, some >> 3, np.left_shift(1, some & 7).astype(np.uint8))
    return bits
