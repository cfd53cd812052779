"""Decoding m4a and Ogg from a place inside: the samples that come out there when all is decoded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, Literal, cast

from transforms.decode_av import AvDecoder, AvEntry, open_av
from transforms.decode_base import ShieldedStream
from transforms.decode_packets import RENEWAL_SECONDS, WARM_UP_SECONDS
from transforms.ogg_outline import OggEntry, OggPlaces
from transforms.samples import Samples
from transforms.sniff import Structure
from transforms.spliced import Spliced

# A packet of Vorbis sounds into the next, and no further; the first of a minute begins 120 ms late at most.
_EARLY_SECONDS: Final = 1


class EnteredDecoder:
    """A `decode_base.Decoder` by FFmpeg as in one piece, from a frame on.

    Args:
        decoder: begun before it.
        start_frame: the first sample that is wanted.
    """

    def __init__(self, decoder: AvDecoder, start_frame: int) -> None:
        self._decoder = decoder
        self._start_frame = start_frame
        self.sample_rate = decoder.sample_rate
        self.channels = decoder.channels
        self.low_frequency_channel = decoder.low_frequency_channel
        self.structure: Structure | None = decoder.structure
        self.damage: str | None = None

    def blocks(self) -> Iterator[Samples]:
        """The samples from the first one that is wanted on, up to where anything is damaged or times jump.

        Raises:
            BeamscribeError, OSError: reading the stream failed.
        """
        frame = self._decoder.start_frame
        if frame > self._start_frame:
            self.damage = f"decoding begins at frame {frame}"
            return
        for block in self._decoder.blocks():
            if self._decoder.is_damaged:
                self.damage = "packets are broken"
                return
            # By count a later chapter would begin elsewhere, and silence at the border would hide that.
            if not self._decoder.is_in_step:
                self.damage = "times jump"
                return
            untold = max(0, self._start_frame - frame)
            frame += len(block)
            if untold < len(block):
                yield block[untold:]
        self.damage = self._decoder.damage


@contextmanager
def open_entered(
    stream: ShieldedStream, places: OggPlaces | Literal["times"], sample_rate: int, start_frame: int
) -> Iterator[EnteredDecoder]:
    """Open a file for decoding from a frame on.

    Args:
        stream: the file; it is not closed.
        places: where decoding may begin, or that FFmpeg finds a place by its time.
        sample_rate: of the file.
        start_frame: the first sample that is wanted.

    Raises:
        UndecodableError: FFmpeg does not open it, or finds nothing to decode there.
        BeamscribeError, OSError: reading the stream failed.
    """
    minute = max(0, start_frame - _EARLY_SECONDS * sample_rate) // (RENEWAL_SECONDS * sample_rate)
    if places == "times":
        seen, entry = stream, AvEntry(minute)
    else:
        seen, entry = _entered(stream, places, sample_rate, start_frame, minute)
    with open_av(seen, entry=entry) as decoder:
        yield EnteredDecoder(decoder, start_frame)


def _entered(
    stream: ShieldedStream, places: OggPlaces, sample_rate: int, start_frame: int, minute: int
) -> tuple[ShieldedStream, AvEntry]:
    """The headers of an Ogg file, and what follows from a page inside it on."""
    is_renewed = places.codec == "opus"
    wanted_seconds = minute * RENEWAL_SECONDS - WARM_UP_SECONDS if is_renewed else start_frame / sample_rate
    page = _page_before(places.entries, (wanted_seconds - _EARLY_SECONDS) * sample_rate)
    if page is None:
        return stream, AvEntry(minute if is_renewed else 0)
    stream.seek(0)
    headers = stream.read(places.head_bytes)
    spliced = _Forward(cast(BinaryIO, Spliced(headers, stream, page.place)))
    return spliced, AvEntry(minute) if is_renewed else AvEntry(page=page)


def _page_before(entries: tuple[OggEntry, ...], frame: float) -> OggEntry | None:
    place = bisect_right(entries, frame, key=lambda entry: entry.frame)
    return entries[place - 1] if place else None


class _Forward(ShieldedStream):
    """One that FFmpeg does not look at the end of, which may be far away."""

    def seekable(self) -> bool:
        return False
