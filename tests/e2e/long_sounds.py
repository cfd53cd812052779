"""Long recordings, and what a run wrote of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.e2e.command import rows

TABLES = ("segments", "transcripts", "failures")
TWO_WORKERS = ("--", "--direct_num_workers=2", "--direct_running_mode=multi_threading")


def phrases(rate: int, minutes: float, seed: int = 0) -> np.ndarray:
    """Bursts of noise of a few seconds, each different, with silence that is never quite silent."""
    random = np.random.default_rng(seed)
    length = round(minutes * 60 * rate)
    samples = random.standard_normal(length) * 20
    place = 0
    while place < length:
        place += round(random.uniform(1, 9) * rate)
        burst = round(random.uniform(2, 12) * rate)
        samples[place : place + burst] *= 100
        place += burst
    return samples.astype(np.int16)


def told(output: Path) -> dict[str, list[dict[str, object]]]:
    """What a run wrote, but for what every run has another of."""
    own = {"run_id", "request_id", "recognized_at", "attempts", "recorded_at"}
    return {
        table: [
            {name: value for name, value in row.items() if name not in own} for row in rows(output, table)
        ]
        for table in TABLES
    }
