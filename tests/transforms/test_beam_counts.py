from __future__ import annotations

import apache_beam as beam
from apache_beam.metrics.metric import MetricsFilter

from transforms.beam_counts import count
from transforms.reading import NOW, NUMBERS, Reading

ALL = Reading(**{name: place for place, name in enumerate(NUMBERS, 1)}, retries={"InternalError": 3})


class Counting(beam.DoFn):
    def process(self, _):
        count(ALL)
        count(Reading(failures={"NotAudio": 2}))


def test_beams_counters_have_the_names_and_values_of_a_reading():
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create(["once"]) | beam.ParDo(Counting())
    found = {
        (each.key.metric.namespace, each.key.metric.name): each.committed
        for each in pipeline.result.metrics().query(MetricsFilter())["counters"]
        if each.key.metric.namespace.startswith("beamscribe")
    }
    told = {("beamscribe", name): getattr(ALL, name) for name in NUMBERS if name not in NOW}
    codes = {("beamscribe.retries", "InternalError"): 3, ("beamscribe.failures", "NotAudio"): 2}
    assert found == {**told, **codes}
