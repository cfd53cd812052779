"""How often the intervals of ``plan --sample`` hold the truth, and how wide they are.

Made-up corpora of which all is known (`benchmarks.sample_corpora`), sampled again and again. The
reference is the plain way: a simple random sample, the mean of it times the number of recordings,
and Student's interval.

    python -m benchmarks.plan_sample [--quick]
"""

from __future__ import annotations

import argparse
import math

import numpy as np

from benchmarks.sample_corpora import CORPORA, Corpus, Numbers
from benchmarks.tables import show
from pipeline.sampling import Figure, draw, estimate, student_quantile

_CORPUS_SEED = 7
_MAX_SECONDS = 59.0


def figures(corpus: Corpus, reads: int, seed: int) -> dict[str, tuple[Figure, float]]:
    """The estimate of each quantity from one sample, beside its true total."""
    strata = draw(corpus.sizes, corpus.kinds, reads, np.random.default_rng(seed))
    quantities = {
        "hours": (corpus.seconds, corpus.seconds),
        "speech": (corpus.speech_seconds, corpus.seconds),
        "calls": (corpus.calls, np.maximum(1.0, np.ceil(corpus.seconds / _MAX_SECONDS))),
    }
    return {
        name: (estimate(strata, values, most), float(values.sum()))
        for name, (values, most) in quantities.items()
    }


def plainly(values: Numbers, reads: int, seed: int) -> Figure:
    """The estimate by a simple random sample."""
    sample = np.random.default_rng(seed).choice(values, reads, replace=False)
    error = len(values) * float(sample.std(ddof=1)) / math.sqrt(reads) * math.sqrt(1 - reads / len(values))
    total, half = len(values) * float(sample.mean()), student_quantile(reads - 1) * error
    return Figure(total, total - half, total + half)


def coverage(found: list[tuple[Figure, float]]) -> str:
    """Of how many in 100 the interval held the truth, and half its median width."""
    held = sum(figure.low <= truth <= figure.high for figure, truth in found)
    width = float(np.median([(figure.high - figure.low) / 2 / truth for figure, truth in found]))
    return f"{100 * held / len(found):.0f}, {100 * width:.0f} %"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few trials with small corpora")
    quick = parser.parse_args().quick
    recordings, trials, samples = (1000, 5, (50,)) if quick else (6000, 200, (50, 100, 400))
    rows = []
    for name, make in CORPORA.items():
        corpus = make(np.random.default_rng(_CORPUS_SEED), recordings)
        for reads in samples:
            found = [figures(corpus, reads, seed) for seed in range(trials)]
            truth = float(corpus.calls.sum())
            plain = [(plainly(corpus.calls, reads, seed), truth) for seed in range(trials)]
            ours = [coverage([each[what] for each in found]) for what in ("hours", "speech", "calls")]
            rows.append((name, str(reads), *ours, coverage(plain)))
    title = f"{recordings:,} recordings, {trials} trials: the truth was held so often in 100; half the width"
    show(title, ("corpus", "read", "hours", "speech hours", "calls", "calls, plain sample (reference)"), rows)


if __name__ == "__main__":
    main()
