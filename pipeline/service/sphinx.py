"""Real English words and their times, by pocketsphinx and its own model (16 kHz).

pocketsphinx holds the interpreter's lock while it decodes (two decoders in two threads
took as long as one after the other), so each runs in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import re
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from pipeline.service.payload import Audio
from pipeline.service.recognizers import Heard, HeardWord
from pipeline.service.refusal import ServiceFault

SAMPLE_RATE: Final = 16_000
"""What the model takes; telephone audio is brought up to it."""

_FRAME_MS: Final = 10
_VARIANT: Final = re.compile(r"\(\d+\)$")

# pocketsphinx has no types. One decoder for each worker process, made by _start_worker.
_decoder: Any = None


class SphinxRecognizer:
    """Recognizes in worker processes, which start with the first call.

    Args:
        workers: calls that are recognized at once; a core each is what they need.
    """

    def __init__(self, workers: int) -> None:
        # spawn: a fork would copy the locks that this process's threads hold.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)

    def recognize(self, audio: Audio, payload_sha256: str) -> Heard:
        """Hears English words; the text is empty where none are found."""
        try:
            words = self._pool.submit(_hear, audio.samples, audio.sample_rate).result()
        except (BrokenProcessPool, RuntimeError) as error:
            raise ServiceFault(
                "FailedOperation.ErrorRecognize", f"The recognition failed: {error}."
            ) from error
        within = tuple(
            HeardWord(word, start_ms, min(end_ms, audio.duration_ms)) for word, start_ms, end_ms in words
        )
        return Heard(" ".join(word.word for word in within), within)

    def close(self) -> None:
        """Ends the worker processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Loads the model, once for each process."""
    global _decoder
    # Only the workers need the model's package.
    from pocketsphinx import Decoder

    # Ctrl-C reaches the whole process group; the parent ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")


def _hear(samples: NDArray[np.int16], sample_rate: int) -> list[tuple[str, int, int]]:
    """Recognizes in a worker: (word, start, end), times in milliseconds."""
    if sample_rate != SAMPLE_RATE:
        samples = soxr.resample(samples, sample_rate, SAMPLE_RATE)
    # Forgets the last utterance; without this, times and words depend on what came before.
    _decoder.reinit_feat()
    _decoder.start_utt()
    # As one whole utterance: normalized over all of it rather than as it goes (word error
    # rate 0.26 instead of 0.37 on seven read sentences).
    _decoder.process_raw(samples.tobytes(), full_utt=True)
    _decoder.end_utt()
    # None where the audio is too short for any hypothesis.
    segments = _decoder.seg() or ()
    return [
        (_VARIANT.sub("", segment.word), segment.start_frame * _FRAME_MS, (segment.end_frame + 1) * _FRAME_MS)
        for segment in segments
        if not segment.word.startswith(("<", "[", "++"))
    ]
