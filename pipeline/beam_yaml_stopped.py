"""What a stopped run leaves without an answer, as failures: no recording goes missing in a pipeline.

The command says why it stopped and exits with 4. A pipeline of Beam YAML has nobody to say
so, and its rows have to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam

from transforms import codes
from transforms.errors import RecordingError
from transforms.records import Extent, Failure, Recording, Span, Stage
from transforms.shared_place import Coordination
from transforms.stopping import StopReason, StopSignal
from transforms.utterance import failure_of

_UNKNOWN = StopReason(
    codes.UNFORESEEN, "Nothing came of it, and the run was not stopped. Please report it, with the log."
)


class WithoutAnswer(beam.PTransform):
    """Failures of what was not called for: those of segments, and those of whole recordings.

    Takes ``{"recordings": PCollection[Recording], "extents": PCollection[Extent],
    "failures": PCollection[Failure]}``, of which every recording has an extent or a failure
    unless the run was stopped.

    Args:
        coordination: the folder in which the run says why it stopped.
    """

    def __init__(self, coordination: Coordination) -> None:
        super().__init__()
        self._coordination = coordination

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection[Failure]:
        """Wire it; addresses are all that crosses the shuffle."""
        keyed = {
            "recordings": inputs["recordings"] | "Key recordings" >> beam.Map(_key_recording),
            "channels": (
                inputs["extents"] | "Key extents" >> beam.Map(_key_channel),
                inputs["failures"] | "Key failures" >> beam.Map(_key_channel),
            )
            | "Gather channels" >> beam.Flatten(),
        }
        return (
            keyed
            | "By recording" >> beam.CoGroupByKey()
            | "Not started" >> beam.FlatMap(_of_group, self._coordination).with_output_types(Failure)
        )


def unanswered_failure(span: Span, coordination: Coordination) -> Failure:
    """The failure of a segment that was cut and never called for."""
    reason = _reason(coordination)
    return failure_of(span, RecordingError(Stage.RECOGNIZE, reason.code, reason.message, retryable=True))


def not_started(
    recordings: Iterable[Recording], channels: Iterable[int | None], reason: StopReason
) -> Iterator[Failure]:
    """Failures of the recordings of one address of which nothing came.

    Args:
        recordings: those of one address, whole or by channel.
        channels: of which something came; None for a failure of the whole recording.
        reason: why nothing did.
    """
    met = set(channels)
    for recording in recordings:
        if not met or (recording.channel is not None and not met & {recording.channel, None}):
            yield Failure(
                recording.audio_uri, Stage.READ, reason.code, reason.message, True, channel=recording.channel
            )


def _of_group(
    element: tuple[str, Mapping[str, Iterable[Any]]], coordination: Coordination
) -> Iterator[Failure]:
    groups = element[1]
    yield from not_started(groups["recordings"], groups["channels"], _reason(coordination))


def _reason(coordination: Coordination) -> StopReason:
    return StopSignal(coordination).reason() or _UNKNOWN


def _key_recording(recording: Recording) -> tuple[str, Recording]:
    return recording.audio_uri, recording


def _key_channel(of: Extent | Failure) -> tuple[str, int | None]:
    return of.audio_uri, of.channel
