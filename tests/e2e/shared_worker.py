"""A worker process of a run on several hosts: recognizes made segments, tells what came of each.

python -m tests.e2e.shared_worker '{"place": {...}, "endpoint": ..., "rate": ..., "max_calls": ...,
"first": 0, "last": 40}'
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

from tests.e2e.sounds import chatter
from transforms.client import ClientSettings
from transforms.pace import PacePolicy
from transforms.recognize import RecognizeFn
from transforms.recognize_settings import RecognizeSettings
from transforms.records import Segment, Span, Utterance
from transforms.shared_place import SharedPlace
from transforms.sound import LoadedSound, sound_of
from transforms.stopping import StopSignal

CONCURRENCY = 4


def segment_of(number: int) -> Segment:
    """One of a row of segments, each unlike the others."""
    samples = chatter(0.2, seed=number)
    sound = sound_of(samples.astype("<i2").tobytes(), 16_000)
    span = Span(f"/{number:03}.wav", 7, 0, 0, 0, len(samples), 16_000, "16k_en")
    return Segment(span, sound=LoadedSound(sound), key=sha256(b"%d" % number).digest())


def main(options: dict[str, Any]) -> list[Any]:
    """Recognize; how many came out with a text, and why it stopped."""
    place = SharedPlace(**options["place"])
    work = RecognizeFn(
        RecognizeSettings(
            coordination=place,
            state=place,
            chain="chain",
            client=ClientSettings(endpoint=options["endpoint"]),
            pace=PacePolicy(options["rate"]),
            concurrency=CONCURRENCY,
            max_calls=options["max_calls"],
        )
    )
    work.setup()
    with ThreadPoolExecutor(CONCURRENCY) as threads:
        segments = map(segment_of, range(options["first"], options["last"]))
        settled = list(threads.map(lambda segment: work.task(segment)(), segments))
    reason = StopSignal(place).reason()
    work.teardown()
    return [sum(isinstance(each.value, Utterance) for each in settled), reason and reason.code]


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
