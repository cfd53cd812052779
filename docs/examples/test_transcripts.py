import apache_beam as beam
from apache_beam.testing.util import assert_that, equal_to
from transcripts_of_paths import transcribe

from transforms import RecordingsFromPaths, open_run

LETTER = "tests/recordings/letter_16k.wav"


def test_a_letter_is_transcribed(beamscribe_service):
    service = beamscribe_service(answers=["dear Anna"])
    with open_run(endpoint=service.endpoint) as run, beam.Pipeline(runner="FnApiRunner") as pipeline:
        found = transcribe(pipeline | beam.Create([LETTER]) | RecordingsFromPaths(), run)
        texts = found.transcripts | beam.Map(lambda transcript: transcript.text)
        assert_that(texts, equal_to(["dear Anna"]))
