"""Recordings that a pipeline has already: as paths, as bytes or as pydub AudioSegments.

`find` lists folders and manifests; here the elements of a PCollection become recordings,
wherever they came from. A path may cross a shuffle. Bytes and sounds may not: what makes
them, these transforms and `segmenting.NormalizeAndCut` are best next to each other, in
one fused stage.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import apache_beam as beam

import transforms.coders  # noqa: F401 - registers the coder of what crosses the shuffle
from transforms.addresses import audio_uri_of, locate
from transforms.listing import local_mark
from transforms.records import Recording
from transforms.sound import AudioSegment
from transforms.typed import TypedTransform


@beam.typehints.with_input_types(str | bytes | os.PathLike)
@beam.typehints.with_output_types(Recording)
class RecordingsFromPaths(TypedTransform):
    """Paths and URIs to recordings, spread over the workers.

    ``PCollection[str | bytes | os.PathLike] -> PCollection[Recording]``. Each element is one
    file, as it is: no folder and no pattern, which are for `find.FindRecordings`. It is
    opened by `segmenting.NormalizeAndCut`; what is not there becomes a failure there.

    ``pipeline | beam.Create(["a.wav", "gs://bucket/b.mp3"]) | RecordingsFromPaths()``

    Args:
        base: the folder that relative paths start from; None for the working directory of
            the process that builds the pipeline. Workers may have another.
    """

    advice = (
        "RecordingsFromPaths takes paths: str, bytes or os.PathLike. Contents of files are for "
        "RecordingsFromBytes."
    )

    def __init__(self, base: str | None = None) -> None:
        super().__init__()
        self._base = os.fsencode(base or Path.cwd())

    def expand(self, paths: beam.PCollection[str | bytes | os.PathLike[str]]) -> beam.PCollection[Recording]:
        """Wire it."""
        return (
            paths
            | "Locate" >> beam.Map(_recording_at, self._base).with_output_types(Recording)
            | "Spread over workers" >> beam.Reshuffle().with_output_types(Recording)
        )


@beam.typehints.with_input_types(tuple[str, bytes])
@beam.typehints.with_output_types(Recording)
class RecordingsFromBytes(TypedTransform):
    """Contents of audio files to recordings: from an archive, a database, a queue.

    ``PCollection[tuple[str, bytes]] -> PCollection[Recording]``. The pairs are a name and
    the bytes of a file in any format that can be decoded. The name is what texts and
    failures are told by (``audio_uri``): one for each recording.

    ``pipeline | beam.Create([("a.wav", content)]) | RecordingsFromBytes()``
    """

    advice = "RecordingsFromBytes takes pairs of a name and the bytes of a file, tuple[str, bytes]."

    def expand(self, contents: beam.PCollection[tuple[str, bytes]]) -> beam.PCollection[Recording]:
        """Wire it."""
        return contents | "Name" >> beam.MapTuple(_recording_of).with_output_types(Recording)


@beam.typehints.with_input_types(tuple[str, AudioSegment])
@beam.typehints.with_output_types(Recording)
class RecordingsFromSounds(TypedTransform):
    """pydub AudioSegments to recordings: of any rate, width, number of channels and length.

    ``PCollection[tuple[str, AudioSegment]] -> PCollection[Recording]``. The pairs are a name,
    as for `RecordingsFromBytes`, and the sound. `segmenting.NormalizeAndCut` resamples
    and mixes it like any other; a sound that is short enough for one call is one segment.

    ``pipeline | beam.Create([("a", AudioSegment.silent(1000))]) | RecordingsFromSounds()``
    """

    advice = "RecordingsFromSounds takes pairs of a name and a pydub AudioSegment, tuple[str, AudioSegment]."

    def expand(self, sounds: beam.PCollection[tuple[str, AudioSegment]]) -> beam.PCollection[Recording]:
        """Wire it."""
        return sounds | "As wav" >> beam.MapTuple(_recording_of_sound).with_output_types(Recording)


def _recording_at(path: str | bytes | os.PathLike[str], base: bytes) -> Recording:
    try:
        location = locate(os.fspath(path), base)
    except ValueError:  # a file of another machine: a failure when it is opened, like any that is not there
        location = os.fsencode(path)
    return Recording(audio_uri_of(location), location, mark=local_mark(location))


def _recording_of(name: str, content: bytes) -> Recording:
    location = os.fsencode(name)
    return Recording(audio_uri_of(location), location, content=content)


def _recording_of_sound(name: str, sound: AudioSegment) -> Recording:
    wav = io.BytesIO()
    sound.export(wav, format="wav")
    return _recording_of(name, wav.getvalue())
