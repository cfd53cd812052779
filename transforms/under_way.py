"""Which recordings are done: how many of their segments are not. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

Channel = tuple[str, int]
"""audio_uri and channel."""


@dataclass(slots=True)
class _Group:
    """Channels that are done together.

    Attributes:
        channels: of a recording, or of two rows of a manifest that share one.
        recordings: how many were found that they belong to.
        left: segments that are not settled.
        cut_short: a segment was never called.
    """

    channels: set[Channel]
    recordings: int = 0
    left: int = 0
    cut_short: bool = False


class UnderWay:
    """The recordings that are cut and not done; for one thread at a time."""

    def __init__(self) -> None:
        self._groups: dict[Channel, _Group] = {}

    def begin(self, channels: Collection[Channel], segments: int, recordings: int = 1) -> int:
        """A recording has been cut into so many segments; returns how many recordings are done by that.

        Args:
            channels: of the recording.
            segments: of these channels.
            recordings: how many that is: 0 for a part whose recording is counted with another.
        """
        if not segments:
            return recordings
        group = next((self._groups[each] for each in channels if each in self._groups), _Group(set()))
        group.channels.update(channels)
        group.recordings += recordings
        group.left += segments
        self._groups.update(dict.fromkeys(channels, group))
        return 0

    def settle(self, channel: Channel, *, called: bool) -> int:
        """A segment of a channel is settled; returns how many recordings are done by that."""
        group = self._groups.get(channel)
        if group is None:
            return 0
        group.left -= 1
        group.cut_short = group.cut_short or not called
        if group.left:
            return 0
        for each in group.channels:
            del self._groups[each]
        return 0 if group.cut_short else group.recordings
