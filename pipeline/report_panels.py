"""The recordings that the report shows: their rows, their sound, and both laid beside each other."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import page_text
from pipeline.export_choice import ChannelExport, RecordingExport
from pipeline.export_rows import recording_of_rows
from pipeline.plain import name_of, shown_address
from pipeline.report_facts import Fact, Panel, Shown
from pipeline.report_pieces import (
    MOST_LINES,
    Strip,
    Window,
    as_far_as,
    bands_of,
    lines_of,
    note_of,
    part_of,
    windows_of,
)
from pipeline.report_rows import RecordingFigures, ReportRows
from pipeline.report_sound import AUDIO_TYPE, ChannelSound, Listener, SoundGoneError, Wanted
from pipeline.waveforms import outline, peaks_of
from transforms.schemas import Table

HEARD_SECONDS = 20 * 60
"""Sound that a report holds at most, all recordings together: some 10 MB as base64."""

MOST_HOURS = 24.0
"""What decodes to more is not shown."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A recording to show; ``fetched`` if it may be downloaded for it."""

    figures: RecordingFigures
    why: str
    fetched: bool = False


class PanelMaker:
    """Makes what is shown of recordings, one after the other, until the room for sound is used up."""

    def __init__(self, listener: Listener, split_runs: frozenset[str]) -> None:
        self._listener = listener
        self._split_runs = split_runs
        self._seconds_left = float(HEARD_SECONDS)

    def shown(self, picks: Sequence[Pick], rows: ReportRows) -> Iterator[Shown]:
        """What is shown of each.

        Raises:
            PartVanishedError: see `ReportRows.rows_of`.
            OSError: see `Listener.hear`.
        """
        found = rows.rows_of([pick.figures.audio_uri for pick in picks])
        by_address: defaultdict[str, dict[Table, list[Mapping[str, Any]]]]
        by_address = defaultdict(lambda: {table: [] for table in Table})
        for table, own in found.items():
            for row in own:
                by_address[row["audio_uri"]][table].append(row)
        for pick in picks:
            uri = pick.figures.audio_uri
            recording = recording_of_rows(uri, by_address[uri])
            sounds, note = self._sounds(recording, pick)
            yield Shown(
                name_of(uri),
                shown_address(uri),
                pick.figures.recording_id,
                pick.why,
                recording.problems,
                tuple(self._panel(each, sounds, note, recording) for each in recording.channels),
            )

    def _sounds(self, recording: RecordingExport, pick: Pick) -> tuple[dict[int, ChannelSound], str]:
        """The sound of the channels, or why there is none."""
        if not recording.channels:
            return {}, ""
        first = recording.channels[0].columns
        crc32c = first["audio_crc32c"]
        wanted = Wanted(
            audio_uri=recording.audio_uri,
            audio_crc32c=None if crc32c is None else str(crc32c),
            engine=str(first["engine"]),
            channels=tuple(each.channel for each in recording.channels),
            split=first["run_id"] in self._split_runs,
            fetched=pick.fetched,
            max_hours=MOST_HOURS,
        )
        try:
            return self._listener.hear(wanted), ""
        except SoundGoneError as error:
            return {}, f"{error} Its rows are shown without its sound."

    def _panel(
        self,
        channel: ChannelExport,
        sounds: Mapping[int, ChannelSound],
        note: str,
        recording: RecordingExport,
    ) -> Panel:
        sound = sounds.get(channel.channel)
        windows: list[Window] = []
        if sound is not None:
            channel = as_far_as(channel, sound.duration_ms)
            windows = windows_of(channel, sound.duration_ms, self._seconds_left)
            note = note_of(channel, windows)
        lines = lines_of(channel, windows)
        return Panel(
            title=f"Channel {channel.channel}" if len(recording.channels) > 1 else "",
            lang=page_text.language_of(str(channel.columns["engine"])),
            facts=tuple(_facts(channel)),
            strips=() if sound is None else tuple(self._strips(channel, sound, windows, recording)),
            lines=tuple(lines[:MOST_LINES]),
            lines_left=max(0, len(lines) - MOST_LINES),
            note=note,
        )

    def _strips(
        self,
        channel: ChannelExport,
        sound: ChannelSound,
        windows: Sequence[Window],
        recording: RecordingExport,
    ) -> Iterator[Strip]:
        heard = [(each.start_ms, each.end_ms) for each in windows if each.is_heard]
        for window in windows:
            part = sound.part(window.start_ms, window.end_ms)
            if not part.samples:
                continue
            audio = None
            if window.is_heard:
                encoded = base64.b64encode(sound.encoded(part, name_of(recording.audio_uri))).decode()
                audio = f"data:{AUDIO_TYPE};base64,{encoded}"
                self._seconds_left -= part.samples / sound.sample_rate
            others = [] if window.is_heard else [part_of(window, *each) for each in heard]
            yield Strip(
                window,
                outline(peaks_of(sound.hold.read, part)),
                bands_of(channel, window),
                audio,
                tuple(each for each in others if each is not None),
            )


def _facts(channel: ChannelExport) -> Iterator[Fact]:
    columns = channel.columns
    duration_ms, speech_ms = channel.duration_ms, columns["speech_ms"]
    yield Fact("Status", "unfinished" if channel.is_unfinished else str(columns["status"]))
    if duration_ms is not None:
        yield Fact("Length", page_text.duration(duration_ms / 1000))
    if duration_ms and isinstance(speech_ms, int):
        yield Fact("Speech", page_text.percent(speech_ms / duration_ms))
    yield Fact("Segments", page_text.count(len(channel.segments)))
    yield Fact("Calls", page_text.count(sum(each.attempts for each in channel.segments)))
    yield Fact("Engine", str(columns["engine"]))
